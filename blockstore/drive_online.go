package blockstore

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// OnlineDrive uses a drive again that is OFFLINE, or away; one that is not there
// is used as soon as it is. Of a drive that is being evacuated it calls that off.
//
// Errors: ErrNoDrive, ErrDriveState of a FAULTED drive, ErrReadOnly, ErrClosed,
// and those of opening the drive.
func (p *Pool) OnlineDrive(ctx context.Context, ref string, o ChangeOptions) (ChangeReport, error) {
	return p.bringBack(ctx, ref, o, func(m drive.Member, here bool) error {
		if m.State == drive.Faulted {
			return fmt.Errorf("%w: drive %d is FAULTED; if it is to be used all the same: holdfast drive clear %d", ErrDriveState, m.Slot, m.Slot)
		}
		return nil
	})
}

// ClearDrive uses a FAULTED drive again, and forgets the errors that were counted
// of it. What it may lack is mended. Errors as of OnlineDrive, ErrDriveState of
// an OFFLINE one.
func (p *Pool) ClearDrive(ctx context.Context, ref string, o ChangeOptions) (ChangeReport, error) {
	return p.bringBack(ctx, ref, o, func(m drive.Member, here bool) error {
		if m.State == drive.Offline {
			return fmt.Errorf("%w: drive %d is OFFLINE; to use it again: holdfast drive online %d", ErrDriveState, m.Slot, m.Slot)
		}
		if d := p.members.now().drives[m.ID]; d != nil && here && !o.DryRun {
			d.ClearErrors()
		}
		return nil
	})
}

// bringBack has a member take part again, unless allow refuses.
func (p *Pool) bringBack(ctx context.Context, ref string, o ChangeOptions, allow func(m drive.Member, here bool) error) (ChangeReport, error) {
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
	here := v.isHere(m.ID)
	if err := allow(m, here); err != nil {
		return ChangeReport{}, err
	}
	rep := p.report(m, m.State, o)
	if here {
		if m.State == drive.Evacuating {
			rep.State = drive.Online.String()
			if !o.DryRun {
				_, err = p.members.alter(ctx, nil, setMember(m.ID, func(m *drive.Member) { m.State = drive.Online }))
				p.tryNoteEmptying(ctx, m.ID)
			}
		}
		return rep, err
	}
	state := stateBack(m, p.orphans(v))
	rep.State = state.String()
	dir, there := p.find(m.ID)
	if there {
		rep.Path = dir
	} else {
		rep.State = drive.Unavail.String()
		rep.Note = "it is not at any known path; it is used as soon as it is back there"
	}
	switch {
	case o.DryRun:
	case there:
		err = p.takeBack(ctx, m.ID, dir)
	default:
		err = p.expect(ctx, m.ID, state)
	}
	if err != nil {
		return rep, fmt.Errorf("drive %d: %w", m.Slot, err)
	}
	if !o.DryRun {
		rep.MayStillFail = max(0, p.parity-p.lost(p.members.now()))
	}
	return rep, nil
}

// expect has a member that is not there taken back when it comes.
func (p *Pool) expect(ctx context.Context, id uuid.UUID, state drive.State) error {
	if !keepsState(state) {
		state = drive.Unavail
	}
	_, err := p.members.alter(ctx, nil, func(v *membership, next *drive.Membership) error {
		v.why[id] = errMissing
		return setMember(id, func(m *drive.Member) { m.State = state })(v, next)
	})
	return err
}
