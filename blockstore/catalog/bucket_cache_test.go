package catalog

import (
	"errors"
	"fmt"
	"sync"
	"testing"
)

// TestBucketsRemembered has clients ask for a bucket all the while it is deleted
// and made again. None may be told anything that was over before it asked.
func TestBucketsRemembered(t *testing.T) {
	c := newCatalog(t, newFS(t, 2), Options{}, 2)
	var mu sync.Mutex
	var least, most uint64 // ids that may be told now; 0: that it is not there
	gone := true
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				mu.Lock()
				from, sure := least, !gone
				mu.Unlock()
				b, err := c.Bucket(t.Context(), "one")
				mu.Lock()
				to, still := most, !gone
				same := least == from && sure && still
				mu.Unlock()
				switch {
				case err == nil && (b.ID < from || b.ID > to):
					t.Errorf("bucket %d is told, which is none of %d to %d", b.ID, from, to)
				case errors.Is(err, ErrNotFound) && same && from == to:
					t.Errorf("bucket %d is not found", from)
				case err != nil && !errors.Is(err, ErrNotFound):
					t.Error(err)
				}
			}
		})
	}
	for range 200 {
		id := (c.Applied() + 1) << 16
		mu.Lock()
		most = id // from now on it may be seen
		mu.Unlock()
		apply(t, c, &BucketCreate{Name: "one"})
		mu.Lock()
		least, gone = id, false // and must be
		mu.Unlock()
		for range 3 { // from memory, too
			if b, err := c.Bucket(t.Context(), "one"); err != nil || b.ID != id {
				t.Fatalf("%+v, %v", b, err)
			}
			apply(t, c, &Setting{Name: "s", Value: fmt.Append(nil, id)})
		}
		mu.Lock()
		gone = true
		mu.Unlock()
		apply(t, c, &BucketDelete{Bucket: id})
		mu.Lock()
		least = id + 1
		mu.Unlock()
		if _, err := c.Bucket(t.Context(), "one"); !errors.Is(err, ErrNotFound) {
			t.Fatalf("a deleted bucket: %v", err)
		}
	}
	close(done)
	wg.Wait()
}

// TestBucketsForgotten takes the replicas away: what is remembered is no answer then.
func TestBucketsForgotten(t *testing.T) {
	c := newCatalog(t, newFS(t, 1), Options{}, 1)
	for i := range bucketCacheMax + 10 {
		apply(t, c, &BucketCreate{Name: fmt.Sprint("bucket", i)})
	}
	for i := range bucketCacheMax + 10 {
		if _, err := c.Bucket(t.Context(), fmt.Sprint("bucket", i)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(c.buckets.byName); n != bucketCacheMax {
		t.Errorf("%d buckets are remembered", n)
	}
	if err := c.Detach(t.Context(), "d0"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Bucket(t.Context(), fmt.Sprint("bucket", bucketCacheMax+9)); !errors.Is(err, ErrUnavailable) {
		t.Errorf("without replicas: %v", err)
	}
}
