package blockstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/blockstore/yield"
)

// Reconciling holds what lies on a drive against the segment table, after an
// opening and when a drive is back.
//
// Invariant (R12): a file counts as missing only on a drive that is here, and a
// file is removed only from a drive whose label was at its path just before, and
// only if nothing can need it: it is of an earlier opening, and neither the table
// nor a live record nor the journal names its segment; or the table names another
// drive for it, durably, and the file there is in use and not suspect.
//
// Crash argument: what is marked is marked by a seal, and found again if that is
// lost. What is removed may come back, and is removed again. By the time anything
// is removed, a batch of this opening was acknowledged: a later recovery begins
// there or behind it, and goes back along the journal only, whose segments stay.

// reconciled counts what reconciling a drive came to.
type reconciled struct {
	removed int // files that nothing needs any more
	kept    int // files that belong elsewhere, but what is there is not good
	suspect int // files that lack something
}

// reconcileLive does it for all drives that take part, side by side.
func (p *Pool) reconcileLive() {
	for _, d := range p.members.now().here() {
		p.wg.Go(func() {
			if err := p.reconcile(p.ctx, d); err != nil && p.ctx.Err() == nil {
				p.log.Warn("a drive could not be held against the segment table", "drive", d.ID(), "error", err)
			}
		})
	}
}

// reconcile holds a drive against the segment table: files that it lacks become
// suspect, and files that nothing needs are removed. The drive must be open, and
// need not take part. In a read-only pool it does nothing.
//
// Errors: drive.ErrRemoved (its label is not at its path), ErrUnavailable, those
// of the drive.
func (p *Pool) reconcile(ctx context.Context, d *drive.Drive) error {
	if p.observer || p.readOnly() != nil {
		return nil
	}
	p.distrusted.meet(d)
	since, doubted := p.distrusted.of(d.ID())
	r := reconciler{p: p, d: d, since: since, doubted: doubted}
	r.begin()
	err := r.run(ctx)
	r.work.End()
	if err == nil && doubted {
		p.distrusted.forget(d.ID(), since)
	}
	if r.count.removed+r.count.suspect > 0 {
		p.log.Info("a drive was held against the segment table", "drive", d.ID(), "lacking", r.count.suspect, "removed", r.count.removed, "kept", r.count.kept)
	}
	if r.count.suspect > 0 {
		p.note(Event{
			Kind: "reconciled", Stage: StageMasked, Severity: SeverityWarning, Drive: about(d.ID()),
			Text: fmt.Sprintf("the drive lacks all or part of %d files that it should hold", r.count.suspect),
			Done: "they are made good from the other drives",
		})
		p.workGrew()
	}
	return err
}

// reconciler is one look at a drive.
type reconciler struct {
	p       *Pool
	d       *drive.Drive
	since   uint32 // files of segments from that epoch on lack something
	doubted bool   // the drive may have been set back
	kind    yield.Kind
	work    *yield.Work
	count   reconciled
}

// begin begins the work, or goes on with it as what it now is: while a drive is looked at, it may come to take part, or
// others to fail.
func (r *reconciler) begin() {
	kind := r.p.lookKind(r.d.ID())
	if r.work != nil && kind == r.kind {
		return
	}
	if r.work != nil {
		r.work.End()
	}
	r.kind, r.work = kind, r.p.background(kind)
}

// turn waits until an operation on the drive may begin (R18).
func (r *reconciler) turn(ctx context.Context) (*yield.Turn, error) {
	return r.work.Turn(ctx, r.p.diskOf(r.d.ID()))
}

// inTurn does one operation on the drive, with patience, when its turn has come.
func inTurn[T any](ctx context.Context, r *reconciler, f func() (T, error), discard func(T)) (T, error) {
	turn, err := r.turn(ctx)
	if err != nil {
		var none T
		return none, err
	}
	defer turn.End()
	return patiently(r.p.patience, f, discard)
}

