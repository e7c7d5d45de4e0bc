package blockstore

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
)

// openFilesMax bounds the files of sealed segments that are kept open. Segments
// that are open, or pinned by requests, may come on top.
const openFilesMax = 512

// openFiles counts the open files of all segments, and knows which were used last.
type openFiles struct {
	n     atomic.Int64
	clock atomic.Int64 // rises with every use
	mu    sync.Mutex   // one trim at a time
}

// used notes that a file of the segment was asked for.
func (o *openFiles) used(seg *segment) { seg.used.Store(o.clock.Add(1)) }

// trimFiles closes files of the sealed segments that were used longest ago, when
// more are open than should be. They are opened again when they are read.
func (p *Pool) trimFiles() {
	o := &p.files
	if o.n.Load() <= openFilesMax || !o.mu.TryLock() {
		return
	}
	defer o.mu.Unlock()
	type candidate struct {
		seg  *segment
		used int64
	}
	var list []candidate
	for _, s := range p.segments.all() {
		list = append(list, candidate{s, s.used.Load()})
	}
	slices.SortFunc(list, func(a, b candidate) int { return cmp.Compare(a.used, b.used) })
	for _, c := range list {
		if o.n.Load() <= openFilesMax*3/4 {
			return
		}
		o.n.Add(-c.seg.closeIdle())
	}
}

// closeIdle closes the files of a sealed segment that nobody has pinned, and
// says how many those were. Who pins a segment asks for its files afterwards, so
// nobody who has pinned it loses one.
func (s *segment) closeIdle() (n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.sealed || s.pins.Load() > 0 {
		return 0
	}
	return s.closeFilesLocked()
}
