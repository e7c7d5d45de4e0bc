package blockstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// evidence is what recovery decides by: the journal segments on the drives
// present, read past the page cache, from the newest back to where everything
// is known to be settled (R9).
type evidence struct {
	p      *Pool
	drives map[uuid.UUID]*drive.Drive // present members
	epochs map[uuid.UUID]uint32       // of the label each had when it was found
	heard  map[uuid.UUID]uint32       // the highest epoch that label knew of, if only as reserved
	ids    []drive.SegmentID          // of all segments, newest first
	read   map[drive.SegmentID]*foundSegment
	bulk   map[drive.SegmentID]drive.FileHeader // seen on the way
	exists bool                                 // there must be a journal
	failed map[uuid.UUID]error                  // drives that did not answer, as if they were not here
	first  uint64                               // LSN that the journal read so far begins with
	before drive.SegmentID                      // the segment that it follows; 0: none
	top    uint32                               // the newest epoch of the labels found

	stableLSN, stableUID uint64 // the highest stable that any block names
}

// logEnd is where the log was found to end.
type logEnd struct {
	kept  []keptBatch // those past the LSN asked for, in order
	chain []*foundSegment
	// stable is the last batch known as acknowledged by a later one.
	stableLSN, stableUID uint64
	last                 *catalog.Batch // the batch that ends the log, once written
}

// lsn is that of the last batch, or from if there is none.
func (e *logEnd) lsn(from uint64) uint64 {
	if n := len(e.kept); n > 0 {
		return e.kept[n-1].lsn
	}
	return from
}

// keptBatch is a batch of the log and the segment it lies in.
type keptBatch struct {
	*foundBatch
	seg *foundSegment
}

// gatherEvidence lists the segments on the drives present.
func (p *Pool) gatherEvidence(drives map[uuid.UUID]*drive.Drive, f *found) (*evidence, error) {
	ev := &evidence{
		p: p, drives: maps.Clone(drives), epochs: f.epochs, heard: f.heard, failed: make(map[uuid.UUID]error),
		read: make(map[drive.SegmentID]*foundSegment),
		bulk: make(map[drive.SegmentID]drive.FileHeader),
	}
	for _, epoch := range f.epochs {
		ev.top = max(ev.top, epoch)
	}
	for id, d := range drives {
		list, err := patiently(p.patience, func() ([]drive.SegmentID, error) {
			if !p.observer {
				if err := d.SyncDir(); err != nil {
					return nil, err
				}
			}
			return d.Segments()
		}, nil)
		if err != nil {
			p.log.Error("a drive does not tell what it holds", "drive", id, "error", err)
			ev.failed[id] = fmt.Errorf("drive %v: %w", id, err)
			delete(ev.drives, id)
			continue
		}
		ev.ids = append(ev.ids, list...)
	}
	if absent := absentVoters(p.members.now().label.Members, ev.drives); len(ev.failed) > 0 && absent > p.parity {
		return nil, errors.Join(slices.Collect(maps.Values(ev.failed))...)
	}
	slices.SortFunc(ev.ids, func(a, b drive.SegmentID) int { return cmp.Compare(b, a) })
	ev.ids = slices.Compact(ev.ids)
	return ev, nil
}

// tookPart says whether a drive is here and took part until the pool was last
// closed. A crash while labels are written leaves the newest epoch on some
// drives only; the others took part as well when that epoch is reserved there.
func (ev *evidence) tookPart(id uuid.UUID) bool {
	return ev.drives[id] != nil && ev.heard[id] >= ev.top
}

// header reads the first page of a segment's files, until one is good. It
// returns errNoSegment when every file there has a page that was read and is not
// good, and holds no block either: so it is after a crash while the segment was
// made. A file that could not be read proves nothing (R12): ErrUnavailable.
func (ev *evidence) header(ctx context.Context, id drive.SegmentID) (drive.FileHeader, error) {
	var silent, bad []error
	for of, d := range ev.drives {
		h, err := patiently(ev.p.patience, func() (drive.FileHeader, error) {
			f, h, err := d.OpenSegment(id)
			if err == nil {
				f.Close()
			}
			return h, err
		}, nil)
		switch {
		case err == nil:
			return h, nil
		case errors.Is(err, fs.ErrNotExist):
		case errors.Is(err, drive.ErrVersion):
			return drive.FileHeader{}, err // a newer format is not ours to pass over
		case errors.Is(err, drive.ErrChecksum), errors.Is(err, drive.ErrMalformed), errors.Is(err, drive.ErrForeign):
			bad = append(bad, fmt.Errorf("drive %v: %w", of, err))
			if ev.holdsBlocks(ctx, d, id) {
				silent = append(silent, fmt.Errorf("drive %v: blocks behind a first page that is not good: %w", of, err))
			}
		default:
			silent = append(silent, fmt.Errorf("drive %v: %w", of, err))
		}
	}
	if len(silent) > 0 {
		return drive.FileHeader{}, fmt.Errorf("%w: segment %v: %w", ErrUnavailable, id, errors.Join(silent...))
	}
	return drive.FileHeader{}, fmt.Errorf("%w: %v: %w", errNoSegment, id, errors.Join(bad...))
}