func (r *reconciler) run(ctx context.Context) error {
	if err := r.present(); err != nil {
		return err
	}
	list, err := inTurn(ctx, r, r.d.Segments, nil)
	if err != nil {
		return err
	}
	for _, s := range r.p.segments.all() {
		if err := ctx.Err(); err != nil {
			return err
		}
		r.begin()
		if err := r.lookAt(ctx, s); err != nil {
			return err
		}
	}
	for _, id := range list {
		if err := ctx.Err(); err != nil {
			return err
		}
		r.begin()
		if err := r.weed(ctx, id); err != nil {
			return err
		}
	}
	if r.count.removed == 0 {
		return nil
	}
	_, err = inTurn(ctx, r, func() (struct{}, error) { return struct{}{}, r.d.SyncDir() }, nil)
	return err
}

// present makes sure that the drive's label is at its path.
func (r *reconciler) present() error {
	_, err := patiently(r.p.patience, func() (struct{}, error) { return struct{}{}, r.d.Present() }, nil)
	if err == nil {
		err = r.d.Failed()
	}
	return err
}

const (
	mendingPause = 10 * time.Millisecond // how often it is looked whether a walk over a segment has ended
	shortWalk    = time.Second           // for so long a drive that takes part waits for one
)

// lookAt marks the file of a segment that should be on the drive and is not, or
// not wholly. While the segment is open, or is being mended, others see to that.
func (r *reconciler) lookAt(ctx context.Context, s *segment) error {
	if _, due := r.due(s); !due {
		return nil
	}
	// A walk over it may have begun without this drive. If it takes part, a walk that
	// takes long reads its file, and knows better.
	live, wait := r.p.members.now().isLive(r.d.ID()), r.p.patience
	if live {
		wait = min(wait, shortWalk)
	}
	for late := time.Now().Add(wait); !r.p.mending.look(s.id); time.Sleep(mendingPause) {
		if err := ctx.Err(); err != nil {
			return err
		}
		index, due := r.due(s)
		switch passed := time.Now().After(late); {
		case !due || passed && live:
			return nil
		case passed:
			r.p.lacking(s, 1<<index) // to be on the safe side
			r.count.suspect++
			return nil
		}
	}
	defer r.p.mending.looked(s.id)
	index, due := r.due(s)
	if !due {
		return nil
	}
	whole, err := r.holds(ctx, s, index)
	if err != nil || whole {
		return err
	}
	if err := r.present(); err != nil { // else all of its files are missing
		return err
	}
	r.p.log.Warn("a drive lacks all or part of a file that it should hold", "drive", r.d.ID(), "segment", s.id, "file", index)
	r.p.lacking(s, 1<<index)
	r.count.suspect++
	return nil
}

