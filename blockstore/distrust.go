package blockstore

import (
	"math"
	"sync"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// A drive that was set back to an earlier state (a restored snapshot) tells of
// itself what was true once, and all its blocks verify. Two things give it away:
// its label is older than an epoch in which it took part, or it lacks the end of
// what was acknowledged. What such a drive says is not taken on trust (R12):
// reconcile looks at each of its files.

// distrust is what is known against drives in this opening.
type distrust struct {
	mu    sync.Mutex
	since map[uuid.UUID]uint32 // epoch of the segments from which on files count as lacking
	seen  map[uuid.UUID]uint32 // the highest epoch of the label that the drive had in this opening
}

// noEpoch is an epoch from which on there are no segments.
const noEpoch = math.MaxUint32

// against notes that a drive may have been set back: files of segments from that
// epoch on lack blocks, and the others are to be looked at.
func (d *distrust) against(id uuid.UUID, since uint32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.since == nil {
		d.since = make(map[uuid.UUID]uint32)
	}
	if old, known := d.since[id]; !known || since < old {
		d.since[id] = since
	}
}

// meet notes the label that a drive has, and finds one out that had a newer one.
func (d *distrust) meet(dr *drive.Drive) {
	epoch := dr.Label().Epoch
	d.mu.Lock()
	if d.seen == nil {
		d.seen = make(map[uuid.UUID]uint32)
	}
	before := d.seen[dr.ID()]
	d.seen[dr.ID()] = max(before, epoch)
	d.mu.Unlock()
	if epoch < before {
		d.against(dr.ID(), epoch)
	}
}

// of says whether something is known against a drive, and from which epoch on.
func (d *distrust) of(id uuid.UUID) (since uint32, any bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	since, any = d.since[id]
	return since, any
}

// forget is called when all that is known against a drive is settled.
func (d *distrust) forget(id uuid.UUID, since uint32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.since[id] == since {
		delete(d.since, id)
	}
}

// distrustRestored finds the drives whose label is older than an epoch in which
// they took part, by what the newest label says.
func (p *Pool) distrustRestored(f *found, ev *evidence) {
	for _, m := range f.top.Members {
		if m.NonVoting || !takesPart(m.State) || ev.drives[m.ID] == nil || ev.tookPart(m.ID) {
			continue
		}
		p.log.Warn("a drive took part in an epoch that its label does not know; its files are held against the others", "drive", m.ID, "label", ev.epochs[m.ID], "newest", ev.top)
		p.distrusted.against(m.ID, ev.epochs[m.ID])
	}
}

// distrustShort finds drives that lack the end of what was acknowledged in a
// segment of the journal, as their files say.
func (p *Pool) distrustShort(s *segment, fs *foundSegment, ev *evidence) {
	var looked uint64 // files whose last block was looked for
	for no := int64(fs.next) - 1; no >= 0 && looked != 1<<s.width()-1; no-- {
		st := fs.stripe(uint32(no))
		if st == nil || st.batch.LSN > min(s.last, ev.stableLSN) {
			continue
		}
		for i := range st.at.d + s.m {
			file := s.fileOf(drive.ColumnOf(i, st.at.d, s.k), st.at.no)
			id := s.drives[file]
			if looked&(1<<file) != 0 {
				continue
			}
			looked |= 1 << file
			n := fs.fileOn(id, file)
			if n < 0 || st.in.has(n) || fs.mute[id] || !ev.tookPart(id) {
				continue
			}
			p.log.Warn("a drive lacks the end of what was acknowledged; its files are held against the segment table", "drive", id, "segment", s.id)
			p.distrusted.against(id, noEpoch)
		}
	}
}
