package blockstore

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
)

// TestLongEntriesPerBatch: changes with short records that write long entries do not
// all go into one batch, which the catalog would take for ever to apply, and GiBs of memory (R21).
func TestLongEntriesPerBatch(t *testing.T) {
	p, o, _ := poolWithBucket(t, 6, nil)
	id := beginUpload(t, p, "k")
	const parts = 1000
	var numbers []int
	var wg sync.WaitGroup
	for n := range parts {
		numbers = append(numbers, n+1)
		wg.Go(func() {
			_, err := p.PutPart(t.Context(), "bucket", "k", id, n+1, strings.NewReader("x"), PartOptions{
				Size: 1, Finish: func() (Finished, error) { return Finished{System: pairsOf("note", strings.Repeat("x", 2000))}, nil },
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	info, err := p.CompleteUpload(t.Context(), "bucket", "k", id, CompleteOptions{Numbers: numbers})
	must(t, err)
	const amends, entry = 40, parts * 2000
	before := p.batches.Load()
	for i := range amends {
		wg.Go(func() {
			if err := p.SetSystem(t.Context(), "bucket", "k", info.Version, pairsOf("tag", fmt.Sprint(i))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	const perBatch = batchEntriesMax/entry + 1
	if n := p.batches.Load() - before; n < amends/perBatch {
		t.Errorf("%d changes, which write %d bytes each, went into %d batches", amends, entry, n)
	}
	for range amends {
		wg.Go(func() { // none of which finds what it asks for
			cond := Condition{IfMatch: []string{"another"}}
			if _, err := p.Delete(t.Context(), "bucket", "k", cond); !errors.Is(err, ErrPrecondition) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	must(t, p.Close(t.Context()))
	o.Init = false
	p = openPool(t, o)
	if got, err := p.Stat(t.Context(), "bucket", "k"); err != nil || len(got.Parts) != parts || got.Version != info.Version || got.System[0].Name != "tag" {
		t.Errorf("%d parts, version %d, %v, %v", len(got.Parts), got.Version, got.System, err)
	}
}
