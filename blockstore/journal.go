package blockstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// journal is where batches go. Only the committer touches it.
//
// Invariant (R5, R6): write returns a batch's place only when every stored
// block of it is durable on a drive that was still at its path afterwards and
// that still takes part. Whatever happens on the way, the batch then lies whole
// in one segment: when a drive fails, the batch in flight is written again,
// whole, to a new segment, after the epoch that leaves the drive out is durable.
//
// Crash argument: an unacknowledged batch may survive in part, whole, or twice
// in different segments. Recovery follows the journal back from the newest
// segment that counts, and a segment's base voids what its predecessors hold
// from there on (R9), so at most one of the copies counts, and either is fine.
type journal struct {
	p   *Pool
	seg *segment
	// roll is set when the next batch must not go to seg.
	roll bool
	// after is the segment that the first one of this opening follows.
	after drive.SegmentID
	// The last batch acknowledged.
	stableLSN, stableUID uint64
}

// next makes the batch after the last acknowledged one. Its place among the
// records, and so every version in it, follows from its LSN.
func (j *journal) next() uint64 { return j.stableLSN + 1 }

// acknowledge notes that the batch is durable and applied.
func (j *journal) acknowledge(b *batch) { j.stableLSN, j.stableUID = b.lsn, b.uid }

// write makes the batch durable and returns where it lies. Once some of it was
// written it may be there after a restart, so from then on every error is
// ErrUnavailable: it is not for us to say that nothing has changed.
func (j *journal) write(ctx context.Context, b *batch) (catalog.Place, error) {
	tried := false
	failed := func(err error) (catalog.Place, error) {
		if tried {
			err = fmt.Errorf("%w: the change may or may not have happened: %v", ErrUnavailable, err)
		}
		return catalog.Place{}, err
	}
	for {
		if err := j.ready(ctx, b); err != nil {
			return failed(err)
		}
		tried = true
		place, bad, err := j.append(ctx, b)
		if err == nil && len(bad) == 0 {
			return place, nil
		}
		j.roll = true
		if place.Offset > 0 {
			j.seg.truncate(place.Stripe, place.Offset, place.D)
		}
		if err != nil {
			return failed(err)
		}
		faulty := make(map[uuid.UUID]error)
		for id, err := range bad {
			if drive.IsNoSpace(err) {
				j.p.space.exhausted(id)
			} else if drive.IsStarved(err) {
				return failed(err)
			} else if !errors.Is(err, errLeftOut) {
				faulty[id] = err
			}
		}
		if len(faulty) > 0 {
			if err := j.p.exclude(ctx, faulty); err != nil {
				return failed(err)
			}
		}
	}
}

// errLeftOut: the drive was left out while a batch was on its way to it.
var errLeftOut = errors.New("the drive was left out meanwhile")

// ready sees to it that the open segment can take the batch.
func (j *journal) ready(ctx context.Context, b *batch) error {
	v := j.p.members.now()
	if v.readOnly != nil {
		return v.readOnly
	}
	j.roll = j.p.rollWanted.Swap(false) || j.roll
	if j.seg != nil && !j.roll && j.fits(b) && j.seg.filesOn(v.accepts) == 1<<j.seg.width()-1 {
		return nil
	}
	seg, err := j.p.newSegment(ctx, drive.Journal)
	if err != nil {
		return err
	}
	seg.base, seg.prev = b.lsn, j.after
	if old := j.seg; old != nil {
		// A segment without a batch of its own is not followed: the new one
		// follows the one before it.
		seg.prev = old.id
		old.endWith(b.lsn - 1)
		if old.base == b.lsn {
			seg.prev = old.prev
		}
		j.p.retire(old)
		j.ended(old)
	}
	j.p.announce(seg.opened())
	j.p.segments.add(seg)
	j.p.unpin(seg.drives...)
	j.seg, j.roll = seg, false
	return nil
}

