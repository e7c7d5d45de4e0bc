package blockstore

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/blockstore/placement"
)

// newSegment creates a segment on live drives: full width if enough of them
// have room, else narrower (R8). Its files and their directory entries are
// durable when it returns (R7). Drives that fail on the way are left out, full
// ones are passed over.
//
// The drives stay pinned until the caller has put the segment into the table and
// unpins them.
func (p *Pool) newSegment(ctx context.Context, kind drive.Kind) (*segment, error) {
	full := make(map[uuid.UUID]bool)
	for {
		v := p.members.now()
		if v.readOnly != nil {
			return nil, v.readOnly
		}
		counter := p.segmentCounter.Add(1)
		chosen, err := placement.Choose(p.candidates(v, kind, full), v.label.Width, v.label.Parity, uint64(p.segmentRoomMin()), uint64(counter))
		if err != nil {
			if len(full) > 0 || errors.Is(err, placement.ErrNoSpace) {
				return nil, fmt.Errorf("%w: %w", ErrNoSpace, err)
			}
			return nil, fmt.Errorf("%w: %w", ErrReadOnly, err)
		}
		if !p.pin(chosen...) {
			continue // the membership has changed
		}
		seg := newSegment(drive.NewSegmentID(v.label.Epoch, counter), kind, len(chosen)-v.label.Parity, v.label.Parity, chosen)
		bad := p.createFiles(v, seg)
		failed := make(map[uuid.UUID]error)
		var starved error
		for id, err := range bad {
			switch {
			case drive.IsNoSpace(err):
				full[id] = true
			case drive.IsStarved(err):
				starved = err
			default:
				failed[id] = err
			}
		}
		if len(bad) == 0 {
			p.files.n.Add(int64(len(seg.files)))
			p.files.used(seg)
			p.trimFiles()
			return seg, nil
		}
		p.discard(seg)
		p.unpin(chosen...)
		if len(failed) > 0 {
			if err := p.leaveOut(ctx, failed); err != nil {
				return nil, err
			}
		}
		if starved != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, starved)
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
}

// segmentRoomMin is the free space a drive must have to hold a new segment's file.
func (p *Pool) segmentRoomMin() int64 { return min(p.segmentBytes, 16<<20) }

// candidates are the drives that accept files, from which placement may choose,
// with the room that they have for a segment of that kind (R19).
func (p *Pool) candidates(v *membership, kind drive.Kind, full map[uuid.UUID]bool) []placement.Candidate {
	held := make(map[uuid.UUID]int)
	for _, s := range p.segments.all() {
		s.mu.Lock()
		for _, id := range s.drives {
			held[id]++
		}
		s.mu.Unlock()
	}
	var cands []placement.Candidate
	for _, m := range v.label.Members {
		if !v.accepts(m.ID) || full[m.ID] {
			continue
		}
		free, known := p.space.of(m.ID, kind)
		if !known {
			free = math.MaxInt64
		}
		cands = append(cands, placement.Candidate{ID: m.ID, Slot: m.Slot, FreeBytes: free, InUse: held[m.ID]})
	}
	return cands
}

// createFiles makes a segment's files, all at once, and returns what failed.
func (p *Pool) createFiles(v *membership, seg *segment) map[uuid.UUID]error {
	type created struct {
		index int
		file  *drive.File
		err   error
	}
	results := make(chan created, len(seg.drives))
	for i, id := range seg.drives {
		d := v.drives[id]
		head := drive.FileHeader{
			Kind: seg.kind, Index: i, K: seg.k, M: seg.m,
			Pool: p.id, Drive: id, Segment: seg.id, Drives: seg.drives,
		}
		p.wg.Go(func() {
			f, err := d.CreateSegment(head)
			results <- created{i, f, err}
		})
	}
	bad := make(map[uuid.UUID]error)
	late := countDown(p.patience, nil)
	defer late.Stop()
	seen := make(map[int]bool)
	// What comes when nobody waits any more is of a segment that is given up.
	discard := func() {
		for range len(seg.drives) - len(seen) {
			if r := <-results; r.err == nil {
				r.file.Close()
				_ = v.drives[seg.drives[r.index]].RemoveSegment(seg.id) // garbage at worst
			}
		}
	}
	for range seg.drives {
		select {
		case r := <-results:
			seen[r.index] = true
			if r.err != nil {
				bad[seg.drives[r.index]] = r.err
			} else {
				seg.files[r.index] = r.file
			}
		case <-late.C:
			for i, id := range seg.drives {
				if !seen[i] {
					bad[id] = errHung
				}
			}
			p.wg.Go(discard)
			return bad
		}
	}
	return bad
}

