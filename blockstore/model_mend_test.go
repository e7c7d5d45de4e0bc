package blockstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// What an operator does to the drives of a random life, and what the pool does
// to mend itself.

// mendSome does what the rebuild policy does, with all its parts in order.
func (m *life) mendSome(ctx context.Context) error {
	m.say("mend")
	err := mendRound(ctx, m.p)
	if errors.Is(err, ErrUnmended) && m.fuss.faults {
		err = nil // a drive went meanwhile, or before, unnoticed
	}
	return err
}

// mendRound takes spares into use, mends all that can be mended, and settles
// what that has finished.
func mendRound(ctx context.Context, p *Pool) error {
	if err := p.UseSpares(ctx); err != nil {
		return fmt.Errorf("using spares: %w", err)
	}
	if err := p.SealOpen(ctx); err != nil {
		return fmt.Errorf("sealing: %w", err)
	}
	work, err := p.Work(ctx)
	if err != nil {
		return err
	}
	for _, w := range work {
		if w.Blocked != "" {
			continue
		}
		if _, err := mendOne(ctx, p, w.Segment, MendOptions{Move: true}); err != nil {
			return fmt.Errorf("mending %v: %w", w.Segment, err)
		}
	}
	if err := p.SettleDrives(ctx); err != nil {
		return fmt.Errorf("settling: %w", err)
	}
	return nil
}

// mendOne mends a segment, as soon as nothing else is at it.
func mendOne(ctx context.Context, p *Pool, id drive.SegmentID, o MendOptions) (MendReport, error) {
	for {
		r, err := p.Mend(ctx, id, o)
		if !errors.Is(err, ErrSegmentBusy) || ctx.Err() != nil {
			return r, err
		}
		time.Sleep(time.Millisecond)
	}
}

// scrub reads everything and wants all of it mended.
func (m *life) scrub(ctx context.Context) error {
	m.say("scrub")
	if err := m.p.SealOpen(ctx); err != nil {
		return err
	}
	for _, id := range m.p.Segments() {
		r, err := mendOne(ctx, m.p, id, MendOptions{})
		if err != nil {
			return fmt.Errorf("scrubbing %v: %w", id, err)
		}
		for _, f := range r.Findings {
			if !f.Mended {
				return fmt.Errorf("scrubbing %v: %+v", id, f)
			}
		}
	}
	return nil
}

// mendUntil mends round after round until ok, as the policies do. What goes on beside
// them takes as long as it takes: a replica of the catalog is made, a label is written.
func mendUntil(t *testing.T, p *Pool, what string, ok func() bool) {
	t.Helper()
	waitFor(t, what, func() bool {
		must(t, mendRound(t.Context(), p))
		return ok()
	})
}

// noWork says whether there is nothing to mend, not even later.
func noWork(t *testing.T, p *Pool) bool {
	t.Helper()
	work, err := p.Work(t.Context())
	must(t, err)
	return len(work) == 0
}

// unfinished is what mending can do still, now or as soon as what goes on beside it
// has ended; empty: nothing.
func unfinished(ctx context.Context, p *Pool) (string, error) {
	work, err := p.Work(ctx)
	if err != nil {
		return "", err
	}
	for _, w := range work {
		if w.Blocked != waitingForDrive && w.Blocked != waitingForColumns {
			return fmt.Sprintf("work: %+v", w), nil
		}
	}
	v := p.members.now()
	for _, m := range v.label.Members {
		_, files := p.heldBytes(m.ID)
		switch {
		case m.NonVoting:
		case m.State == drive.Evacuating && files == 0 && !v.accepts(m.ID) && p.removable(v, m) == nil,
			m.State == drive.Rebuilding && v.isLive(m.ID) && p.orphans(v) == 0,
			files == 0 && p.longAway(v, m) && p.spared(v):
			return fmt.Sprintf("drive %d, %v, to be settled", m.Slot, m.State), nil
		}
	}
	return "", nil
}

// whole mends until nothing is left to do, with all drives there, and holds the
// pool to it: no stripe lacks a column.
func (m *life) whole(ctx context.Context) error {
	for round, began := 1, time.Now(); ; round++ {
		if err := mendRound(ctx, m.p); err != nil {
			return err
		}
		left, err := unfinished(ctx, m.p)
		switch {
		case err != nil:
			return err
		case left == "" && round >= 3: // nor does a further round find anything
			return nil
		case left != "" && time.Since(began) > time.Minute:
			return fmt.Errorf("there is no end to it after %d rounds: %s", round, left)
		}
		time.Sleep(time.Millisecond)
	}
}