// fits says whether the open segment has room. A batch that no segment has
// room for goes into an empty one.
func (j *journal) fits(b *batch) bool {
	d := min(b.d, j.seg.k)
	j.seg.mu.Lock()
	defer j.seg.mu.Unlock()
	need := int64(b.parts(d)) * drive.BlockBytes(drive.Journal, d, j.seg.m, b.length)
	return j.seg.next == 0 || j.seg.end+need <= min(j.p.segmentBytes, journalBytesMax)
}

// journalBytesMax is how long the files of a journal segment get. After a crash the
// one that was open is read to its end, and those before it from where the catalog
// stands, before anything is served: six files of this length are read in about
// a quarter of a second from a drive that gives 2 GB/s.
const journalBytesMax = 64 << 20

// ended has the catalog make durable what it took, after a journal segment that got
// as long as they get, so that no start has to read it again. Nobody waits for it,
// and nothing depends on it: a replica that is behind takes more of the journal.
func (j *journal) ended(old *segment) {
	old.mu.Lock()
	long := old.end > journalBytesMax/2
	old.mu.Unlock()
	if !long || !j.p.flushing.CompareAndSwap(false, true) {
		return
	}
	j.p.wg.Go(func() {
		defer j.p.flushing.Store(false)
		if _, err := j.p.catalog.Flush(j.p.ctx); err != nil && j.p.ctx.Err() == nil {
			j.p.log.Warn("the catalog could not be made durable; the next start may take longer", "error", err)
		}
	})
}

// parts is the number of stripes the batch takes with d data columns each.
func (b *batch) parts(d int) int {
	per := int64(d * b.length)
	return int((b.size + per - 1) / per)
}

// append writes and syncs the batch's blocks. It returns the drives that did
// not take all of theirs, and an error if the batch could not be made at all.
func (j *journal) append(ctx context.Context, b *batch) (catalog.Place, map[uuid.UUID]error, error) {
	p, seg := j.p, j.seg
	d := min(b.d, seg.k)
	parts := b.parts(d)
	if parts > 1<<16-1 {
		return catalog.Place{}, nil, fmt.Errorf("a batch of %d bytes is too large: %w", b.size, errBatch)
	}
	place := catalog.Place{Segment: seg.id, D: d, Column: b.length}
	out := p.newOutput(seg, parts+1)
	defer out.release()
	for part := range parts {
		no, off, ok := seg.reserve(d, b.length, 1<<62)
		if !ok {
			return place, nil, fmt.Errorf("segment %v was sealed under a batch", seg.id)
		}
		if part == 0 {
			place.Stripe, place.Offset = no, off
		}
		bufs, err := p.mem.journal.getAll(ctx, d+seg.m)
		if err != nil {
			return place, nil, err
		}
		st := &stripe{seg: seg, no: no, offset: off, d: d, length: b.length, bufs: bufs}
		var cols [maxColumns][]byte
		for i := range d {
			cols[i] = bufs[i].payload()[:b.length]
		}
		b.copyTo(cols[:d], int64(part)*int64(d*b.length))
		err = p.seal(st, drive.Batch{
			LSN: b.lsn, UID: b.uid, StableLSN: j.stableLSN, StableUID: j.stableUID,
			Base: seg.base, Prev: seg.prev, Part: part, Parts: parts,
		}, b.copy)
		switch {
		case err != nil:
		case parts == 1:
			out.writeLone(st)
		default:
			out.write(st)
		}
		st.release()
		if err != nil {
			return place, nil, err
		}
	}
	if parts > 1 {
		out.sync()
	}
	b.onItsWay(ctx, place)
	bad := out.wait(p.patience)
	// A drive that another failure left out meanwhile proves nothing.
	v := p.members.now()
	for i, id := range seg.drives {
		if out.used&(1<<i) != 0 && bad[id] == nil && !v.isLive(id) {
			bad[id] = errLeftOut
		}
	}
	return place, bad, nil
}
