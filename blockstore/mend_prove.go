package blockstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cespare/xxhash/v2"
)

// What mending wrote is proved: made durable, then read back past the page cache
// and compared (R16). Of a long file that is done part by part while the rest is
// made, else nothing but reading one file would be under way at the end of each.
//
// Invariant: a block counts once a sync that was queued behind its write has ended
// well, and it was read from the drive after that. No block is written twice
// by one walk, so what was proved stays so. No part counts by itself: the file does
// when all of them do (finish). (A file system without O_DIRECT whose page cache has
// large folios may keep one that the next part is being written to, and with it some
// pages at the end of the part that is read back.)

// proveEvery is after how many bytes a part is proved: a sync for each.
const proveEvery = 32 << 20

// finish proves what was written.
func (w *blockWriter) finish(ctx context.Context) error {
	w.flush(ctx)
	for w.pending > 0 && w.await() {
	}
	if w.check != nil {
		w.proved(<-w.check)
	}
	if w.err != nil || len(w.blocks) == 0 {
		return w.err
	}
	return w.proof(ctx, w.blocks)
}

// due says whether a part is long enough to be proved.
func (w *blockWriter) due() bool {
	return w.unproved >= cmp.Or(w.p.opt.proveEvery, proveEvery)
}

// prove begins to prove what was queued so far, unless it is at a part already.
func (w *blockWriter) prove(ctx context.Context) {
	if w.check != nil {
		select {
		case err := <-w.check:
			w.proved(err)
		default:
			return
		}
	}
	blocks, out := w.blocks, make(chan error, 1)
	w.blocks, w.unproved, w.check = nil, 0, out
	w.p.wg.Go(func() { out <- w.proof(ctx, blocks) })
}

// proved takes in what came of a part. What went wrong with a write comes first: it
// says more than what a reader found of it.
func (w *blockWriter) proved(err error) {
	w.check = nil
	if w.err == nil {
		w.err = err
	}
}

// proof makes blocks durable, whose writes were queued, and reads them back.
func (w *blockWriter) proof(ctx context.Context, blocks []writtenBlock) error {
	done := make(chan error, 1)
	turn, err := w.work.Turn(ctx, w.on)
	if err != nil {
		return err
	}
	w.f.Sync(func(err error) {
		turn.End()
		done <- err
	})
	late := time.NewTimer(w.p.patience)
	defer late.Stop()
	select {
	case err := <-done:
		if err != nil {
			return err
		}
	case <-late.C:
		return errHung
	}
	if err := w.d.Present(); err != nil { // open descriptors prove nothing (R13)
		return err
	}
	return w.readBack(ctx, blocks)
}

// errReadBack: a drive took a write, said that it is durable, and has something
// else now.
var errReadBack = errors.New("what was written does not read back the same")

func (w *blockWriter) readBack(ctx context.Context, blocks []writtenBlock) error {
	if err := w.f.PastCache(); err != nil {
		return err
	}
	var bytes int64
	r := &reader{p: w.p, work: w.work, on: w.on, f: w.f, room: w.room, bytes: &bytes}
	defer r.done()
	for i, b := range blocks {
		if b.off >= r.end { // not beyond what was written on end
			r.end = b.off
			for _, next := range blocks[i:] {
				if next.off != r.end {
					break
				}
				r.end += int64(next.n)
			}
		}
		if err := r.load(ctx, b.off, int(b.n), w.pace); err != nil {
			return err
		}
		if xxhash.Sum64(r.get(b.off, int(b.n))) != b.sum {
			return fmt.Errorf("%s, segment %v, offset %d: %w", w.d.Dir(), w.f.Segment(), b.off, errReadBack)
		}
	}
	return nil
}
