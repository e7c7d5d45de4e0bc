package blockstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// A drive that was taken away and is back is used again while the pool runs: its
// label is looked for where the drive was, and in all directories that the pool
// was given. It is fenced until it has been held against the segment table
// (reconcile, R12) and has the newest label; so nothing is read from it before
// that, nor written to it.
//
// What it may lack is what was open when it left. Those segments were sealed
// then, with its file as suspect; what was written since went elsewhere.

// comesBack says whether a member is looked for. One that failed, or that the
// operator took out, is not.
func (v *membership) comesBack(m drive.Member) bool {
	if v.isHere(m.ID) {
		return false
	}
	return m.State == drive.Removed || m.State == drive.Unavail || v.keptAway(m)
}

// welcome takes drives back that come back, until the pool closes. A pool that
// lost its quorum takes none: its restart does.
func (p *Pool) welcome() {
	tick := time.NewTicker(2 * p.opt.PresencePeriod)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-p.stopped:
			return
		}
		v := p.members.now()
		if v.readOnly != nil {
			continue
		}
		for _, m := range v.label.Members {
			if !v.comesBack(m) || !p.book.due(m.ID) {
				continue
			}
			dir, there := p.find(m.ID)
			if !there {
				continue
			}
			err := p.takeBack(p.ctx, m.ID, dir)
			p.book.postpone(m.ID) // also if it went well: one that comes and goes is let in less and less often
			if err != nil && p.ctx.Err() == nil {
				p.log.Warn("a drive is back and cannot be used yet", "drive", m.ID, "path", dir, "error", err)
			}
		}
	}
}

// How long to wait after a return before the next one of the same drive: so long,
// and each time twice as long, until it has been quiet for a while.
const (
	returnPause    = time.Second
	returnPauseMax = time.Minute
	returnQuiet    = 10 * time.Minute
)

func (b *driveBook) due(id uuid.UUID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !time.Now().Before(b.later[id].next)
}

func (b *driveBook) postpone(id uuid.UUID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	last := b.later[id]
	if time.Since(last.next) > returnQuiet {
		last.pause = 0
	}
	pause := min(max(returnPause, 2*last.pause), returnPauseMax)
	b.later[id] = patience{time.Now().Add(pause), pause}
}

// find looks for a drive's label: where it was last, then elsewhere.
func (p *Pool) find(id uuid.UUID) (dir string, there bool) {
	p.book.mu.Lock()
	dirs := slices.Clone(p.book.dirs)
	last, known := p.book.paths[id]
	p.book.mu.Unlock()
	if known {
		dirs = append([]string{last}, slices.DeleteFunc(dirs, func(d string) bool { return d == last })...)
	}
	for _, d := range p.members.now().here() {
		dirs = slices.DeleteFunc(dirs, func(dir string) bool { return dir == d.Dir() })
	}
	for _, dir := range dirs {
		if l, err := p.readLabelOnce(dir); err == nil && l.Drive == id && l.Pool == p.id {
			return dir, true
		}
	}
	return "", false
}

// readLabelOnce reads a label, but does not ask a directory again that has not
// answered yet.
func (p *Pool) readLabelOnce(dir string) (drive.Label, error) {
	b := p.book
	b.mu.Lock()
	busy := b.asking[dir]
	b.asking[dir] = true
	b.mu.Unlock()
	if busy {
		return drive.Label{}, errHung
	}
	return patiently(p.patience/lateShare, func() (drive.Label, error) {
		defer func() {
			b.mu.Lock()
			delete(b.asking, dir)
			b.mu.Unlock()
		}()
		return drive.ReadLabel(p.opt.FS, dir)
	}, nil)
}

// takeBack takes a member into use again that is found at dir: with a new epoch,
// in the state that it had, or that goes with what it holds.
func (p *Pool) takeBack(ctx context.Context, id uuid.UUID, dir string) error {
	p.book.returning.Lock()
	defer p.book.returning.Unlock()
	if p.members.now().isHere(id) {
		return nil
	}
	if err := p.closeDrive(id, p.members.now().drives[id]); err != nil {
		return err
	}
	d, err := patiently(p.patience, func() (*drive.Drive, error) {
		return drive.Open(drive.Options{FS: p.opt.FS, Logger: p.log}, dir)
	}, func(d *drive.Drive) { _ = d.Close() })
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	err = p.admit(ctx, id, d)
	if p.members.now().drives[id] != d || p.members.closed.Load() { // the pool closes, perhaps without it
		err = errors.Join(err, d.Close())
	}
	return err
}

