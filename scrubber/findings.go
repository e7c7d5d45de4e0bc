package scrubber

import (
	"encoding/json"
	"fmt"
	"slices"
)

const (
	findingsMost     = 1000
	findingTextMost  = 4 << 10  // bytes
	findingBytesMost = 32 << 10 // as JSON
	pageBytesMost    = 48 << 10 // as JSON: less than the pool takes under one name
	pagesMost        = 64
)

// page is a part of the findings that is stored as one.
type page struct {
	number uint32
	list   []Finding
	bytes  int
	dirty  bool // not stored as it is
}

func (p *page) name() string { return pageName(p.number) }

func pageName(number uint32) string { return fmt.Sprintf("scrub/findings/%08x", number) }

// findings are what the run, and segments brought forward since, have shown.
// The oldest pages are dropped when there are too many.
type findings struct {
	pages   []*page
	next    uint32   // number of the next page
	gone    []uint32 // pages that are to be removed from the store
	dropped int      // findings not mended that went with dropped pages
}

func (f *findings) add(x Finding) {
	x, size := fit(x)
	if n := len(f.pages); n == 0 || f.pages[n-1].bytes+size > pageBytesMost {
		f.pages = append(f.pages, &page{number: f.next})
		f.next++
	}
	p := f.pages[len(f.pages)-1]
	p.list = append(p.list, x)
	p.bytes += size
	p.dirty = true
	for len(f.pages) > pagesMost || f.count()-len(f.pages[0].list) >= findingsMost {
		f.dropped += notMended(f.pages[0].list)
		f.remove(0)
	}
}

// fit shortens a finding to what can be stored, and gives its size there.
func fit(x Finding) (Finding, int) {
	if len(x.Text) > findingTextMost {
		x.Text = x.Text[:findingTextMost] + "…"
	}
	for {
		raw, err := json.Marshal(x)
		if err != nil { // a time beyond the year 9999
			return Finding{Text: x.Text, Mended: x.Mended}, findingBytesMost
		}
		if len(raw) <= findingBytesMost || len(x.Objects) == 0 {
			return x, len(raw) + 1
		}
		keep := len(x.Objects) / 2
		x.ObjectsMore += len(x.Objects) - keep
		x.Objects = x.Objects[:keep:keep]
	}
}

// supersede drops what an earlier examination of a segment could not mend: a
// later one has looked again.
func (f *findings) supersede(segment uint64) {
	for i := len(f.pages) - 1; i >= 0; i-- {
		p := f.pages[i]
		before := len(p.list)
		p.list = slices.DeleteFunc(p.list, func(x Finding) bool { return x.Segment == segment && !x.Mended })
		if len(p.list) == before {
			continue
		}
		p.dirty = true // its bytes stay as they were: a bound is enough
		if len(p.list) == 0 {
			f.remove(i)
		}
	}
}

func (f *findings) remove(i int) {
	f.gone = append(f.gone, f.pages[i].number)
	f.pages = slices.Delete(f.pages, i, i+1)
}

func (f *findings) clear() {
	for len(f.pages) > 0 {
		f.remove(len(f.pages) - 1)
	}
	f.dropped = 0
}

func (f *findings) count() (n int) {
	for _, p := range f.pages {
		n += len(p.list)
	}
	return n
}

// remaining counts those that are not mended.
func (f *findings) remaining() int {
	n := f.dropped
	for _, p := range f.pages {
		n += notMended(p.list)
	}
	return n
}

// remainsOf says whether a segment has one that is not mended.
func (f *findings) remainsOf(segment uint64) bool {
	return slices.ContainsFunc(f.pages, func(p *page) bool {
		return slices.ContainsFunc(p.list, func(x Finding) bool { return x.Segment == segment && !x.Mended })
	})
}

// last gives the last 1000, the oldest first.
func (f *findings) last() []Finding {
	list := make([]Finding, 0, f.count())
	for _, p := range f.pages {
		list = append(list, p.list...)
	}
	return list[max(0, len(list)-findingsMost):]
}

func (f *findings) numbers() []uint32 {
	list := make([]uint32, len(f.pages))
	for i, p := range f.pages {
		list[i] = p.number
	}
	return list
}

func notMended(list []Finding) (n int) {
	for _, x := range list {
		if !x.Mended {
			n++
		}
	}
	return n
}
