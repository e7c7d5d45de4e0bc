package faultfs

import (
	"io"
	"math/bits"
	"slices"
)

const (
	pageBytes   = 4096
	sectorBytes = 512
)

// page is never changed once a file holds it.
type page [pageBytes]byte

// content is the bytes of a file. A nil page is a hole and reads as zeros.
type content struct {
	cache, disk []*page // what reads see; what is durable
	before      []*page // what each page held before the last write to it
	// The slices may be shared with images; a shared one is copied before it is changed.
	cacheShared, diskShared, beforeShared bool

	size, diskSize int64  // bytes, seen and durable
	dirty          bitmap // pages to be made durable by the next sync
	sizeDirty      bool
}

// pagesOf returns the number of pages that n bytes take.
func pagesOf(n int64) int { return int((n + pageBytes - 1) / pageBytes) }

// own makes *pages a slice of at least n that only this file has.
func own(pages *[]*page, shared *bool, n int) {
	if *shared {
		*pages = append(make([]*page, 0, max(n, len(*pages))+8), *pages...)
		*shared = false
	}
	for len(*pages) < n {
		*pages = append(*pages, nil)
	}
}

// holes counts the pages of [off, off+n) that a write would allocate.
func (c *content) holes(off, n int64) int {
	count := 0
	for i := int(off / pageBytes); i < pagesOf(off+n); i++ {
		if i >= len(c.cache) || c.cache[i] == nil {
			count++
		}
	}
	return count
}

// allocated counts the pages that are not holes.
func (c *content) allocated() int {
	count := 0
	for _, p := range c.cache {
		if p != nil {
			count++
		}
	}
	return count
}

func (c *content) write(p []byte, off int64) {
	if len(p) == 0 {
		return
	}
	end := off + int64(len(p))
	first, last := int(off/pageBytes), pagesOf(end)
	own(&c.cache, &c.cacheShared, last)
	own(&c.before, &c.beforeShared, last)
	fresh := make([]page, last-first)
	for i := first; i < last; i++ {
		at := int64(i) * pageBytes
		from, to := max(off, at), min(end, at+pageBytes)
		now := &fresh[i-first]
		if old := c.cache[i]; old != nil && to-from < pageBytes {
			*now = *old
		}
		copy(now[from-at:to-at], p[from-off:to-off])
		c.before[i], c.cache[i] = c.cache[i], now
		c.dirty.set(i)
	}
	if end > c.size {
		c.size, c.sizeDirty = end, true
	}
}

