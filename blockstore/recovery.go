package blockstore

import (
	"context"
	"fmt"
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
	cp := v.label.Checkpoint
	replicas := p.openReplicas(v, p.opt.FS)
	defer func() { closeReplicas(replicas) }() // those that were not attached
	best := bestApplied(replicas, cp.LSN)
	ev.exists = best > 0
	end, err := ev.decide(ctx, lookBack(best, cp.LSN), ev.exists)
	if err != nil {
		return err
	}
	if p.discardForeign(replicas, end) {
		closeReplicas(replicas) // the simple way: build one from the journal
		best = cp.LSN
		if end, err = ev.decide(ctx, lookBack(best, cp.LSN), ev.exists); err != nil {
			return err
		}
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

// adopt takes the journal segments of the log into the table, so that they can
// be read, sealed at where they end. Batches past last lie elsewhere from now
// on, or are void.
func (p *Pool) adopt(end *logEnd, ev *evidence, last uint64) {
	if len(end.chain) > 0 {
		ev.first = end.chain[0].base
	}
	for i, fs := range end.chain {
		s := newSegment(fs.head.Segment, drive.Journal, fs.head.K, fs.head.M, slices.Clone(fs.head.Drives))
		s.base, s.prev, s.last = fs.base, fs.prev, last
		if i+1 < len(end.chain) {
			s.last = min(last, end.chain[i+1].base-1)
		}
		s.measure(fs, ev)
		p.segments.add(s)
		for _, list := range fs.stripes {
			for _, st := range list {
				st.at.seg = s
			}
		}
	}
}

// measure seals a segment by what was found of it: of a journal segment, the
// batches up to its last LSN; of a bulk segment, the stripes that were finished.
//
// Before an object that names a stripe with a column missing is committed, the
// segment is sealed with that file as suspect (see upload.judge). So in a
// segment that was still open, where a drive that took part to the end lacks a
// block, the stripe belongs to an upload that came to nothing, and is void.
// Files on other drives are suspect: what they hold was not followed to the end.
func (s *segment) measure(fs *foundSegment, ev *evidence) {
	s.sealed = true
	for i, id := range s.drives {
		if s.kind == drive.Bulk && !ev.tookPart(id) {
			s.suspect |= 1 << i
		}
	}
	for no := range fs.next {
		var st *foundStripe
		for _, o := range fs.stripes[no] {
			if st == nil || !st.readable() && o.readable() {
				st = o
			}
		}
		if st == nil || s.kind == drive.Journal && st.batch.LSN > s.last {
			continue
		}
		var lacking uint64
		void := false
		for i := range st.at.d + s.m {
			if st.good&(1<<i) == 0 {
				file := s.fileOf(drive.ColumnOf(i, st.at.d, s.k), no)
				lacking |= 1 << file
				void = void || s.kind == drive.Bulk && ev.tookPart(s.drives[file]) && !fs.mute[s.drives[file]]
			}
		}
		if void {
			continue
		}
		s.suspect |= lacking
		s.next = no + 1
		s.end = st.at.offset + drive.BlockBytes(s.kind, st.at.d, s.m, st.at.length)
		s.classes[class{int(no) % s.width(), st.at.d}]++
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
func (p *Pool) batchData(ctx context.Context, k keptBatch) (data []byte, err error) {
	for part, st := range k.parts {
		rd, err := p.readStripe(ctx, st.at, 0, st.at.bytes())
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
		data, err := p.batchData(ctx, k)
		if err != nil {
			if ctx.Err() == nil {
				err = fmt.Errorf("%w: %w", ErrDamaged, err)
			}
			return err
		}
		records, err := batchRecords(data)
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

// loadSegments fills the table from the catalog, seals what a crash left open,
// and has the journal say so.
func (p *Pool) loadSegments(ctx context.Context, ev *evidence) error {
	inCatalog := make(map[drive.SegmentID]bool)
	for e, err := range p.catalog.Segments(ctx) {
		if err != nil {
			return unavailable(err)
		}
		inCatalog[e.ID] = true
		if s := p.segments.get(e.ID); s != nil { // of the log's tail
			s.mu.Lock()
			s.drives = e.Drives // the files may have moved since
			s.mu.Unlock()
			if !e.Sealed && s.sealed {
				p.announce(s.sealRecord())
			}
			continue
		}
		s := segmentOf(e)
		if !s.sealed {
			head := drive.FileHeader{Kind: s.kind, K: s.k, M: s.m, Pool: p.id, Segment: s.id, Drives: s.drives}
			if s.kind == drive.Journal { // from before the tail
				s.last = ev.first - 1
			}
			s.measure(p.scanSegment(ctx, head, ev.drives, false), ev)
			p.announce(s.sealRecord())
		}
		p.segments.add(s)
	}
	if err := p.loadUnannounced(ctx, ev, inCatalog); err != nil {
		return err
	}
	for _, s := range p.segments.all() {
		if !inCatalog[s.id] && !p.observer && s != p.journal.seg {
			p.announce(s.opened())
			if s.sealed {
				p.announce(s.sealRecord())
			}
		}
	}
	return nil
}

// loadUnannounced takes in the segments that live records name although no
// record says that they were opened: the batch that was to say so came to be
// the first of its segment only by another drive's failure, or as a copy, and
// the pool crashed before the next one.
func (p *Pool) loadUnannounced(ctx context.Context, ev *evidence, announced map[drive.SegmentID]bool) error {
	for _, id := range ev.ids {
		if announced[id] || p.segments.get(id) != nil {
			continue
		}
		live, err := p.catalog.Live(ctx, id)
		if err != nil {
			return unavailable(err)
		}
		if live == 0 {
			continue // garbage
		}
		head, err := ev.header(ctx, id)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		found := p.scanSegment(ctx, head, ev.drives, false)
		s := newSegment(id, head.Kind, head.K, head.M, slices.Clone(head.Drives))
		if s.kind == drive.Journal {
			s.base, s.prev, s.last = found.base, found.prev, ev.first-1
		}
		s.measure(found, ev)
		p.segments.add(s)
	}
	return nil
}
