package blockstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// SettleDrives ends what is being done with drives where nothing is left to do. A
// policy calls it when it has worked through what was due:
//
//   - a drive that was filled in another's place is ONLINE when no column is left
//     to be made anew;
//   - an evacuated one leaves the pool when it holds no column, even if it is gone or failed by then;
//   - one that has been away for long and by the segment table holds nothing has
//     no vote any more, as long as enough others have: it counts as lost no longer.
//
// Errors: ErrClosed, ErrReadOnly.
func (p *Pool) SettleDrives(ctx context.Context) error {
	leave, err := p.enter()
	if err != nil {
		return err
	}
	defer leave()
	if err := p.readOnly(); err != nil {
		return err
	}
	if err := p.settleFilled(ctx); err != nil {
		return err
	}
	for _, m := range p.members.now().label.Members {
		v := p.members.now()
		if m, ok := v.member(m.ID); ok {
			if err := p.settleEmpty(ctx, v, m); err != nil {
				return err
			}
		}
	}
	return nil
}

// settleFilled ends REBUILDING.
func (p *Pool) settleFilled(ctx context.Context) error {
	if p.members.now().filling() == 0 || p.orphans(p.members.now()) > 0 {
		return nil
	}
	_, err := p.members.alter(ctx, nil, func(v *membership, next *drive.Membership) error {
		if p.orphans(v) > 0 {
			return nil
		}
		for i := range next.Members {
			if m := &next.Members[i]; m.State == drive.Rebuilding && v.isLive(m.ID) {
				m.State = drive.Online
				p.note(Event{
					Kind: "drive_rebuilt", Stage: StageRecovered, Severity: SeverityInfo, Drive: about(m.ID),
					Text: fmt.Sprintf("drive %d holds all that the one before it did", m.Slot),
				})
			}
		}
		return nil
	})
	return err
}

// settleEmpty lets go of a member that holds no column.
func (p *Pool) settleEmpty(ctx context.Context, v *membership, m drive.Member) error {
	if _, files := p.heldBytes(m.ID); files > 0 {
		return nil
	}
	switch {
	case m.NonVoting:
		return nil
	case m.State == drive.Evacuating, p.fellShort(m):
		if v.accepts(m.ID) || p.pinned(m.ID) || p.removable(v, m) != nil || !p.catalogWithout(v, m.ID) {
			return nil
		}
		err := p.removeMember(ctx, m.ID)
		if errors.Is(err, ErrHoldsColumns) || errors.Is(err, ErrNoDrive) || errors.Is(err, ErrUnsafe) {
			return nil // not yet
		}
		return err
	case p.longAway(v, m) && p.spared(v) && (m.State != drive.Rebuilding || p.orphans(v) == 0):
		return p.disfranchise(ctx, m)
	}
	return nil
}

// spared says whether the pool can do with one voting member less and still make
// segments of full width, or whatever is the least.
func (p *Pool) spared(v *membership) bool {
	return v.voters()-1 >= max(v.label.Width, v.label.Parity+2)
}

// disfranchise takes its vote from a member that is away and holds nothing. When
// it is back it is a spare.
func (p *Pool) disfranchise(ctx context.Context, m drive.Member) error {
	_, err := p.members.alter(ctx, nil, func(v *membership, next *drive.Membership) error {
		if _, files := p.heldBytes(m.ID); files > 0 || v.isLive(m.ID) || !p.spared(v) {
			return nil
		}
		return setMember(m.ID, func(m *drive.Member) {
			m.NonVoting = true
			if takesPart(m.State) {
				m.State = drive.Unavail
			}
		})(v, next)
	})
	if errors.Is(err, ErrUnsafe) {
		return nil // too few drives are here for it; later
	}
	if err == nil {
		p.note(Event{
			Kind: "drive_done_without", Stage: StageRecovered, Severity: SeverityInfo, Drive: about(m.ID),
			Text: fmt.Sprintf("all that drive %d held lies elsewhere now; when it is back it is a spare", m.Slot),
		})
	}
	return err
}
