package blockstore

import (
	"context"
	"sync"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// followBack goes from the log's tail back along the journal as far as something
// is open that belongs there, or was not announced; it returns the last LSN that
// counts of each segment on the way, and of those of open that are beside it,
// in which nothing counts. Where the way cannot be followed, the next segment in
// the table tells, which may be too late: then a file may be suspect that is not.
//
// It need not go further than the first segment that is in the catalog, once
// nothing is open before it: what an opening announces, it announces in one batch.
func (p *Pool) followBack(ctx context.Context, ev *evidence, open []*segment, announced map[drive.SegmentID]bool) (map[drive.SegmentID]uint64, error) {
	last := make(map[drive.SegmentID]uint64)
	var oldest drive.SegmentID // of those that are open
	for _, s := range open {
		if s.kind == drive.Journal && (oldest == 0 || s.id < oldest) {
			oldest = s.id
		}
	}
	id, base := ev.before, ev.first
	for id != 0 && base > 0 && !(announced[id] && (oldest == 0 || id < oldest)) {
		last[id] = base - 1
		l, ok := p.link(ctx, ev.drives, id)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if !ok || l.base > base || l.prev >= id {
			p.log.Warn("the journal cannot be followed back", "segment", id)
			break
		}
		id, base = l.prev, l.base
	}
	for _, s := range open {
		if _, known := last[s.id]; known || s.kind != drive.Journal {
			continue
		}
		if id < s.id { // it was passed: nothing in it counts
			last[s.id] = max(s.base, 1) - 1
		} else {
			last[s.id] = max(p.nextBase(s.id, base), 1) - 1
		}
	}
	return last, nil
}

// nextBase is the first LSN of the journal segment that comes after one in the
// table, at most most.
func (p *Pool) nextBase(id drive.SegmentID, most uint64) uint64 {
	var next drive.SegmentID
	for _, s := range p.segments.all() {
		if s.kind == drive.Journal && s.id > id && (next == 0 || s.id < next) {
			next, most = s.id, min(most, s.base)
		}
	}
	return most
}

// journalLink is what every block of a journal segment says of its place.
type journalLink struct {
	base uint64
	prev drive.SegmentID
}

// link reads it from any block on any of the drives.
func (p *Pool) link(ctx context.Context, drives map[uuid.UUID]*drive.Drive, id drive.SegmentID) (l journalLink, ok bool) {
	for _, d := range drives {
		f, err := patiently(p.patience, func() (*drive.File, error) { return d.OpenFile(id) }, (*drive.File).Close)
		if err != nil {
			continue
		}
		first, stop := context.WithCancel(ctx)
		_ = scanFile(first, f, p.id, p.patience, false, func(b foundBlock) {
			if b.head.Kind == drive.Journal {
				l, ok = journalLink{b.head.Batch.Base, b.head.Batch.Prev}, true
			}
			stop()
		})
		stop()
		f.Close()
		if ok {
			return l, true
		}
	}
	return l, false
}

// lineage is the journal from before this opening back to the checkpoint: the
// catalog is rebuilt from it, whether the segment table knows its segments or
// not.
type lineage struct {
	newest drive.SegmentID // that the journal of this opening follows

	mu       sync.Mutex
	known    bool
	segments map[drive.SegmentID]bool
}

// journalNeeds says whether a catalog may have to be rebuilt from a journal
// segment of an earlier opening. When in doubt it may.
func (p *Pool) journalNeeds(ctx context.Context, id drive.SegmentID) bool {
	a := &p.lineage
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.known {
		v := p.members.now()
		a.segments = make(map[drive.SegmentID]bool)
		for at := a.newest; at != 0; {
			a.segments[at] = true
			l, ok := p.link(ctx, v.drives, at)
			if !ok || l.prev >= at {
				return true
			}
			if l.base <= v.label.Checkpoint.LSN+1 {
				break
			}
			at = l.prev
		}
		a.known = true
	}
	return a.segments[id]
}
