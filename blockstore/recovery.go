package blockstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// recover brings the pool to where it serves: it finds the end of the log,
// writes what it keeps above stable again, whole, into a new segment, and the
// end behind that; only then the catalog's replicas take the tail (R9).
//
// Crash argument: until the end is durable, nothing that a later recovery
// decides by has changed: copies are marked, and a segment of copies alone does
// not count. Once the end is durable, its segment is the newest that counts,
// and everything it does not follow is void.
//
// Files that moved change nothing of this. A file moves after its segment was
// sealed, so after every batch in it was acknowledged: the journal had gone on to
// another segment. Until a Remap is durable the old file is there, and a new one
// that is not whole is evidence for what is in it and for no lack of anything
// (foundSegment.original). Once it is durable, so is the batch it came in, and that
// names as stable every batch of the segment that moved: where the log ends is not
// asked there any more. So the old file may be gone, or be back with its drive.
func (p *Pool) recover(ctx context.Context, f *found) error {
	v := p.members.now()
	p.catalog = catalog.New(catalog.Options{Logger: p.log, OnDrop: p.replicaDropped})
	present := make(map[uuid.UUID]*drive.Drive)
	for id, d := range f.drives {
		if d.Label().Epoch == v.label.Epoch {
			present[id] = d
		}
	}
	ev, err := p.gatherEvidence(present, f)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if len(ev.failed) > 0 {
		if err := p.exclude(ctx, ev.failed); err != nil {
			return err
		}
		v = p.members.now()
	}
	p.firstEpoch = v.label.Epoch
	p.distrustRestored(f, ev)
	cp := v.label.Checkpoint
	replicas := p.openReplicas(v, p.opt.FS)
	defer func() { closeReplicas(replicas) }() // those that were not attached
	end, best, err := p.endOfLog(ctx, ev, replicas, cp.LSN)
	if err != nil {
		return err
	}
	last := end.lsn(min(best, end.stableLSN))
	if best > last {
		return fmt.Errorf("%w: the catalog has batch %d, and the journal ends at %d", ErrDamaged, best, last)
	}
	end.settle(best)
	p.log.Info("log recovered", "end", last, "stable", end.stableLSN, "read", len(end.kept))
	p.adopt(end, ev, end.stableLSN)
	p.tail.Store(int64(last - min(last, cp.LSN))) // batches, for want of the records' number
	places, err := p.writeEnd(ctx, end, last)
	if err != nil {
		return err
	}
	if err := p.restoreCatalog(ctx, ev, replicas, end, places); err != nil {
		return err
	}
	return p.loadSegments(ctx, ev)
}

// endOfLog finds the end of the log (R9) past the batch that the best replica has applied, or
// the checkpoint. Where that one is of another branch all are closed, and it is found
// from the checkpoint on.
//
// After a crash the others are a little behind it as a rule, since each makes durable
// what it takes when it likes. As many of them as there should be replicas are brought up as well (catchUp), if
// the log tells of their last batch; the others are closed.
func (p *Pool) endOfLog(ctx context.Context, ev *evidence, replicas map[uuid.UUID]*catalog.Replica, checkpoint uint64) (end *logEnd, best uint64, err error) {
	best = bestApplied(replicas, checkpoint)
	ev.exists = best > 0
	end, err = ev.decide(ctx, lookBack(best, checkpoint), ev.exists)
	if err != nil {
		return end, best, err
	}
	behind := takeBehind(replicas, best)
	defer func() { closeReplicas(behind) }() // those that are not taken back
	if p.discardForeign(replicas, end) {
		closeReplicas(replicas) // the simple way: build one from the journal
		end, err = ev.decide(ctx, checkpoint, ev.exists)
		return end, checkpoint, err
	}
	p.keepNearest(behind, replicas)
	end = ev.reach(ctx, end, behind, checkpoint)
	p.discardForeign(behind, end)
	maps.Copy(replicas, behind)
	clear(behind)
	return end, best, ctx.Err()
}

// takeBehind takes out those that have not applied all up to best.
func takeBehind(replicas map[uuid.UUID]*catalog.Replica, best uint64) map[uuid.UUID]*catalog.Replica {
	behind := make(map[uuid.UUID]*catalog.Replica)
	for id, r := range replicas {
		if lsn, _ := r.Applied(); lsn < best {
			behind[id] = r
			delete(replicas, id)
		}
	}
	return behind
}

// keepNearest closes those behind that are more than the catalog is to have beside the best ones. A
// pool that writes nothing needs no more than it has.
func (p *Pool) keepNearest(behind, best map[uuid.UUID]*catalog.Replica) {
	v := p.members.now()
	want := p.parity + 1
	for id := range best {
		if v.accepts(id) {
			want--
		}
	}
	if p.observer {
		want = 0
	}
	nearest := slices.SortedFunc(maps.Keys(behind), func(a, b uuid.UUID) int {
		x, _ := behind[a].Applied()
		y, _ := behind[b].Applied()
		return cmp.Compare(y, x)
	})
	for _, id := range nearest {
		if want > 0 && v.accepts(id) {
			want--
			continue
		}
		_ = behind[id].Close()
		delete(behind, id)
	}
}

// lookBack is where to read the journal from when a replica has what is up to
// best: that batch too, since it tells whether the replica knows its place.
func lookBack(best, checkpoint uint64) uint64 {
	if best > checkpoint {
		return best - 1
	}
	return best
}

