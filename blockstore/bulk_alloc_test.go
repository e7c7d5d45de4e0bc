//go:build !race

package blockstore

import (
	"io"
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
	get := func() {
		o, err := p.Get(t.Context(), "bucket", "k")
		if err != nil {
			t.Fatal(err)
		}
		defer o.Close()
		if err := o.WriteTo(t.Context(), io.Discard, 0, o.Info().Size); err != nil {
			t.Fatal(err)
		}
	}
	var puts, gets [2]uint64
	for i, size := range []int64{small, large} {
		puts[i], gets[i] = least(put(size)), least(get)
	}
	const stripes = (large - small) / (4 * 128 << 10)
	for name, of := range map[string][2]uint64{"PUT": puts, "GET": gets} {
		if of[1] > of[0]+stripes*200 {
			t.Errorf("a %s of %d MiB allocates %d bytes, one of %d MiB %d", name, small>>20, of[0], large>>20, of[1])
		}
	}
}
