package blockstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// EvacuateDrive has a drive's files copied to others; nothing new goes to it.
// When it holds no column any more it leaves the pool, and its label can never
// open it again. OnlineDrive calls it off before that.
//
// A spare is put to use for it if that is the only drive that can take the files.
//
// Errors: ErrNoDrive, ErrDriveState when the drive is away or holds nothing,
// ErrNowhere when a segment has a column on every other drive, ErrUnsafe,
// ErrReadOnly, ErrClosed.
func (p *Pool) EvacuateDrive(ctx context.Context, ref string, o ChangeOptions) (ChangeReport, error) {
	leave, err := p.enterChange(ctx)
	if err != nil {
		return ChangeReport{}, err
	}
	defer leave()
	v := p.members.now()
	m, err := p.findMember(v, ref)
	if err != nil {
		return ChangeReport{}, err
	}
	rep := p.report(m, drive.Evacuating, o)
	rep.BytesToMove, _ = p.heldBytes(m.ID)
	spare, err := p.evacuable(v, m)
	if err != nil {
		return rep, err
	}
	if spare != nil {
		rep.Note = fmt.Sprintf("the spare, drive %d, is put to use for it", spare.Slot)
	} else if w := v.voters() - 1; w < v.label.Width {
		rep.Note = fmt.Sprintf("new stripes have at most %d columns then", w)
	}
	if o.DryRun {
		return rep, nil
	}
	_, err = p.members.alter(ctx, nil, func(v *membership, next *drive.Membership) error {
		m, _ := v.member(m.ID)
		spare, err := p.evacuable(v, m)
		if err != nil {
			return err
		}
		for i := range next.Members {
			switch id := next.Members[i].ID; {
			case id == m.ID:
				next.Members[i].State = drive.Evacuating
			case spare != nil && id == spare.ID:
				next.Members[i].State, next.Members[i].NonVoting = drive.Online, false
			}
		}
		return nil
	})
	if err != nil {
		return rep, err
	}
	p.tryNoteEmptying(ctx, m.ID)
	p.startEmptying()
	p.note(Event{
		Kind: "drive_evacuating", Stage: StageRunning, Severity: SeverityInfo, Drive: about(m.ID),
		Text: fmt.Sprintf("drive %d is evacuated: %s go to other drives", m.Slot, bytesText(rep.BytesToMove)),
	})
	return rep, nil
}

// evacuable says why a drive cannot be evacuated, or which spare has to be put to
// use for it, if any.
func (p *Pool) evacuable(v *membership, m drive.Member) (spare *drive.Member, err error) {
	switch {
	case m.NonVoting:
		return nil, fmt.Errorf("%w: drive %d holds nothing; to take it out: holdfast drive remove %d", ErrDriveState, m.Slot, m.Slot)
	case !v.isLive(m.ID):
		return nil, fmt.Errorf("%w: drive %d is away, and cannot be copied from; replace it, or wait until what it held is made anew elsewhere", ErrDriveState, m.Slot)
	}
	others := 0
	for id := range v.live {
		if id != m.ID && v.accepts(id) {
			others++
		}
	}
	stuck := p.stuck(v, m.ID)
	if others > v.label.Parity && stuck == 0 {
		return nil, nil
	}
	switch spare = p.bestSpare(v); {
	case spare != nil && others+1 > v.label.Parity:
		return spare, nil
	case others <= v.label.Parity:
		return nil, fmt.Errorf("%w: %d drives would be left for new data, and %d are needed; add a drive first: holdfast drive add DIR",
			ErrUnsafe, others, v.label.Parity+1)
	}
	return nil, fmt.Errorf("%w: %d segments with a column on drive %d have one on every other drive as well; add a drive first: holdfast drive add DIR",
		ErrNowhere, stuck, m.Slot)
}

// stuck is how many segments have a file on a drive and no other drive to move it to.
func (p *Pool) stuck(v *membership, id uuid.UUID) int {
	n := 0
	for _, s := range p.segments.all() {
		s.mu.Lock()
		on := slices.Clone(s.drives)
		s.mu.Unlock()
		if !slices.Contains(on, id) {
			continue
		}
		free := false
		for other := range v.live {
			free = free || v.accepts(other) && !slices.Contains(on, other)
		}
		if !free {
			n++
		}
	}
	return n
}

// bestSpare is the spare here with the most room, or nil.
func (p *Pool) bestSpare(v *membership) *drive.Member {
	var list []drive.Member
	for _, m := range v.label.Members {
		if v.spare[m.ID] != nil {
			list = append(list, m)
		}
	}
	if len(list) == 0 {
		return nil
	}
	best := slices.MaxFunc(list, func(a, b drive.Member) int {
		x, _ := p.space.both(a.ID)
		y, _ := p.space.both(b.ID)
		return cmp.Or(cmp.Compare(x, y), cmp.Compare(b.Slot, a.Slot))
	})
	return &best
}
