//go:build !race

package blockstore

import (
	"runtime"
	"testing"
)

// TestBulkAllocations: what a large PUT and GET allocate does not grow with the body. Of the
// least of several, since the catalog allocates now and then by itself.
func TestBulkAllocations(t *testing.T) {
	p := benchPool(t)
	const small, large = 2 << 20, 16 << 20
	least := func(run func()) (bytes uint64) {
		var before, after runtime.MemStats
		for i := range 6 {
			runtime.ReadMemStats(&before)
			run()
			runtime.ReadMemStats(&after)
			if n := after.TotalAlloc - before.TotalAlloc; i == 1 || i > 0 && n < bytes { // the first makes what the others use
				bytes = n
			}
		}
		return bytes
	}
	put := func(size int64) func() {
		return func() {
			if _, err := p.Put(t.Context(), "bucket", "k", &blank{size}, PutOptions{Size: size}); err != nil {
				t.Fatal(err)
			}
		}
	}
	put(large)()
	base := least(put(small))
	stripes := uint64((large - small) / (4 * 128 << 10))
	if more := least(put(large)); more > base+stripes*200 {
		t.Errorf("a PUT of %d MiB allocates %d bytes, one of %d %d: %d for each stripe", small>>20, base, large>>20, more, int64(more-base)/int64(stripes))
	}
}
