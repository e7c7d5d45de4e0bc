package blockstore

import (
	"context"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
)

// ahead computes what a batch changes in the catalog while the batch is on its way
// to the drives, which takes about as long as they take to sync.
//
// Crash argument: nothing is applied before the batch is durable (R5). What is
// computed is in memory alone, and depends on the batches before this one and on
// the place where it is being written. When it has to be written elsewhere, what
// was computed is thrown away and computed again.
type ahead struct {
	p      *Pool
	cancel context.CancelFunc // of the computing that is under way; nil: none is
	result chan preparedBatch
	begun  int // computings
}

// once says that what was applied was the only computing there was. So none is left
// behind that would still read the batch: a batch that is written elsewhere is not
// waited for.
func (a *ahead) once() bool { return a.begun == 1 }

type preparedBatch struct {
	changes catalog.Prepared
	err     error
}

// onItsWay is called when the batch was queued for the drives at a place. It does
// not wait: a replica of the catalog may hang in its drive, and it is the batch's
// own drives that say when that is left out (R13).
func (b *batch) onItsWay(ctx context.Context, place catalog.Place) {
	a := b.ahead
	if a == nil {
		return
	}
	a.drop()
	a.begun++
	ctx, a.cancel = context.WithCancel(ctx)
	result := make(chan preparedBatch, 1)
	a.result = result
	batch := b.applied(place)
	a.p.wg.Go(func() {
		changes, err := a.p.catalog.Prepare(ctx, batch)
		result <- preparedBatch{changes, err}
	})
}

// drop gives up what is being computed, if anything is.
func (a *ahead) drop() {
	if a.cancel != nil {
		a.cancel()
		a.cancel = nil
	}
}

// apply applies the batch, which is durable at that place, where it was queued last.
func (a *ahead) apply(ctx context.Context, b *batch, place catalog.Place) error {
	defer a.drop()
	select {
	case r := <-a.result:
		if r.err != nil { // the same error, or a better answer
			return a.p.catalog.Apply(ctx, b.applied(place))
		}
		return a.p.catalog.ApplyPrepared(ctx, r.changes)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// applied is the batch as the catalog takes it.
func (b *batch) applied(place catalog.Place) catalog.Batch {
	return catalog.Batch{LSN: b.lsn, UID: b.uid, Records: b.records, Place: place}
}
