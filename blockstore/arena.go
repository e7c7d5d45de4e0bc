package blockstore

import (
	"math/bits"
	"runtime"
	"sync"
	"unsafe"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// arena is the memory behind the buffers of a pool: one mapping that has room for
// all of them, outside Go's heap. The system gives it memory as buffers are used
// for the first time, in huge pages if it has them: to write from such a one past
// the page cache costs a third of what it costs from small pages, of which the
// system has to hold each by itself.
//
// The lowest buffers are handed out first, so that what was not needed for a while
// lies together at the end and is given back (trim). The mapping goes when nothing
// refers to the memory any more: whoever uses a buffer has to release it, and so
// refers to it until then.
type arena struct {
	mu      sync.Mutex
	mapped  []byte
	buffers []buffer
	free    []uint64 // a bit for each buffer
	peak    int      // one past the highest that was out since the last trim
	touched int      // one past the highest that may have memory
	onHeap  int      // bytes of Go's heap that it is, where there was no mapping to be had
}

// hugePageBytes is the size of a huge page where they are worth asking for.
const hugePageBytes = 2 << 20

// newArena has room for n buffers of unit bytes.
func newArena(home *memory, n, unit int) *arena {
	a := &arena{buffers: make([]buffer, n), free: make([]uint64, (n+63)/64)}
	mapping, give := mapMemory(n*unit + hugePageBytes)
	if give == nil {
		a.onHeap = len(mapping)
	}
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(mapping))) % hugePageBytes)
	a.mapped = mapping[skip : skip+n*unit : skip+n*unit]
	if len(a.mapped) >= 16*hugePageBytes { // a small budget is better off without: the first buffer would take a huge page
		hugePages(a.mapped)
	}
	for i := range a.buffers {
		a.buffers[i].b, a.buffers[i].home = a.mapped[i*unit:(i+1)*unit:(i+1)*unit], home
		a.free[i/64] |= 1 << (i % 64)
	}
	if give != nil {
		runtime.AddCleanup(a, func(mapping []byte) { give(mapping) }, mapping)
	}
	return a
}

// get takes a buffer. The shares see to it that there is one.
func (a *arena) get() *buffer {
	a.mu.Lock()
	defer a.mu.Unlock()
	for word, some := range a.free {
		if some == 0 {
			continue
		}
		bit := bits.TrailingZeros64(some)
		a.free[word] &^= 1 << bit
		i := word*64 + bit
		a.peak = max(a.peak, i+1)
		a.touched = max(a.touched, i+1)
		return &a.buffers[i]
	}
	panic("blockstore: more buffers are out than the shares have")
}

func (a *arena) put(b *buffer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	unit := uintptr(len(b.b))
	i := int((uintptr(unsafe.Pointer(unsafe.SliceData(b.b))) - uintptr(unsafe.Pointer(unsafe.SliceData(a.mapped)))) / unit)
	a.free[i/64] |= 1 << (i % 64)
}

// trim gives back the memory behind the highest buffers that were not out since
// the trim before.
func (a *arena) trim() {
	a.mu.Lock()
	defer a.mu.Unlock()
	peak := 0
	for i := len(a.buffers); i > 0 && peak == 0; i-- {
		if a.free[(i-1)/64]&(1<<((i-1)%64)) == 0 {
			peak = i
		}
	}
	least := max(a.peak, peak)
	a.peak = peak
	if least >= a.touched {
		return
	}
	unit := len(a.mapped) / len(a.buffers)
	from := (least*unit + hugePageBytes - 1) / hugePageBytes * hugePageBytes
	if to := a.touched * unit; from < to {
		dropMemory(a.mapped[from:min(len(a.mapped), (to+drive.PageBytes-1)/drive.PageBytes*drive.PageBytes)])
	}
	a.touched = least
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