// closeDrive closes a member that takes no part, so that it can be opened again;
// unless it is open anew already, or takes part. One that is being closed already it
// waits for: its lock is on the path until then.
func (p *Pool) closeDrive(id uuid.UUID, old *drive.Drive) error {
	ms := p.members
	ms.change.Lock()
	v := *ms.now()
	if v.drives[id] != old || v.isHere(id) {
		old = nil
	}
	if old != nil {
		v.drives = make(map[uuid.UUID]*drive.Drive)
		for other, d := range ms.now().drives {
			if other != id {
				v.drives[other] = d
			}
		}
		ms.show(&v)
	}
	old = p.book.closes(id, old)
	ms.change.Unlock()
	if old == nil {
		return nil
	}
	p.closeFilesOn(id)
	err := old.Close()
	if !errors.Is(err, drive.ErrHung) {
		p.book.closed(id, old)
	}
	if err != nil {
		return fmt.Errorf("what is under way on it does not end: %w; restart the daemon", err)
	}
	return nil
}

// closes notes that a drive is being closed, or tells with nil which one of that member is.
func (b *driveBook) closes(id uuid.UUID, d *drive.Drive) *drive.Drive {
	b.mu.Lock()
	defer b.mu.Unlock()
	if d != nil {
		b.closing[id] = d
	}
	return b.closing[id]
}

func (b *driveBook) closed(id uuid.UUID, d *drive.Drive) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closing[id] == d {
		delete(b.closing, id)
	}
}

// admit makes an open drive take part again.
func (p *Pool) admit(ctx context.Context, id uuid.UUID, d *drive.Drive) error {
	l := d.Label()
	if d.ID() != id || l.Pool != p.id {
		return fmt.Errorf("%w: %s holds drive %v of pool %v", ErrForeign, d.Dir(), l.Drive, l.Pool)
	}
	p.look(map[uuid.UUID]*drive.Drive{id: d})
	if err := p.reconcile(ctx, d); err != nil {
		return fmt.Errorf("holding it against the segment table: %w", err)
	}
	p.doubtOpen(id)
	v := p.members.now()
	orphans := p.orphans(v)
	_, err := p.members.alter(ctx, map[uuid.UUID]*drive.Drive{id: d}, func(v *membership, next *drive.Membership) error {
		if l.Epoch > p.members.top {
			return fmt.Errorf("%w: its label is of epoch %d, and the pool is at %d: another daemon had it", ErrForeign, l.Epoch, p.members.top)
		}
		p.members.top = max(p.members.top, l.Reserved)
		for i := range next.Members {
			if m := &next.Members[i]; m.ID == id {
				m.State = stateBack(*m, orphans)
				return nil
			}
		}
		return fmt.Errorf("%w: it is no member any more", ErrNoDrive)
	})
	if err != nil {
		return err
	}
	v = p.members.now()
	if !v.isHere(id) {
		return fmt.Errorf("it did not take the label: %w", v.why[id])
	}
	p.book.moved(id, d.Dir())
	p.closeFilesOn(id) // a reader may have opened one before the drive was closed
	p.forgetStandIn(ctx, id)
	p.tryNoteEmptying(ctx, id)
	m, _ := v.member(id)
	p.log.Info("a drive is back", "drive", id, "slot", m.Slot, "path", d.Dir(), "state", m.State)
	p.note(Event{
		Kind: "drive_returned", Stage: StageRecovering, Severity: SeverityInfo, Drive: about(id),
		Text: fmt.Sprintf("drive %d is back at %s", m.Slot, d.Dir()), Done: "it is used again, " + m.State.String(),
	})
	return nil
}

// doubtOpen marks what is open on a drive that was away as lacking blocks there,
// and ends it: what was on its way when the drive left may be on it or not.
func (p *Pool) doubtOpen(id uuid.UUID) {
	p.rollWanted.Store(true)
	for _, s := range p.segments.all() {
		on := s.filesOn(func(of uuid.UUID) bool { return of == id })
		s.mu.Lock()
		open := !s.sealed
		if open && s.kind == drive.Journal {
			s.suspect |= on // the committer seals it
		}
		s.mu.Unlock()
		if on != 0 && s.kind == drive.Bulk && (open || s.writers.Load() > 0) {
			p.lacking(s, on)
		}
	}
}

// stateBack is the state in which a member takes part again. One that joined in
// another's place counts as being filled while there are columns to be made anew.
func stateBack(m drive.Member, orphans int) drive.State {
	switch {
	case m.NonVoting:
		return drive.Spare
	case keepsState(m.State):
		return m.State
	case m.Joined > 1 && orphans > 0:
		return drive.Rebuilding
	default:
		return drive.Online
	}
}
