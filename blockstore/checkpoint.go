package blockstore

import (
	"errors"
	"maps"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// A checkpoint at LSN C restates all that is live at C in the journal; then the
// labels say, on a quorum, that records up to C count only in it (R10).
//
// Invariant: a label names a checkpoint only when every batch of it has been
// acknowledged, and every catalog replica has everything up to C durable.
//
// Crash argument: until the labels are on a quorum, the old checkpoint and the
// journal behind it are still there, and restated records say nothing to a
// replica at or past C. On fewer labels than a quorum it is either seen by the
// next opening, which is as good since its batches are durable, or not.

// restateBytes is about how much one restate record holds.
const restateBytes = 64 << 10

// tally counts records on their way to the next checkpoint, and starts it when
// what is superseded outnumbers what is live.
func (p *Pool) tally(records int) {
	p.batches.Add(1)
	p.changes.Add(int64(records))
	tail := p.tail.Add(int64(records))
	if tail < p.opt.CheckpointRecords || !p.checking.CompareAndSwap(false, true) {
		return
	}
	p.wg.Go(func() {
		defer p.checking.Store(false)
		live, _, err := p.catalog.Totals(p.ctx)
		if err != nil || p.tail.Load() < p.opt.CheckpointRecords+2*live {
			return
		}
		if err := p.checkpoint(); err != nil && p.ctx.Err() == nil && !errors.Is(err, ErrClosed) {
			p.log.Error("no checkpoint could be made; the journal keeps growing until one can", "error", err)
		}
	})
}

// checkpointTries is how often a checkpoint is begun anew because the replica of
// the catalog went that it was read from.
const checkpointTries = 3

// checkpoint makes one.
func (p *Pool) checkpoint() (err error) {
	for range checkpointTries {
		if err = p.restateAll(); !errors.Is(err, catalog.ErrUnavailable) || p.ctx.Err() != nil {
			return err
		}
	}
	return err
}

// restateAll is one try. What it has restated says nothing until labels name it.
func (p *Pool) restateAll() error {
	snap, err := p.catalog.Snapshot(p.ctx)
	if err != nil {
		return err
	}
	defer func() { _ = snap.Close() }()
	at, uid := snap.LSN(), snap.UID()
	began := p.tail.Load()
	cp := drive.Checkpoint{LSN: at}
	restate := func(entries []catalog.Entry, last bool) error {
		size := int64(0) // of one alone may be many times restateBytes
		for _, e := range entries {
			size += int64(len(e.Key) + len(e.Value))
		}
		version, err := p.submitOwn(p.ctx, &request{record: size, decide: func(*decision) (catalog.Record, error) {
			return &catalog.Restate{At: at, UID: uid, Entries: entries, Last: last}, nil
		}})
		if err != nil {
			return err
		}
		if cp.Last = version >> 16; cp.First == 0 {
			cp.First = cp.Last
		}
		return nil
	}
	for {
		entries, err := snap.Next(p.ctx, restateBytes)
		if err != nil {
			return err
		}
		if err := restate(entries, len(entries) == 0); err != nil {
			return err
		}
		if len(entries) == 0 {
			break
		}
	}
	durable, err := p.catalog.Flush(p.ctx)
	if err != nil {
		return err
	}
	bad, err := p.members.setCheckpoint(cp, min(at, durable))
	if err != nil {
		return err
	}
	p.tail.Add(-began)
	p.log.Info("checkpoint made", "lsn", at, "first", cp.First, "last", cp.Last)
	maps.DeleteFunc(bad, func(_ uuid.UUID, err error) bool { return blameless(err) })
	if len(bad) > 0 {
		return p.exclude(p.ctx, bad)
	}
	return nil
}