// settle counts the batches up to applied, which a catalog replica has, as
// stable: a replica takes only what was acknowledged. They must not be copied,
// since the replica knows where they lie, and it would not be told.
func (e *logEnd) settle(applied uint64) {
	for _, k := range e.kept {
		if k.lsn == applied && applied > e.stableLSN {
			e.stableLSN, e.stableUID = k.lsn, k.uid
		}
	}
}

// writeEnd starts the journal of this opening: copies of what was kept above
// stable, then the batch that ends the log. It returns where each copy lies.
func (p *Pool) writeEnd(ctx context.Context, end *logEnd, last uint64) (map[uint64]catalog.Place, error) {
	j := &journal{p: p, stableLSN: end.stableLSN, stableUID: end.stableUID}
	// The new segment follows the one that holds the last batch not copied.
	for _, s := range end.chain {
		if s.base <= end.stableLSN {
			j.after = s.head.Segment
		}
	}
	if j.after == 0 && len(end.chain) > 0 {
		j.after = end.chain[0].prev
	}
	p.lineage.newest = j.after
	places := make(map[uint64]catalog.Place)
	for _, k := range end.kept {
		if k.lsn <= end.stableLSN {
			continue
		}
		data, err := p.batchData(ctx, k)
		if err != nil {
			return nil, err
		}
		b := &batch{lsn: k.lsn, uid: k.uid, raw: data, size: int64(len(data)), d: k.parts[0].at.d, length: k.parts[0].at.length, copy: true}
		places[k.lsn], err = j.write(ctx, b)
		if err != nil {
			return nil, fmt.Errorf("copying batch %d: %w", k.lsn, err)
		}
	}
	rec := &catalog.Opening{Epoch: p.members.now().label.Epoch, End: last}
	b := &batch{lsn: last + 1, uid: p.newUID(), records: catalog.AppendRecord(nil, rec), count: 1}
	l := layOut(len(b.records), nil, 1, p.parity)
	b.size, b.d, b.length = l.size, l.d, l.length
	place, err := j.write(ctx, b)
	if err != nil {
		return nil, fmt.Errorf("ending the log: %w", err)
	}
	j.acknowledge(b)
	p.acked.Store(b.lsn)
	p.journal = j
	end.last = &catalog.Batch{LSN: b.lsn, UID: b.uid, Records: b.records, Place: place}
	return places, nil
}

// batchData reads a batch's data, verified.
func (p *Pool) batchData(ctx context.Context, k keptBatch) ([]byte, error) {
	return p.batchStart(ctx, k, k.bytes())
}

// bytes is the length of a batch's data, with what fills its last column.
func (b *foundBatch) bytes() (n int64) {
	for _, st := range b.parts {
		n += st.at.bytes()
	}
	return n
}

// batchStart reads the first n bytes of a batch's data, verified.
func (p *Pool) batchStart(ctx context.Context, k keptBatch, n int64) (data []byte, err error) {
	for part, st := range k.parts {
		left := n - int64(len(data))
		if left <= 0 {
			break
		}
		rd, err := p.readStripe(ctx, st.at, 0, min(left, st.at.bytes()))
		if err != nil {
			return nil, fmt.Errorf("batch %d, part %d: %w", k.lsn, part, err)
		}
		for _, b := range rd.spans {
			data = append(data, b...)
		}
		rd.release()
	}
	return data, nil
}

// recordsFirst is what is read of a batch to learn its records: as much as most
// have. The bodies behind them were verified when the batch was found.
const recordsFirst = 8 << 10

// keptRecords reads a batch's records.
func (p *Pool) keptRecords(ctx context.Context, k keptBatch) ([]byte, error) {
	all := k.bytes()
	data, err := p.batchStart(ctx, k, min(all, recordsFirst))
	if err != nil {
		return nil, err
	}
	if need := batchRecordsEnd(data); need > int64(len(data)) && need <= all {
		if data, err = p.batchStart(ctx, k, need); err != nil {
			return nil, err
		}
	}
	return batchRecords(data)
}

// bestApplied is the highest LSN that a replica has, or a checkpoint's.
func bestApplied(replicas map[uuid.UUID]*catalog.Replica, cp uint64) uint64 {
	best := cp
	for _, r := range replicas {
		lsn, _ := r.Applied()
		best = max(best, lsn)
	}
	return best
}

// replay feeds f the kept batches past from, up to to, for a catalog; then the
// batch that ends the log, if it was written.
func (p *Pool) replay(ctx context.Context, end *logEnd, from, to uint64, places map[uint64]catalog.Place, f func(catalog.Batch) error) error {
	for _, k := range end.kept {
		if k.lsn <= from || k.lsn > to {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		records, err := p.keptRecords(ctx, k)
		if err != nil && !errors.Is(err, errBatch) {
			if ctx.Err() == nil {
				err = fmt.Errorf("%w: %w", ErrDamaged, err)
			}
			return err
		}
		if err == nil {
			place, copied := places[k.lsn]
			if !copied {
				at := k.parts[0].at
				place = catalog.Place{Segment: at.seg.id, Stripe: at.no, Offset: at.offset, D: at.d, Column: at.length}
			}
			err = f(catalog.Batch{LSN: k.lsn, UID: k.uid, Records: records, Place: place})
		}
		if err != nil {
			return fmt.Errorf("batch %d: %w", k.lsn, err)
		}
	}
	if end.last == nil {
		return nil
	}
	return f(*end.last)
}
