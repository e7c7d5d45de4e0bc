package blockstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// FailDrive stops using a drive, named by slot, id or path, at once.
//
// Errors: ErrNoDrive, ErrUnsafe when more than m drives would then be out and
// Force is not set, ErrReadOnly.
func (p *Pool) FailDrive(ctx context.Context, ref string, o ChangeOptions) (ChangeReport, error) {
	leave, err := p.enter()
	if err != nil {
		return ChangeReport{}, err
	}
	defer leave()
	v := p.members.now()
	m, err := v.find(ref)
	if err != nil {
		return ChangeReport{}, err
	}
	rep := ChangeReport{Slot: m.Slot, ID: m.ID, State: drive.Faulted.String(), DryRun: o.DryRun}
	if d := v.drives[m.ID]; d != nil {
		rep.Path = d.Dir()
	}
	check := func(v *membership) error {
		before := len(v.label.Members) - len(v.live)
		out := before
		if v.isLive(m.ID) {
			out++
		}
		rep.MayStillFail = max(0, p.parity-out)
		if out > p.parity && !o.Force {
			return fmt.Errorf("%w: %d drives are out already, and with %d out data is unavailable; replace one first, or use --force",
				ErrUnsafe, before, out)
		}
		return nil
	}
	if o.DryRun {
		return rep, check(v)
	}
	err = p.members.fail(ctx, m.ID, check)
	p.dropReplicas()
	p.bulk.retire(false)
	return rep, err
}

var errOperator = errors.New("failed by the operator")

// find finds a member by slot, id or path.
func (v *membership) find(ref string) (drive.Member, error) {
	for _, m := range v.label.Members {
		d := v.drives[m.ID]
		if ref == strconv.Itoa(m.Slot) || ref == m.ID.String() || d != nil && filepath.Clean(ref) == filepath.Clean(d.Dir()) {
			return m, nil
		}
	}
	known := slices.Sorted(maps.Keys(func() map[int]bool {
		slots := make(map[int]bool)
		for _, m := range v.label.Members {
			slots[m.Slot] = true
		}
		return slots
	}()))
	return drive.Member{}, fmt.Errorf("%w: %q is no slot (%v), id or path of this pool", ErrNoDrive, ref, known)
}
