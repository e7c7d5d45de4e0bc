package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/holdfast-storage/holdfast/bench"
	"github.com/holdfast-storage/holdfast/blockstore"
)

// page lists the load's objects after a key.
func (r *Runner) page(ctx context.Context, after string) (blockstore.ListPage, error) {
	return r.pool.List(ctx, r.load.Bucket, blockstore.ListOptions{
		Prefix: fmt.Sprintf("%s/%d/", r.load.Prefix, r.load.Size), After: after, Max: bench.ListKeys,
	})
}

// findPages goes through the whole list once and notes where its pages begin,
// but for the last one, which need not be full.
func (r *Runner) findPages(ctx context.Context) error {
	r.pages = nil
	for after := ""; ; {
		page, err := r.page(ctx, after)
		if err != nil {
			return err
		}
		if len(page.Objects) == bench.ListKeys {
			r.pages = append(r.pages, after)
		}
		if !page.Truncated || r.load.FirstPage {
			break
		}
		after = page.Next
	}
	if len(r.pages) == 0 {
		return fmt.Errorf("a page of a LIST has %d keys: the load wants at least as many objects", bench.ListKeys)
	}
	return nil
}

// list asks for a full page, somewhere.
func (r *Runner) list(ctx context.Context, c *client) (int64, bool, error) {
	if len(r.pages) == 0 {
		return 0, false, errors.New("a LIST was begun before it was prepared")
	}
	page, err := r.page(ctx, r.pages[c.rng.IntN(len(r.pages))])
	if err == nil && len(page.Objects) != bench.ListKeys {
		err = fmt.Errorf("a page of a LIST has %d keys of %d", len(page.Objects), bench.ListKeys)
	}
	return 0, true, err
}
