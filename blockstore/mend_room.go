package blockstore

import (
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"
)

// mendRoom is the memory that one walk reads into and writes from: units of one
// size in a mapping outside Go's heap, in huge pages if the system has them. A read past the
// page cache into such a one is one piece to the disk, and one into small pages is as many as it
// has pages: on a virtual disk that is twice as fast, for a third of the CPU.
//
// Invariant: as long as a read or write may be under way, it holds the room, or
// else another walk would find in its units what a drive that hung has read late.
// So a room is used again, or given back, only when nobody holds it; and
// who leaves a read behind does not return its unit.
type mendRoom struct {
	home *mendRooms
	unit int // bytes
	all  []byte
	give func([]byte) // nil: all is of Go's heap

	refs atomic.Int32
	mu   sync.Mutex
	free [][]byte
}

// mendRooms keeps the rooms of walks that have ended for those to come, since to take
// memory from the system anew costs more than to read into it.
type mendRooms struct {
	mu     sync.Mutex
	spare  []*mendRoom
	quiet  bool // none was asked for since the last trim
	closed bool
}

// mendRoomsSpare is how many rooms are kept: as many as rebuild has walks under way by itself.
const mendRoomsSpare = 2

// mendHugeMin is from how many bytes on a room is worth huge pages.
const mendHugeMin = 2 * hugePageBytes

// get is a room with at least so many units of so many bytes. Release it at the end.
func (h *mendRooms) get(units, unit int) *mendRoom {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.quiet = false
	for i, r := range h.spare {
		if r.unit == unit && len(r.all)-hugePageBytes >= units*unit {
			h.spare = slices.Delete(h.spare, i, i+1)
			r.begin()
			return r
		}
	}
	r := &mendRoom{home: h, unit: unit}
	r.all, r.give = mapMemory(units*unit + hugePageBytes)
	if skip := r.skip(); units*unit >= mendHugeMin {
		hugePages(r.all[skip : skip+units*unit])
	}
	r.begin()
	return r
}

// begin makes all units free. Nobody holds the room.
func (r *mendRoom) begin() {
	r.refs.Store(1)
	skip, n := r.skip(), (len(r.all)-hugePageBytes)/r.unit
	r.free = r.free[:0]
	for i := n - 1; i >= 0; i-- { // the first ones are taken first: what is not touched takes no memory
		at := skip + i*r.unit
		r.free = append(r.free, r.all[at:at+r.unit:at+r.unit])
	}
}

// skip is where the first huge page begins.
func (r *mendRoom) skip() int {
	return int(-uintptr(unsafe.Pointer(unsafe.SliceData(r.all))) % hugePageBytes)
}

// take gives a unit of memory that begins at a page. Where there is none left it is of Go's heap.
func (r *mendRoom) take() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.free); n > 0 {
		b := r.free[n-1]
		r.free = r.free[:n-1]
		return b
	}
	return aligned(r.unit)
}

// put returns a unit that nothing reads into or writes from any more.
func (r *mendRoom) put(b []byte) {
	if b == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.free = append(r.free, b[:r.unit:r.unit])
}

// Hold keeps the room from being used for another walk, until one more Release.
func (r *mendRoom) Hold() { r.refs.Add(1) }

// Release ends what Hold or get began.
func (r *mendRoom) Release() {
	switch n := r.refs.Add(-1); {
	case n == 0:
		r.home.keep(r)
	case n < 0:
		panic("blockstore: memory for mending was released twice")
	}
}

// keep takes a room back that nobody holds.
func (h *mendRooms) keep(r *mendRoom) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r.free = nil // units of the heap may be among them
	if h.spare = append(h.spare, r); len(h.spare) > mendRoomsSpare || h.closed {
		h.spare[0].unmap()
		h.spare = slices.Delete(h.spare, 0, 1)
	}
}

// trim gives back to the system what no walk has asked for since the trim before.
func (h *mendRooms) trim() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.quiet {
		h.unmap()
	}
	h.quiet = true
}

// close gives everything back that nobody holds. What is held goes when it is released.
func (h *mendRooms) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	h.unmap()
}

func (h *mendRooms) unmap() {
	for _, r := range h.spare {
		r.unmap()
	}
	h.spare = nil
}

func (r *mendRoom) unmap() {
	if r.give != nil {
		r.give(r.all)
	}
	r.all = nil
}