// discard gives up a segment that nothing was written to.
func (p *Pool) discard(seg *segment) {
	drives := p.members.now().drives
	for i, id := range seg.drives {
		if seg.files[i] == nil {
			continue
		}
		seg.files[i].Close()
		seg.files[i] = nil
		d := drives[id]
		p.wg.Go(func() { _ = d.RemoveSegment(seg.id) }) // garbage at worst
	}
}

// file opens a segment's file, or says why it cannot be had now. A drive that
// takes no part is asked only if leftOut is set; one on which the opening hangs is
// not waited for longer than the pool has patience (R13).
func (p *Pool) file(ctx context.Context, seg *segment, index int, leftOut bool) (*drive.File, error) {
	d, id, err := p.driveFor(seg, index, leftOut)
	if err != nil {
		return nil, err
	}
	seg.mu.Lock()
	f := seg.files[index]
	seg.mu.Unlock()
	p.files.used(seg)
	if f != nil {
		return f, nil
	}
	p.trimFiles()
	type opened struct {
		file *drive.File
		err  error
	}
	result := make(chan opened, 1)
	p.wg.Go(func() {
		hung := countDown(p.patience, func() { p.readHung(id) }) // whoever waits still
		defer hung.Stop()
		f, err := p.openFile(d, seg, index)
		result <- opened{f, err}
	})
	late := countDown(p.patience, nil)
	defer late.Stop()
	select {
	case o := <-result:
		return o.file, o.err
	case <-late.C:
		return nil, fmt.Errorf("drive %v: %w", id, errHung)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// driveFor is the drive that a segment's file is on, or errAway if that takes no part.
func (p *Pool) driveFor(seg *segment, index int, leftOut bool) (*drive.Drive, uuid.UUID, error) {
	v := p.members.now()
	seg.mu.Lock()
	id := seg.drives[index]
	seg.mu.Unlock()
	d := v.drives[id]
	if d == nil {
		return nil, id, &awayError{id: id}
	}
	if why := v.why[id]; why != nil && !leftOut {
		return nil, id, &awayError{id, why}
	}
	return d, id, nil
}

// awayError is errAway of a drive, and why that takes no part, if it is open. Every read
// in a pool that lacks a drive meets one, so its text is made only if it is asked for.
type awayError struct {
	id  uuid.UUID
	why error
}

func (e *awayError) Error() string {
	if e.why == nil {
		return fmt.Sprintf("drive %v: %v", e.id, errAway)
	}
	return fmt.Sprintf("drive %v: %v: %v", e.id, errAway, e.why)
}

// Is makes it an errAway.
func (e *awayError) Is(target error) bool { return target == errAway }

// Unwrap gives why.
func (e *awayError) Unwrap() error { return e.why }

// openFile opens a segment's file and keeps it with the segment.
func (p *Pool) openFile(d *drive.Drive, seg *segment, index int) (*drive.File, error) {
	f, err := d.OpenFile(seg.id)
	if err != nil {
		return nil, err
	}
	seg.mu.Lock()
	defer seg.mu.Unlock()
	if other := seg.files[index]; other != nil {
		f.Close()
		return other, nil
	}
	// The file may have moved, or the drive been opened anew (see admit).
	if seg.drives[index] != d.ID() || p.members.now().drives[d.ID()] != d {
		f.Close()
		return nil, fmt.Errorf("drive %v: %w", d.ID(), drive.ErrClosed)
	}
	seg.files[index] = f
	p.files.n.Add(1)
	return f, nil
}

// errAway: a drive that takes no part at present.
var errAway = errors.New("not in use")
