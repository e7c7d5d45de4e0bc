package blockstore

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cespare/xxhash/v2"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// What mending wrote is proved: made durable, then read back past the page cache
// and compared (R16). Of a long file that is done part by part while the rest is
// made, else nothing but reading one file would be under way at the end of each.
//
// Invariant: a block counts once a sync that was queued behind its write has ended
// well, and it was read from the drive after that. No block is written twice
// by one walk, so what was proved stays so. No part counts by itself: the file does
// when all of them do (finish). A block that the page cache may still hold after it was
// dropped, since the file system has no way past it and the next part is being written to
// the same folio, is not read back with its part, but with the next one: with the
// last, at the latest, when nothing is dirty any more.

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

// checked is what came of proving a part: what is left to be proved, and what went wrong.
type checked struct {
	left []writtenBlock
	err  error
}

// due says whether a part is long enough to be proved.
func (w *blockWriter) due() bool {
	return w.unproved >= cmp.Or(w.p.opt.proveEvery, proveEvery)
}

// prove begins to prove what was queued so far, unless it is at a part already.
func (w *blockWriter) prove(ctx context.Context) {
	if w.check != nil {
		select {
		case part := <-w.check:
			w.proved(part)
		default:
			return
		}
	}
	blocks, out := w.blocks, make(chan checked, 1)
	w.blocks, w.unproved, w.check = nil, 0, out
	w.p.wg.Go(func() {
		left, err := w.proofOfPart(ctx, blocks)
		out <- checked{left, err}
	})
}

// proved takes in what came of a part. What went wrong with a write comes first: it
// says more than what a reader found of it.
func (w *blockWriter) proved(part checked) {
	w.check = nil
	w.blocks = append(part.left, w.blocks...)
	if w.err == nil {
		w.err = part.err
	}
}

// proof makes blocks durable, whose writes were queued, and reads them back. It is the
// last: nothing is written to the file meanwhile.
func (w *blockWriter) proof(ctx context.Context, blocks []writtenBlock) error {
	if err := w.makeDurable(ctx); err != nil {
		return err
	}
	return w.readBack(ctx, blocks)
}

// proofOfPart is proof beside the writing of the next part, but for blocks that have to be
// left to a later proof.
func (w *blockWriter) proofOfPart(ctx context.Context, blocks []writtenBlock) (left []writtenBlock, err error) {
	if err := w.makeDurable(ctx); err != nil {
		return nil, err
	}
	var now []writtenBlock
	for _, b := range blocks {
		if w.f.MayBeCached(b.off, int64(b.n)) {
			left = append(left, b)
		} else {
			now = append(now, b)
		}
	}
	return left, w.readBack(ctx, now)
}

// makeDurable syncs what was queued, and has reads come from the drive from then on.
func (w *blockWriter) makeDurable(ctx context.Context) error {
	done := make(chan error, 1)
	turn, err := w.work.Turn(ctx, w.on)
	if err != nil {
		return err
	}
	w.f.Sync(func(err error) {
		turn.End()
		done <- err
	})
	late := countDown(w.p.patience, nil)
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
	return w.f.PastCache()
}

// errReadBack: a drive took a write, said that it is durable, and has something
// else now.
var errReadBack = errors.New("what was written does not read back the same")

func (w *blockWriter) readBack(ctx context.Context, blocks []writtenBlock) error {
	var bytes int64
	r := &reader{p: w.p, work: w.work, on: w.on, f: w.f, room: w.room, turns: w.turns, bytes: &bytes}
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
		if sumOf(r.get(b.off, int(b.n))) != b.sum {
			return fmt.Errorf("%s, segment %v, offset %d: %w", w.d.Dir(), w.f.Segment(), b.off, errReadBack)
		}
	}
	return nil
}

// sumOf is the checksum of a whole block: that of the checksums of its pages, which are summed beside each other.
func sumOf(block []byte) uint64 {
	var sums [(drive.MaxBlockBytes + drive.PieceBytes - 1) / drive.PieceBytes]uint64
	n := drive.Pieces(len(block))
	drive.SumPieces(sums[:n], block)
	var bytes [8 * len(sums)]byte
	for i, sum := range sums[:n] {
		binary.LittleEndian.PutUint64(bytes[8*i:], sum)
	}
	return xxhash.Sum64(bytes[:8*n])
}
