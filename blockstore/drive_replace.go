package blockstore

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// ReplaceDrive puts a new drive, made of a directory, in the place of one. In the
// place of a drive that is away it gets the slot, and what that one held is made
// anew on it (REBUILDING). One that is in use hands its files over (EVACUATING)
// and leaves the pool at the end; the new one gets a slot of its own.
//
// The directory may be the old drive's, if the drive is gone from there and the
// directory is empty. The report is about the new drive.
//
// Errors: ErrNoDrive, ErrDirInUse, ErrTooSmall, ErrUnsafe, ErrReadOnly,
// ErrClosed, the file system's.
func (p *Pool) ReplaceDrive(ctx context.Context, ref, dir string, o ChangeOptions) (ChangeReport, error) {
	leave, err := p.enterChange(ctx)
	if err != nil {
		return ChangeReport{}, err
	}
	defer leave()
	v := p.members.now()
	old, err := p.findMember(v, ref)
	if err != nil {
		return ChangeReport{}, err
	}
	here := v.isHere(old.ID)
	n, err := p.checkDir(v, dir, nil, old.ID, o)
	if err != nil {
		return ChangeReport{}, err
	}
	bytes, files := p.heldBytes(old.ID)
	if n.free > 0 && n.free < uint64(bytes) {
		return ChangeReport{}, fmt.Errorf("%w: %s has %s free, and drive %d holds %s", ErrTooSmall, n.path, bytesText(int64(n.free)), old.Slot, bytesText(bytes))
	}
	if lost := p.lost(v); !here && lost > p.parity && !o.Force {
		return ChangeReport{}, fmt.Errorf("%w: %d drives or columns of a stripe are out, and %d may be: drive %d may hold what nothing else does; bring it back, or give it up with --force%s",
			ErrUnsafe, lost, p.parity, old.Slot, p.forcedReplace(v))
	}
	m := p.successor(v, old, here, files)
	rep := p.report(m, m.State, o)
	rep.ID, rep.Path, rep.BytesToMove, rep.Note = uuid.UUID{}, n.path, bytes, p.listed(n.path)
	if o.DryRun {
		return rep, nil
	}
	if filepath.Clean(p.book.path(old.ID)) == n.path && !here {
		if err := p.closeDrive(old.ID, v.drives[old.ID]); err != nil { // its lock is on the path
			return ChangeReport{}, err
		}
	}
	d, err := p.makeDrive(v, n)
	if err != nil {
		return ChangeReport{}, err
	}
	m.ID = d.ID()
	err = p.admitNew(ctx, map[uuid.UUID]*drive.Drive{m.ID: d}, func(v *membership, next *drive.Membership) error {
		i := slices.IndexFunc(next.Members, func(o drive.Member) bool { return o.ID == old.ID })
		switch {
		case i < 0:
			return fmt.Errorf("%w: drive %d has left the pool meanwhile", ErrNoDrive, old.Slot)
		case v.isHere(old.ID) != here:
			return fmt.Errorf("%w: drive %d has come or gone meanwhile; look at the status and repeat", ErrDriveState, old.Slot)
		case here && !old.NonVoting:
			next.Members[i].State = drive.Evacuating
			m.Slot = freeSlot(next.Members, nil)
			next.Members = append(next.Members, m)
		default:
			next.Members[i] = m
		}
		return nil
	})
	if err != nil {
		return ChangeReport{}, err
	}
	p.tryNoteEmptying(ctx, old.ID)
	p.startEmptying()
	rep.ID, rep.Slot = m.ID, m.Slot
	p.log.Info("a drive is replaced", "old", old.ID, "slot", old.Slot, "new", m.ID, "path", n.path, "state", m.State)
	p.note(Event{
		Kind: "drive_replaced", Stage: StageRecovering, Severity: SeverityInfo, Drive: about(m.ID),
		Text: fmt.Sprintf("drive %d (%v) is replaced by %s", old.Slot, old.ID, n.path), Done: "the new one is " + m.State.String(),
	})
	return rep, nil
}

// forcedReplace says what else is to be known of --force: with too many drives away or
// being filled nothing tells at an opening what was written last (R9).
func (p *Pool) forcedReplace(v *membership) string {
	if out(v) <= p.parity {
		return ""
	}
	return ", after which the pool does not start again until what is lost was deleted and the new drives are filled"
}

// successor is the member that comes in old's place, but for its ID.
func (p *Pool) successor(v *membership, old drive.Member, here bool, files int) drive.Member {
	switch {
	case old.NonVoting:
		return drive.Member{Slot: old.Slot, State: drive.Spare, NonVoting: true}
	case here:
		return drive.Member{Slot: freeSlot(v.label.Members, nil), State: drive.Online}
	case files == 0 && p.orphans(v) == 0:
		return drive.Member{Slot: old.Slot, State: drive.Online}
	default:
		return drive.Member{Slot: old.Slot, State: drive.Rebuilding}
	}
}

// startEmptying ends the segments that are open on drives which accept no files
// any more, so that these can move.
func (p *Pool) startEmptying() {
	p.bulk.retire(false)
	p.rollWanted.Store(true)
	p.workGrew()
}