// rot spoils one block, when nothing else is amiss, and has a scrub find it.
func (m *life) rot(ctx context.Context) error {
	s, err := m.p.Status(ctx)
	if err != nil {
		return err
	}
	for n, count := range s.Redundancy.Missing {
		if n != "0" && count > 0 {
			return nil
		}
	}
	if len(m.away) > 0 || s.Pool.Spare == 0 {
		return nil
	}
	if err := m.p.SealOpen(ctx); err != nil {
		return err
	}
	ids := m.p.Segments()
	if len(ids) == 0 {
		return nil
	}
	id := ids[m.rng.IntN(len(ids))]
	seg := m.p.segments.get(id)
	i := m.rng.IntN(seg.width())
	seg.mu.Lock()
	on := seg.drives[i]
	seg.mu.Unlock()
	d := m.p.members.now().drives[on]
	if d == nil {
		return nil
	}
	path := m.fs.PathJoin(d.Dir(), "segments", id.String())
	info, err := m.fs.Stat(path)
	if err != nil || info.Size() <= drive.FirstBlock {
		return nil //nolint:nilerr // that file holds nothing
	}
	page := int64(drive.FirstBlock) + drive.PageBytes*m.rng.Int64N((info.Size()-drive.FirstBlock)/drive.PageBytes)
	m.say("rot in segment %v, file %d, at %d", id, i, page)
	if err := m.fs.Corrupt(path, page, drive.PageBytes, func(p []byte) { p[m.rng.IntN(len(p))] ^= 0x10 }); err != nil {
		return err
	}
	return m.scrub(ctx)
}

// operate is one thing that an operator does to the drives.
func (m *life) operate(ctx context.Context) error {
	s, err := m.p.Status(ctx)
	if err != nil {
		return err
	}
	d := s.Drives[m.rng.IntN(len(s.Drives))]
	ref := strconv.Itoa(d.Slot)
	var o ChangeOptions
	switch n := m.rng.IntN(9); {
	case n < 2:
		if ok, err := m.mayGo(ctx); err != nil || !ok && d.State == drive.Online.String() {
			return err
		}
		dir := m.newDir()
		m.say("drive %s (%s) is replaced by %s", ref, d.State, dir)
		_, err = m.p.ReplaceDrive(ctx, ref, dir, o)
	case n < 3 && len(s.Drives) < 9:
		dir := m.newDir()
		m.say("%s is added", dir)
		_, err = m.p.AddDrives(ctx, []string{dir}, false, o)
	case n < 4 && len(s.Drives) < 9:
		dir := m.newDir()
		m.say("%s is added as a spare", dir)
		_, err = m.p.AddDrives(ctx, []string{dir}, true, o)
	case n < 5:
		m.say("drive %s (%s) is evacuated", ref, d.State)
		_, err = m.p.EvacuateDrive(ctx, ref, o)
	case n < 6:
		m.say("drive %s (%s) is removed", ref, d.State)
		_, err = m.p.RemoveDrive(ctx, ref, o)
	case n < 7:
		if ok, err := m.mayGo(ctx); err != nil || !ok {
			return err
		}
		m.say("drive %s (%s) is taken offline", ref, d.State)
		m.fuss.faults = true
		_, err = m.p.OfflineDrive(ctx, ref, o)
	case n < 8:
		m.say("drive %s (%s) is cleared", ref, d.State)
		_, err = m.p.ClearDrive(ctx, ref, o)
	default:
		m.say("drive %s (%s) is brought online", ref, d.State)
		_, err = m.p.OnlineDrive(ctx, ref, o)
	}
	return m.refused(err)
}

// refused passes over what the pool refuses in so many words.
func (m *life) refused(err error) error {
	for _, word := range []error{ErrUnsafe, ErrNoDrive, ErrDirInUse, ErrTooSmall, ErrNowhere, ErrHoldsColumns, ErrDriveState, drive.ErrNotFound, ErrNoSpace} {
		if errors.Is(err, word) {
			m.say("  refused: %v", err)
			return nil
		}
	}
	return err
}

// newDir is a directory that no drive has had yet.
func (m *life) newDir() string {
	dir := fmt.Sprintf("/pool/d%d", len(m.dirs)+1)
	m.dirs = append(m.dirs, dir)
	return dir
}

// mendInTheMiddle crashes while the pool mends itself.
func (m *life) mendInTheMiddle(ctx context.Context, how int) error {
	m.say("%s while it mends", crashName(how))
	stop := make(chan error, 1)
	p := m.p
	go func() { stop <- mendRound(ctx, p) }()
	time.Sleep(time.Duration(m.rng.IntN(6000)) * time.Microsecond)
	image := takeImage(m.fs, m.rng, how)
	if err := <-stop; err != nil && !errors.Is(err, ErrUnmended) {
		return err
	}
	abandon(m.p, m.fs)
	m.fs, m.p = image, nil
	return nil
}
