package blockstore

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// AddDrives makes drives of directories, which are absent or empty, or were
// drives of this pool: for new segments at once, or as spares. Either all are
// taken or none.
//
// Errors: ErrDirInUse, ErrUnsafe when too few drives are here to change the
// pool's members, ErrOptions, ErrReadOnly, ErrClosed, the file system's.
func (p *Pool) AddDrives(ctx context.Context, dirs []string, spare bool, o ChangeOptions) ([]ChangeReport, error) {
	leave, err := p.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	v := p.members.now()
	switch {
	case v.readOnly != nil:
		return nil, v.readOnly
	case len(dirs) == 0:
		return nil, fmt.Errorf("%w: no directory was given", ErrOptions)
	case len(v.label.Members)+len(dirs) > drive.MaxMembers:
		return nil, fmt.Errorf("%w: a pool has at most %d drives", ErrOptions, drive.MaxMembers)
	}
	var checked []newDir
	for _, dir := range dirs {
		n, err := p.checkDir(v, dir, checked, uuid.UUID{}, o)
		if err != nil {
			return nil, err
		}
		checked = append(checked, n)
	}
	m := drive.Member{State: drive.Online}
	if spare {
		m.State, m.NonVoting = drive.Spare, true
	}
	var reports []ChangeReport
	taken := make(map[int]bool)
	for _, n := range checked {
		m.Slot = freeSlot(v.label.Members, taken)
		taken[m.Slot] = true
		rep := p.report(m, m.State, o)
		rep.Path, rep.Note = n.path, p.listed(n.path)
		reports = append(reports, rep)
	}
	if o.DryRun {
		return reports, nil
	}
	made := make(map[uuid.UUID]*drive.Drive)
	order := make([]uuid.UUID, len(checked))
	for i, n := range checked {
		d, err := p.makeDrive(v, n)
		if err != nil {
			p.unmakeDrives(made, err)
			return nil, err
		}
		made[d.ID()], order[i] = d, d.ID()
	}
	err = p.admitNew(ctx, made, func(v *membership, next *drive.Membership) error {
		for i, id := range order {
			m := m
			m.ID, m.Slot = id, freeSlot(next.Members, nil)
			reports[i].ID, reports[i].Slot = id, m.Slot
			next.Members = append(next.Members, m)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, rep := range reports {
		p.log.Info("a drive was added", "drive", rep.ID, "slot", rep.Slot, "path", rep.Path, "state", rep.State)
		p.note(Event{
			Kind: "drive_added", Stage: StageRunning, Severity: SeverityInfo, Drive: about(rep.ID),
			Text: fmt.Sprintf("drive %d was added at %s, %s", rep.Slot, rep.Path, rep.State),
		})
	}
	return slices.Clip(reports), nil
}