// due finds the file that the drive should hold of a segment, if that is to be
// looked at.
func (r *reconciler) due(s *segment) (index int, due bool) {
	if !s.settled() {
		return -1, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	index = slices.Index(s.drives, r.d.ID())
	return index, index >= 0 && s.suspect&(1<<index) == 0
}

// holds says whether a file is there, and as long as it must be: its last block
// lies among the last stripes, as many as there are files, since one of those has
// parity there.
func (r *reconciler) holds(ctx context.Context, s *segment, index int) (bool, error) {
	s.mu.Lock()
	end, next := s.end, s.next
	s.mu.Unlock()
	var size int64
	f, err := inTurn(ctx, r, func() (*drive.File, error) {
		f, err := r.d.OpenFile(s.id)
		if err != nil {
			return nil, err
		}
		if size, err = f.Size(); err != nil {
			f.Close()
		}
		return f, err
	}, (*drive.File).Close)
	if errors.Is(err, fs.ErrNotExist) {
		return next == 0, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	from := max(end-int64(s.width())*drive.MaxBlockBytes, drive.FirstBlock)
	switch {
	case size < from:
		return false, nil
	case !r.doubted:
		return true, nil
	case s.id.Epoch() >= r.since:
		return false, nil
	}
	return r.holdsEnd(ctx, f, s, index, from, next)
}

// holdsEnd says whether a file goes on to the segment's end, or was set back to
// an earlier one: it must have the last block that every segment stores there,
// one of parity.
func (r *reconciler) holdsEnd(ctx context.Context, f *drive.File, s *segment, index int, from int64, next uint32) (bool, error) {
	last := int64(next) - 1
	for last >= 0 && drive.ColumnIn(index, uint32(last), s.width()) < s.k {
		last--
	}
	if last < 0 {
		return true, nil
	}
	there := false
	err := scanFrom(ctx, f, from, r.p.id, r.p.patience, false, r.turn, func(b foundBlock) {
		h := &b.head
		there = there || int64(h.Stripe) >= last && drive.FileOf(h.Column, h.Stripe, s.width()) == index
	})
	if err != nil && ctx.Err() == nil && !errors.Is(err, errHung) {
		return false, nil // what cannot be read is not there
	}
	return there, err
}

// weed removes a file if nothing can need it.
func (r *reconciler) weed(ctx context.Context, id drive.SegmentID) error {
	if id.Epoch() >= r.p.firstEpoch && r.p.segments.get(id) == nil {
		return nil // it is being made, or was given up; the next opening tells
	}
	if s := r.p.segments.get(id); s != nil && s.filesOn(r.isThis) != 0 {
		return nil
	}
	if !r.p.mending.look(id) {
		return nil // the file may be on its way here
	}
	defer r.p.mending.looked(id)
	needed, err := r.needs(ctx, id)
	if err != nil || needed {
		return err
	}
	turn, err := r.turn(ctx)
	if err != nil {
		return err
	}
	defer turn.End()
	if err := r.present(); err != nil {
		return err
	}
	_, err = patiently(r.p.patience, func() (struct{}, error) { return struct{}{}, r.d.RemoveSegment(id) }, nil)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	r.p.log.Info("a file that nothing needs is removed", "drive", r.d.ID(), "segment", id)
	r.count.removed++
	return nil
}

func (r *reconciler) isThis(id uuid.UUID) bool { return id == r.d.ID() }

// needs says whether a segment's file on this drive may be needed yet.
func (r *reconciler) needs(ctx context.Context, id drive.SegmentID) (bool, error) {
	p := r.p
	// Memory may be ahead of what is durable, so both are asked.
	e, err := p.catalog.Segment(ctx, id)
	s := p.segments.get(id)
	switch {
	case errors.Is(err, catalog.ErrNotFound):
		return s != nil || r.followed(ctx, id), nil
	case err != nil:
		return true, unavailable(err)
	case s == nil || !e.Sealed || !s.settled() || slices.Contains(e.Drives, r.d.ID()) || s.filesOn(r.isThis) != 0:
		return true, nil
	}
	// A stale copy. It stays as long as what it was copied to is not there, whole.
	files := uint64(1)<<s.width() - 1
	if h, ok := r.header(ctx, id); ok && h.K == s.k && h.M == s.m {
		files = 1 << h.Index
	}
	v := p.members.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, home := range s.drives {
		if files&(1<<i) != 0 && (!v.isLive(home) || e.Drives[i] != home || (s.suspect|e.Suspect)&(1<<i) != 0) {
			r.count.kept++
			return true, nil
		}
	}
	return false, nil
}

// followed says of a segment that is not in the table whether something may lead
// to it: a live record, or the journal.
func (r *reconciler) followed(ctx context.Context, id drive.SegmentID) bool {
	live, err := r.p.catalog.Live(ctx, id)
	if err != nil || live > 0 {
		return true
	}
	if h, ok := r.header(ctx, id); ok && h.Kind == drive.Bulk {
		return false
	}
	return r.p.journalNeeds(ctx, id)
}

// header is the first page of a file on the drive, if that is good.
func (r *reconciler) header(ctx context.Context, id drive.SegmentID) (drive.FileHeader, bool) {
	h, err := inTurn(ctx, r, func() (drive.FileHeader, error) {
		f, h, err := r.d.OpenSegment(id)
		if err == nil {
			f.Close()
		}
		return h, err
	}, nil)
	return h, err == nil
}
