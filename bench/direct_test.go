package bench

import (
	"testing"
	"unsafe"
)

// TestDirectBuffers: they begin on pages, are apart, and are as long as was asked.
func TestDirectBuffers(t *testing.T) {
	for _, c := range []struct{ count, bytes int }{{1, PageBytes}, {6, 1 << 20}, {3, 33 * PageBytes}} {
		buffers := DirectBuffers(c.count, c.bytes)
		for i, b := range buffers {
			if len(b) != c.bytes || cap(b) != c.bytes || uintptr(unsafe.Pointer(unsafe.SliceData(b)))%PageBytes != 0 {
				t.Errorf("%d of %d: buffer %d has %d bytes, room for %d, at %p", c.count, c.bytes, i, len(b), cap(b), unsafe.SliceData(b))
			}
			for j := range b {
				b[j] = byte(i + 1)
			}
		}
		for i, b := range buffers {
			if b[0] != byte(i+1) || b[c.bytes-1] != byte(i+1) {
				t.Errorf("%d of %d: buffer %d is not its own", c.count, c.bytes, i)
			}
		}
	}
}
