package blockstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// FailDrive stops using a drive, named by slot, id or path, at once. It is not
// used again, also not after a restart, until ClearDrive; after RebuildAfter
// what it holds is made anew elsewhere.
//
// Errors: ErrNoDrive, ErrUnsafe when objects could not be read then and Force is
// not set, ErrReadOnly, ErrClosed.
func (p *Pool) FailDrive(ctx context.Context, ref string, o ChangeOptions) (ChangeReport, error) {
	return p.takeOut(ctx, ref, drive.Faulted, errOperator, o)
}

// OfflineDrive stops using a drive for a while: nothing is made anew for it, and
// no spare is used. OnlineDrive ends that; a restart does not. Errors as of FailDrive.
func (p *Pool) OfflineDrive(ctx context.Context, ref string, o ChangeOptions) (ChangeReport, error) {
	return p.takeOut(ctx, ref, drive.Offline, errOffline, o)
}

var (
	errOperator = errors.New("failed by the operator")
	errOffline  = errors.New("taken offline by the operator")
)

func (p *Pool) takeOut(ctx context.Context, ref string, state drive.State, why error, o ChangeOptions) (ChangeReport, error) {
	leave, err := p.enter()
	if err != nil {
		return ChangeReport{}, err
	}
	defer leave()
	if p.readOnly() == nil {
		if err := p.noticeGone(ctx); err != nil {
			return ChangeReport{}, err
		}
	}
	v := p.members.now()
	m, err := p.findMember(v, ref)
	if err != nil {
		return ChangeReport{}, err
	}
	rep := p.report(m, state, o)
	check := func(v *membership) error {
		now, _ := v.member(m.ID)
		without := v.without(m.ID)
		before, after := p.lost(v), p.lost(without)
		rep.MayStillFail = max(0, p.parity-after)
		switch {
		case now.State == state:
			rep.Note = fmt.Sprintf("it is %v already", state)
		case after > p.parity && !o.Force &&
			(after > before || without.away() > v.away() && out(without) > p.parity || p.unreadable(without) > p.unreadable(v)):
			return fmt.Errorf("%w: with it, %d drives or columns of a stripe would be out, and %d may be: data would be unavailable; replace what is out first, or use --force",
				ErrUnsafe, after, p.parity)
		}
		return nil
	}
	if o.DryRun {
		return rep, check(v)
	}
	err = p.members.leave(ctx, m.ID, state, why, check)
	p.dropReplicas()
	p.bulk.retire(false)
	return rep, err
}
