package blockstore

import (
	"cmp"
	"context"
	"math"
	"math/bits"
	"slices"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// Work is what a segment needs to have all its columns again.
type Work struct {
	Segment   drive.SegmentID
	Remaining int    // columns of its worst stripe that may still be lost; below zero: some cannot be read
	Files     int    // that lack blocks
	Bytes     int64  // that have to be written at most
	Blocked   string // why nothing can be done now; empty: it can
}

// fileFate is what becomes of a segment's file, by the drive that it is on.
type fileFate int

const (
	fileStays fileFate = iota // its drive takes part
	fileMoves                 // its drive left the pool, is or was being emptied (it may be gone by now), or is away for too long
	fileWaits                 // its drive is away, and may come back
)

func (p *Pool) fate(v *membership, id uuid.UUID) fileFate {
	m, member := v.member(id)
	switch {
	case !member:
		return fileMoves
	case v.isLive(id) && m.State != drive.Evacuating:
		return fileStays
	case v.isLive(id), m.State == drive.Evacuating && !p.opt.offline, p.fellShort(m):
		return fileMoves // what it was to hand over is made anew if it is gone, or fails
	case m.State == drive.Offline || p.opt.RebuildAfter < 0 || p.now().Sub(p.awaySince(id)) < p.opt.RebuildAfter:
		return fileWaits
	default:
		return fileMoves
	}
}

// waitingForDrive is what Work says of files that have nowhere to go.
const waitingForDrive = "waiting for a drive: none that is in use has room and no other column of the segment"

// waitingForColumns is what Work says of files that would be good or elsewhere, were
// it not for a stripe of which nothing here makes up what they lack. Nothing is
// done while that is so: but it is not done with them either (R16).
const waitingForColumns = "columns of objects are lost, as far as the drives that are here can tell: bring back what is away, or delete the objects that scrub names, and scrub"

// Work lists the segments that need mending now, those first that have the
// fewest columns left.
func (p *Pool) Work(ctx context.Context) ([]Work, error) {
	leave, err := p.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	v := p.members.now()
	if v.readOnly != nil {
		return nil, v.readOnly
	}
	var list []Work
	for _, s := range p.segments.all() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if w, any := p.workOn(v, s); any {
			list = append(list, w)
		}
	}
	slices.SortFunc(list, func(a, b Work) int {
		return cmp.Or(cmp.Compare(a.Remaining, b.Remaining), cmp.Compare(a.Segment, b.Segment))
	})
	return list, nil
}

// workOn says what a segment needs.
func (p *Pool) workOn(v *membership, s *segment) (w Work, any bool) {
	s.mu.Lock()
	drives, suspect, end, sealed := s.drives, s.suspect, s.end, s.sealed
	var stuck, marked uint64
	if s.stuckEpoch == v.label.Epoch {
		stuck = s.stuck
	}
	for _, b := range s.bad {
		switch b.lost {
		case 0:
			marked |= b.files
		case v.label.Epoch: // that was tried
		default:
			suspect |= b.files
		}
	}
	s.mu.Unlock()
	if !sealed {
		return w, false
	}
	var gone uint64
	moves, mends, held := 0, 0, 0
	taken := make(map[uuid.UUID]bool)
	for i, id := range drives {
		taken[id] = true
		if !v.isLive(id) {
			gone |= 1 << i
		}
		// What a file lacks of a lost stripe keeps nobody from mending what is found
		// bad of it besides.
		switch fate := p.fate(v, id); {
		case fate == fileMoves && stuck&(1<<i) == 0:
			moves++
		case fate == fileStays && (suspect&^stuck|marked)&(1<<i) != 0:
			mends++
		case fate == fileMoves, fate == fileStays && suspect&(1<<i) != 0:
			held++
		}
	}
	files := moves + mends + held
	if files == 0 {
		return w, false
	}
	w = Work{Segment: s.id, Files: files, Bytes: int64(files) * end}
	w.Remaining = s.m - bits.OnesCount64(gone|suspect|marked)
	switch {
	case s.writers.Load() > 0:
		w.Blocked = "an upload to it is under way"
	case moves+mends == 0:
		w.Blocked = waitingForColumns
	case mends == 0 && len(p.targets(v, s, taken)) == 0:
		w.Blocked = waitingForDrive
	}
	return w, true
}

// targets are the drives that can take a file of the segment: in use, with room,
// and without another column of it. Those that are being filled come first,
// then those with the most room.
func (p *Pool) targets(v *membership, s *segment, taken map[uuid.UUID]bool) []uuid.UUID {
	s.mu.Lock()
	need := uint64(s.end)
	s.mu.Unlock()
	type candidate struct {
		id      uuid.UUID
		filling int
		free    uint64
	}
	var list []candidate
	for _, m := range v.label.Members {
		if taken[m.ID] || !v.accepts(m.ID) {
			continue
		}
		// Mending may use the reserve (R19).
		free, known := p.space.of(m.ID, drive.Journal)
		if !known {
			free = math.MaxUint64
		}
		if free < need {
			continue
		}
		c := candidate{id: m.ID, free: free, filling: 1}
		if m.State == drive.Rebuilding {
			c.filling = 0
		}
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.filling, b.filling), -cmp.Compare(a.free, b.free), slices.Compare(a.id[:], b.id[:]))
	})
	ids := make([]uuid.UUID, len(list))
	for i, c := range list {
		ids[i] = c.id
	}
	return ids
}

// WorkChanged has a token when there may be more work than Work said last.
func (p *Pool) WorkChanged() <-chan struct{} { return p.workToken }

func (p *Pool) workGrew() {
	select {
	case p.workToken <- struct{}{}:
	default:
	}
}