var errNoSegment = errors.New("no such segment")

// holdsBlocks says whether a file holds any block of its segment. When in doubt it does.
func (ev *evidence) holdsBlocks(ctx context.Context, d *drive.Drive, id drive.SegmentID) bool {
	some, err := patiently(ev.p.patience, func() (bool, error) {
		f, err := d.OpenFile(id)
		if err != nil {
			return true, err
		}
		defer f.Close()
		found := false
		err = scanFile(ctx, f, ev.p.id, ev.p.patience, false, func(foundBlock) { found = true })
		return found || err != nil, nil
	}, nil)
	return some || err != nil
}

// segment scans a journal segment, once. It returns nil for one of another
// kind, and for one that is none.
func (ev *evidence) segment(ctx context.Context, id drive.SegmentID) (*foundSegment, error) {
	if s, ok := ev.read[id]; ok {
		return s, nil
	}
	head, err := ev.header(ctx, id)
	if errors.Is(err, errNoSegment) {
		ev.p.log.Warn("a segment was begun and not made", "segment", id, "error", err)
		ev.read[id] = nil
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if head.Kind != drive.Journal {
		ev.read[id], ev.bulk[id] = nil, head
		return nil, nil
	}
	s := ev.p.scanSegment(ctx, head, ev.drives, true)
	if err := ctx.Err(); err != nil { // not all of it was read
		return nil, err
	}
	ev.read[id] = s
	for _, stripes := range s.stripes {
		for _, st := range stripes {
			if b := st.batch; b.StableLSN > ev.stableLSN {
				ev.stableLSN, ev.stableUID = b.StableLSN, b.StableUID
			}
		}
	}
	return s, nil
}

// decide finds the end of the log (R9): the batches past from, up to the first
// that is missing or cannot be read, provided that is proved. The proof is a
// present drive that should hold a block of it, had it been acknowledged, and
// does not.
//
// Errors: ErrDamaged when what was acknowledged cannot be read, ErrUnavailable
// when only absent drives could tell.
func (ev *evidence) decide(ctx context.Context, from uint64, exists bool) (*logEnd, error) {
	for _, id := range ev.ids {
		head, err := ev.segment(ctx, id)
		if err != nil {
			return nil, err
		}
		if head != nil && head.own {
			return ev.follow(ctx, head, from)
		}
		// It holds nothing, or copies alone, and so does not count; unless what
		// it holds could not be read.
		if head != nil && len(head.mute) > 0 && !ev.lacks(head, nil, head.next) {
			return nil, ev.cannotTell(head, "whether it holds the journal's end")
		}
	}
	if exists || ev.stableLSN > 0 {
		return nil, fmt.Errorf("%w: no journal segment is left", ErrDamaged)
	}
	return &logEnd{}, nil
}

// follow goes back from the newest segment that counts, then forward through
// its batches.
func (ev *evidence) follow(ctx context.Context, head *foundSegment, from uint64) (*logEnd, error) {
	end := &logEnd{stableLSN: ev.stableLSN, stableUID: ev.stableUID}
	// What is above stable is written again, so it must be looked at even if
	// the catalog has it.
	from = min(from, ev.stableLSN)
	for s := head; ; {
		end.chain = append(end.chain, s)
		if s.base <= from+1 {
			break
		}
		prev, err := ev.segment(ctx, s.prev)
		if err != nil {
			return nil, err
		}
		if prev == nil || prev.base >= s.base {
			return nil, fmt.Errorf("%w: journal segment %v, which %v follows, is missing", ErrDamaged, s.prev, s.head.Segment)
		}
		s = prev
	}
	slices.Reverse(end.chain)
	lsn := from + 1
	for i, s := range end.chain {
		limit := ^uint64(0)
		if i+1 < len(end.chain) {
			limit = end.chain[i+1].base - 1
		}
		next, placed := uint32(0), lsn == s.base // where the next batch begins, if known
		if b := s.batch(lsn - 1); !placed && b != nil {
			next, placed = b.first+uint32(len(b.parts)), true
		}
		for ; lsn <= limit; lsn++ {
			b := s.batch(lsn)
			if b == nil || !b.readable() {
				return end, ev.judgeEnd(s, lsn, b, next, placed)
			}
			if lsn == ev.stableLSN && b.uid != ev.stableUID {
				return nil, fmt.Errorf("%w: batch %d is of another branch of the log", ErrDamaged, lsn)
			}
			next, placed = b.first+uint32(len(b.parts)), true
			end.kept = append(end.kept, keptBatch{b, s})
		}
	}
	return end, nil
}

// reach reads the log from where replicas stand that are behind, if that is in what was read of
// the journal, or in the one segment before: as a segment gets as long as they get, the
// catalog is made durable up to there (journal.ended).
//
// Nothing depends on it. Where the log ends was decided from the best replica on, and stays so;
// what cannot be read further back that one has, and the others are copied from it. One
// that is not past the checkpoint cannot be brought up at all (R10).
func (ev *evidence) reach(ctx context.Context, end *logEnd, behind map[uuid.UUID]*catalog.Replica, checkpoint uint64) *logEnd {
	if len(end.chain) == 0 {
		return end
	}
	base, before := end.chain[0].base, end.chain[0].prev
	from := end.first()
	for _, lsn := range slices.Backward(appliedBy(behind)) {
		if lsn <= checkpoint {
			break
		}
		if lsn < base && before != 0 {
			if prev, err := ev.segment(ctx, before); err == nil && prev != nil && prev.base < base {
				base = prev.base
			}
			before = 0
		}
		if lsn < base {
			break
		}
		from = min(from, lsn)
	}
	if from == end.first() {
		return end
	}
	further, err := ev.decide(ctx, lookBack(from, checkpoint), ev.exists)
	if err != nil || !further.endsAs(end) {
		ev.p.log.Warn("the journal cannot be read from where catalog replicas are behind; they will be made again", "from", from, "error", err)
		return end
	}
	return further
}

// appliedBy is up to where replicas are, in order.
func appliedBy(replicas map[uuid.UUID]*catalog.Replica) (lsns []uint64) {
	for _, r := range replicas {
		lsn, _ := r.Applied()
		lsns = append(lsns, lsn)
	}
	slices.Sort(lsns)
	return lsns
}

// endsAs says whether two readings of the log found the same end.
func (e *logEnd) endsAs(o *logEnd) bool {
	n, m := len(e.kept), len(o.kept)
	same := n > 0 && m > 0 && e.kept[n-1].lsn == o.kept[m-1].lsn && e.kept[n-1].uid == o.kept[m-1].uid
	return same && e.stableLSN == o.stableLSN && e.stableUID == o.stableUID
}

// judgeEnd says whether the log may end before a batch that cannot be read.
func (ev *evidence) judgeEnd(s *foundSegment, lsn uint64, b *foundBatch, next uint32, placed bool) error {
	if lsn <= ev.stableLSN {
		return fmt.Errorf("%w: batch %d in segment %v was acknowledged and cannot be read", ErrDamaged, lsn, s.head.Segment)
	}
	if (b != nil || placed) && ev.lacks(s, b, next) {
		return nil
	}
	return ev.cannotTell(s, fmt.Sprintf("whether batch %d counts", lsn))
}

// cannotTell names the drives that could answer a question and do not.
func (ev *evidence) cannotTell(s *foundSegment, what string) error {
	var absent []string
	for _, id := range s.head.Drives {
		if ev.drives[id] == nil && !s.mute[id] {
			absent = append(absent, id.String())
		}
	}
	for id := range s.mute {
		absent = append(absent, id.String())
	}
	slices.Sort(absent)
	return fmt.Errorf("%w: only drives that are not here, or cannot be read, could tell of segment %v %s: %v; bring them back and start again",
		ErrUnavailable, s.head.Segment, what, absent)
}

// lacks says whether some present drive, whose label is at least as new as the
// segment, lacks a block of the batch. Of a batch that nothing is known of, it
// is the first stripe's first column and parity that must have been stored.
//
// No other drive may have that block, and the drive must have the file, as it was
// made with the segment: it was durable before any block was. If it is gone, it
// was moved or lost, and what was in it nobody knows.
func (ev *evidence) lacks(s *foundSegment, b *foundBatch, next uint32) bool {
	if b == nil {
		b = &foundBatch{first: next, parts: make([]*foundStripe, 1)}
	}
	width := s.head.K + s.head.M
	for part := range b.parts {
		d, good := b.d(), uint64(0)
		if st := b.parts[part]; st != nil {
			d, good = st.at.d, st.good
		}
		for i := range d + s.head.M {
			if good&(1<<i) != 0 {
				continue
			}
			if ev.tells(s, drive.FileOf(drive.ColumnOf(i, d, s.head.K), b.first+uint32(part), width)) {
				return true
			}
		}
	}
	return false
}

// tells says whether a file of that index is here by which it can be told that a
// block was not written.
func (ev *evidence) tells(s *foundSegment, index int) bool {
	for _, f := range s.files {
		if f.index == index && s.original(f) {
			id := f.drive
			if ev.drives[id] != nil && !s.mute[id] && ev.epochs[id] >= s.head.Segment.Epoch() {
				return true
			}
		}
	}
	return false
}
