package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
)

// TestLostCatalog erases the catalog on every drive between two starts, after an orderly end and after a kill. The
// journal gives all of it back: the same listing, times included, the same bytes, and nothing that was deleted.
func TestLostCatalog(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(seedOf(t), 0))
	d := newProcess(t, 6, "--segment-size", "1MiB") // many segments
	d.begin()
	s := newShelf()
	for round, end := range []func(){d.stop, d.kill, d.stop} {
		d.fill(s, fmt.Sprintf("round%d", round), 40, rng)
		d.fill(s, "each", 20, rng) // over what is there
		for range 15 {
			key, _, _ := s.any(rng)
			if err := d.call(t.Context(), http.MethodDelete, "/"+testBucket+"/"+key); err != nil {
				t.Fatal(err)
			}
			s.forget(key)
		}
		d.wantAll(s)
		before, err := d.listing(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		end()
		d.eraseCatalogs()
		d.start()
		d.wantAll(s)
		after, err := d.listing(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for key, o := range before {
			if got := after[key]; !got.Modified.Equal(o.Modified) {
				t.Errorf("%s is of %v, was of %v", key, got.Modified, o.Modified)
			}
		}
		if out, code := d.run("status"); code != exitDone {
			t.Errorf("status gives %d:\n%s", code, out)
		}
	}
}
