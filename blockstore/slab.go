package blockstore

import (
	"sync"
	"unsafe"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

const (
	// slabBytes is what memory for buffers is allocated by, but for the first: that
	// is enough for small commits, and firstSlabBytes.
	slabBytes      = 16 << 20
	firstSlabBytes = 1 << 20
)

// slabs allocates the buffers of a pool, many at a time, so that most of them lie in
// huge pages: to write from such a one past the page cache costs a third of what it
// costs from small pages, of which the system has to hold each by itself.
//
// A slab of which no buffer is handed out may be collected when it is not used
// for a while. Buffers are taken from slabs that are in use first, so that there
// are never more of those than were needed at once.
type slabs struct {
	home *memory
	mu   sync.Mutex
	some []*slab   // with buffers that are handed out and buffers that are not
	idle sync.Pool // *slab, all of whose buffers are here
	made bool      // the first one
}

// slab is one of them.
type slab struct {
	free []*buffer
	all  int
}

func (s *slabs) get() *buffer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.some) == 0 {
		sl, _ := s.idle.Get().(*slab)
		if sl == nil {
			sl = s.make()
		}
		s.some = append(s.some, sl)
	}
	sl := s.some[len(s.some)-1]
	last := len(sl.free) - 1
	b := sl.free[last]
	if sl.free = sl.free[:last]; last == 0 {
		s.some = s.some[:len(s.some)-1]
	}
	return b
}

func (s *slabs) put(b *buffer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sl := b.slab
	if sl.free = append(sl.free, b); len(sl.free) == 1 && sl.all > 1 {
		s.some = append(s.some, sl)
	}
	if len(sl.free) < sl.all {
		return
	}
	for i, other := range s.some {
		if other == sl {
			s.some = append(s.some[:i], s.some[i+1:]...)
			break
		}
	}
	s.idle.Put(sl)
}

func (s *slabs) make() *slab {
	size := slabBytes
	if !s.made {
		s.made, size = true, firstSlabBytes
	}
	unit := s.home.columnBytes()
	n := max(1, size/unit)
	all := aligned(n * unit)
	hugePages(all)
	sl := &slab{all: n}
	for i := range n {
		sl.free = append(sl.free, &buffer{b: all[i*unit : (i+1)*unit : (i+1)*unit], home: s.home, slab: sl})
	}
	return sl
}

// aligned allocates n bytes that begin at a page boundary, as writes past the page
// cache want.
func aligned(n int) []byte {
	b := make([]byte, n+drive.PageBytes)
	skip := 0
	if rest := int(uintptr(unsafe.Pointer(&b[0])) % drive.PageBytes); rest != 0 {
		skip = drive.PageBytes - rest
	}
	return b[skip : skip+n : skip+n]
}
