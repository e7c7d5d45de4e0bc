package blockstore

import "testing"

// TestArena hands out the lowest buffers first, each once, and gives the memory
// behind those back that were not out between two trims.
func TestArena(t *testing.T) {
	mem := newMemory(32<<20, 4, 2)
	a := mem.arena
	n := len(a.buffers)
	if n*mem.columnBytes() > 40<<20 {
		t.Fatalf("%d buffers of %d bytes for 32 MiB", n, mem.columnBytes())
	}
	out := make([]*buffer, n)
	for i := range out {
		out[i] = a.get()
		if out[i] != &a.buffers[i] {
			t.Fatalf("buffer %d is not the lowest free one", i)
		}
		out[i].b[0], out[i].b[len(out[i].b)-1] = byte(i), byte(i)
	}
	for i, b := range out {
		if b.b[0] != byte(i) || b.b[len(b.b)-1] != byte(i) {
			t.Fatalf("buffer %d shares memory with another", i)
		}
	}
	for _, b := range out[3:] {
		a.put(b)
	}
	a.trim()
	if a.touched != n {
		t.Errorf("%d buffers have memory after a trim while %d were needed", a.touched, n)
	}
	a.trim()
	if a.touched != 3 {
		t.Errorf("%d buffers have memory, 3 are out", a.touched)
	}
	for i, b := range out[:3] {
		if b.b[0] != byte(i) {
			t.Errorf("buffer %d lost what is in it", i)
		}
	}
	if b := a.get(); b != out[3] {
		t.Error("the lowest free buffer is not handed out after a trim")
	}
}

// TestArenaOnHeap: what had to be taken of Go's heap is said, and what was mapped outside of it is not.
func TestArenaOnHeap(t *testing.T) {
	mem := newMemory(32<<20, 4, 2)
	_, give := mapMemory(1 << 20)
	if outside := give != nil; outside != (mem.arena.onHeap == 0) || !outside && mem.arena.onHeap < 32<<20 {
		t.Errorf("%d bytes are of Go's heap, mapped outside of it: %v", mem.arena.onHeap, outside)
	}
}