// read copies from off on what pages hold, up to size.
func (c *content) read(pages []*page, p []byte, off int64) (int, error) {
	if off >= c.size {
		if len(p) == 0 {
			return 0, nil
		}
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), c.size-off))
	for done := 0; done < n; {
		i, at := int((off+int64(done))/pageBytes), int((off+int64(done))%pageBytes)
		part := p[done:min(n, done+pageBytes-at)]
		if i < len(pages) && pages[i] != nil {
			copy(part, pages[i][at:])
		} else {
			clear(part)
		}
		done += len(part)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// sync makes the first limit dirty pages durable, and the size if that is all of
// them; all pages are clean then. A failing sync passes a limit.
func (c *content) sync(limit int) {
	own(&c.disk, &c.diskShared, len(c.cache))
	whole := true
	for i := range c.dirty.all {
		if limit == 0 {
			whole = false
			break
		}
		limit--
		c.disk[i] = c.cache[i]
		c.diskSize = max(c.diskSize, min(c.size, int64(i+1)*pageBytes))
	}
	if whole && limit > 0 {
		c.diskSize = c.size
	}
	clear(c.dirty)
	c.sizeDirty = false
}

// stays says whether a page is not dropped: it, or one of the same folio, is dirty.
func (c *content) stays(i, folio int) bool {
	folio = max(1, folio)
	for page := i - i%folio; page < i-i%folio+folio; page++ {
		if c.dirty.has(page) {
			return true
		}
	}
	return false
}

// drop makes clean pages read as what is durable.
func (c *content) drop(folio int) {
	for i, p := range c.cache {
		var durable *page
		if i < len(c.disk) {
			durable = c.disk[i]
		}
		if p != durable && !c.stays(i, folio) {
			own(&c.cache, &c.cacheShared, 0)
			c.cache[i] = durable
		}
	}
}

// seen is a copy that holds, durably, what reads see.
func (c *content) seen() content {
	c.cacheShared = true
	return content{cache: c.cache, disk: c.cache, cacheShared: true, diskShared: true, size: c.size, diskSize: c.size}
}

// killed is a copy as it is after the process ended: all as it was.
func (c *content) killed() content {
	c.cacheShared, c.diskShared, c.beforeShared = true, true, true
	twin := *c
	twin.dirty = nil
	if !c.dirty.empty() {
		twin.dirty = slices.Clone(c.dirty)
	}
	return twin
}

// cut is a copy as it is after a power cut that keeps each dirty page, and the
// size, with a chance of keep in 100. One kept page in eight is torn: each of its
// sectors is the new one or the old one.
func (c *content) cut(keep int, r *stream) content {
	if keep <= 0 || c.dirty.empty() && !c.sizeDirty {
		c.diskShared = true
		return content{cache: c.disk, disk: c.disk, cacheShared: true, diskShared: true, size: c.diskSize, diskSize: c.diskSize}
	}
	pages := append(make([]*page, 0, len(c.cache)), c.disk...)
	for len(pages) < len(c.cache) {
		pages = append(pages, nil)
	}
	size := c.diskSize
	for i := range c.dirty.all {
		if !r.chance(keep) {
			continue
		}
		kept := c.cache[i]
		if keep < 100 && r.next()%8 == 0 {
			kept = torn(pages[i], kept, r)
		}
		pages[i] = kept
		size = max(size, min(c.size, int64(i+1)*pageBytes))
	}
	if c.sizeDirty && r.chance(keep) {
		size = c.size
	}
	return content{cache: pages, disk: pages, cacheShared: true, diskShared: true, size: size, diskSize: size}
}

// torn mixes the sectors of two pages; old may be nil.
func torn(old, now *page, r *stream) *page {
	mixed := new(page)
	if old != nil {
		*mixed = *old
	}
	which := r.next()
	for s := range pageBytes / sectorBytes {
		if which>>s&1 == 1 {
			copy(mixed[s*sectorBytes:(s+1)*sectorBytes], now[s*sectorBytes:])
		}
	}
	return mixed
}

// bitmap is a set of small numbers.
type bitmap []uint64

func (b *bitmap) set(i int) {
	for len(*b) <= i/64 {
		*b = append(*b, 0)
	}
	(*b)[i/64] |= 1 << (i % 64)
}

func (b bitmap) has(i int) bool { return i/64 < len(b) && b[i/64]>>(i%64)&1 == 1 }

func (b bitmap) empty() bool {
	for _, word := range b {
		if word != 0 {
			return false
		}
	}
	return true
}

// all yields the members in ascending order.
func (b bitmap) all(yield func(int) bool) {
	for w, word := range b {
		for ; word != 0; word &= word - 1 {
			if !yield(w*64 + bits.TrailingZeros64(word)) {
				return
			}
		}
	}
}

// stream is a sequence of random numbers that depends on a seed and on what it
// is for, and on nothing else (SplitMix64, Steele et al., OOPSLA 2014).
type stream uint64

func newStream(seed, about uint64) *stream {
	s := stream(seed)
	s = stream(s.next() ^ about*0xd1342543de82ef95)
	return &s
}

func (s *stream) next() uint64 {
	*s += 0x9e3779b97f4a7c15
	z := uint64(*s)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func (s *stream) chance(percent int) bool { return int(s.next()%100) < percent }
