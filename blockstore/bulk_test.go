package blockstore

import (
	"fmt"
	"io"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// TestPartsSentAtOnceAreFewPieces: as many parts as clients send at once have a
// segment each, so that what becomes of them has few extents, of which an object
// has only so many.
func TestPartsSentAtOnceAreFewPieces(t *testing.T) {
	p, _, _ := poolWithBucket(t, 6, func(o *Options) { o.MemoryBytes = 64 << 20 })
	id := beginUpload(t, p, "k")
	const stripes = 12
	stripe := 4 * drive.MaxColumnBytes
	var group errgroup.Group
	turn := make([]chan struct{}, bulkOpenMax) // each sends a stripe when the one before it has
	for i := range turn {
		turn[i] = make(chan struct{}, 1)
	}
	var numbers []int
	for i := range bulkOpenMax {
		numbers = append(numbers, i+1)
		r, w := io.Pipe()
		group.Go(func() error {
			for range stripes {
				<-turn[i]
				if _, err := w.Write(randomBody(uint64(i), stripe)); err != nil {
					return err
				}
				turn[(i+1)%bulkOpenMax] <- struct{}{}
			}
			return w.Close()
		})
		group.Go(func() error {
			_, err := p.PutPart(t.Context(), "bucket", "k", id, i+1, r, PartOptions{Size: -1})
			if err != nil {
				return fmt.Errorf("part %d: %w", i+1, err)
			}
			return nil
		})
	}
	turn[0] <- struct{}{}
	must(t, group.Wait())
	_, err := p.CompleteUpload(t.Context(), "bucket", "k", id, CompleteOptions{Numbers: numbers})
	must(t, err)
	o, err := p.Get(t.Context(), "bucket", "k")
	must(t, err)
	defer o.Close()
	if n, most := len(o.object.Extents), 3*bulkOpenMax; n > most {
		t.Errorf("%d parts of %d stripes lie in %d extents, want %d at most", bulkOpenMax, stripes, n, most)
	}
}
