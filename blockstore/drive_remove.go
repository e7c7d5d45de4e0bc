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

// RemoveDrive takes a drive that holds no columns out of the pool: a spare, one
// that was added and not used yet, or one that is away and whose columns were
// made anew elsewhere. If it is here, its label can open the pool no more.
//
// Errors: ErrNoDrive, ErrHoldsColumns, ErrUnsafe when too few drives would be
// left, ErrReadOnly, ErrClosed.
func (p *Pool) RemoveDrive(ctx context.Context, ref string, o ChangeOptions) (ChangeReport, error) {
	leave, err := p.enter()
	if err != nil {
		return ChangeReport{}, err
	}
	defer leave()
	v := p.members.now()
	if v.readOnly != nil {
		return ChangeReport{}, v.readOnly
	}
	m, err := p.findMember(v, ref)
	if err != nil {
		return ChangeReport{}, err
	}
	rep := p.report(m, m.State, o)
	rep.State = stateGone
	if err := p.removable(v, m); err != nil {
		return rep, err
	}
	if w := v.voters() - 1; !m.NonVoting && w < v.label.Width {
		rep.Note = fmt.Sprintf("new stripes have at most %d columns then", w)
	}
	if o.DryRun {
		return rep, nil
	}
	return rep, p.removeMember(ctx, m.ID)
}

// stateGone is what is reported of a drive that is no member any more.
const stateGone = "GONE"

// removable says why a member cannot leave the pool.
func (p *Pool) removable(v *membership, m drive.Member) error {
	bytes, files := p.heldBytes(m.ID)
	switch {
	case files > 0:
		return fmt.Errorf("%w: drive %d holds %s in %d segments; holdfast drive evacuate %d, or replace it", ErrHoldsColumns, m.Slot, bytesText(bytes), files, m.Slot)
	case !m.NonVoting && v.voters()-1 < v.label.Parity+1:
		return fmt.Errorf("%w: a pool with %d parity columns needs at least %d drives", ErrUnsafe, v.label.Parity, v.label.Parity+1)
	}
	return nil
}

// removeMember takes a drive out of the pool. If it accepts files, it does so no
// more from the start, and whoever was about to give it one is waited for.
func (p *Pool) removeMember(ctx context.Context, id uuid.UUID) error {
	var was drive.State
	if p.members.now().accepts(id) {
		_, err := p.members.alter(ctx, nil, setMember(id, func(m *drive.Member) { was, m.State = m.State, drive.Evacuating }))
		if err != nil {
			return err
		}
		for v := p.members.now(); p.pinned(id) || !v.accepts(id) && !p.catalogWithout(v, id); v = p.members.now() {
			select {
			case <-time.After(pinPause):
			case <-ctx.Done():
				return errors.Join(ctx.Err(), p.keep(id, was))
			case <-p.stopped:
				return ErrClosed
			}
		}
	}
	var slot int
	gone, err := p.members.alter(ctx, nil, func(v *membership, next *drive.Membership) error {
		m, ok := v.member(id)
		if !ok {
			return fmt.Errorf("%w: it has left the pool already", ErrNoDrive)
		}
		if err := p.removable(v, m); err != nil {
			return err
		}
		if v.accepts(id) {
			return fmt.Errorf("%w: without drive %d too few drives that are here could hold new data", ErrUnsafe, m.Slot)
		}
		slot = m.Slot
		next.Members = slices.DeleteFunc(next.Members, func(m drive.Member) bool { return m.ID == id })
		return nil
	})
	path := p.book.path(id)
	p.letGo(gone)
	if err != nil {
		if was != 0 {
			_ = p.keep(id, was)
		}
		return err
	}
	p.tryNoteEmptying(ctx, id)
	p.book.forget(id)
	p.log.Info("a drive left the pool", "drive", id, "slot", slot)
	p.note(Event{
		Kind: "drive_left", Stage: StageRunning, Severity: SeverityInfo, Drive: &EventDrive{ID: id, Slot: slot, Path: path},
		Text: fmt.Sprintf("drive %d left the pool", slot),
	})
	return nil
}

// keep gives a member that does not leave after all the state that it had. One
// that failed meanwhile has failed: no label may call it good (R6). One that was
// taken away is taken back when it comes.
func (p *Pool) keep(id uuid.UUID, was drive.State) error {
	_, err := p.members.alter(p.ctx, nil, func(v *membership, next *drive.Membership) error {
		return setMember(id, func(m *drive.Member) {
			switch {
			case m.State != drive.Evacuating:
			case v.isHere(id) || keepsState(was):
				m.State = was
			default:
				m.State = drive.Removed
			}
		})(v, next)
	})
	return err
}

const pinPause = 5 * time.Millisecond

// setMember is a change of one member.
func setMember(id uuid.UUID, set func(*drive.Member)) func(*membership, *drive.Membership) error {
	return func(_ *membership, next *drive.Membership) error {
		for i := range next.Members {
			if next.Members[i].ID == id {
				set(&next.Members[i])
				return nil
			}
		}
		return fmt.Errorf("%w: it has left the pool", ErrNoDrive)
	}
}
