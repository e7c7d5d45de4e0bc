package blockstore

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// A spare is a member without a vote that holds nothing. When a drive has been
// away for Options.RebuildAfter, one spare becomes a voting member, and what the
// drive held is made anew on the drives that accept files, the spare among them.
//
// Invariant: one loss takes one spare. Which spare stands in for which drive is
// kept as a setting, which is durable before the spare gets its vote: after a
// crash between the two the same spare is taken. It is forgotten when the drive
// is back.

// standInNote is what a setting says of a drive that is away: the spare that
// stands in for it, or nothing.
type standInNote struct{ spare uuid.UUID }

func standInName(id uuid.UUID) string { return "standin/" + id.String() }

// UseSpares puts spares to use for drives that have been away for long, and notes which
// ones are being emptied. A policy calls it before it looks for work. Errors: ErrClosed,
// ErrReadOnly, ErrUnavailable.
func (p *Pool) UseSpares(ctx context.Context) error {
	leave, err := p.enter()
	if err != nil {
		return err
	}
	defer leave()
	v := p.members.now()
	if v.readOnly != nil {
		return v.readOnly
	}
	orphans := p.orphans(v)
	for _, m := range v.label.Members {
		note, err := p.standInOf(ctx, m.ID)
		if err != nil {
			return err
		}
		if v.isLive(m.ID) && note.spare != (uuid.UUID{}) { // it came back while the pool was closed
			p.forgetStandIn(ctx, m.ID)
		}
		if err := p.noteEmptying(ctx, m.ID); err != nil {
			return err
		}
		if !p.wantsStandIn(v, m, orphans) {
			continue
		}
		if err := p.useSpare(ctx, m, note); err != nil {
			return err
		}
		v = p.members.now()
	}
	return nil
}

// wantsStandIn says of a member that it has been away for so long that a spare
// is to be used for it.
func (p *Pool) wantsStandIn(v *membership, m drive.Member, orphans int) bool {
	if !p.longAway(v, m) {
		return false
	}
	_, files := p.heldBytes(m.ID)
	// One that came in another's place has columns to get still.
	return files > 0 || orphans > 0 && m.Joined > 1
}

// longAway says of a voting member that it has been away for so long that the
// pool is to do without it.
func (p *Pool) longAway(v *membership, m drive.Member) bool {
	switch why := v.why[m.ID]; {
	case m.NonVoting || v.isLive(m.ID) || m.State == drive.Offline || p.opt.RebuildAfter < 0:
		return false
	case takesPart(m.State) && why != nil && blameless(why) && !v.keptAway(m) && v.drives[m.ID] != nil:
		return false // it is there, and merely too full for a label
	}
	return p.now().Sub(p.awaySince(m.ID)) >= p.opt.RebuildAfter
}

// useSpare puts a spare to use for a member, unless that was done.
func (p *Pool) useSpare(ctx context.Context, m drive.Member, note standInNote) error {
	v := p.members.now()
	spare := p.bestSpare(v)
	if in, ok := v.member(note.spare); ok {
		if !in.NonVoting {
			return nil // it was put to use for this loss
		}
		if v.spare[in.ID] != nil {
			spare = &in
		}
	}
	if spare == nil {
		return nil
	}
	if note.spare != spare.ID {
		if err := p.SetSetting(ctx, standInName(m.ID), []byte(spare.ID.String())); err != nil {
			return err
		}
		p.book.noteStandIn(m.ID, standInNote{spare.ID})
	}
	_, err := p.members.alter(ctx, nil, setMember(spare.ID, func(m *drive.Member) { m.State, m.NonVoting = drive.Online, false }))
	if err != nil {
		return err
	}
	p.log.Info("a spare is put to use", "spare", spare.ID, "slot", spare.Slot, "for", m.ID)
	p.note(Event{
		Kind: "spare_used", Stage: StageRecovering, Severity: SeverityInfo, Drive: about(spare.ID),
		Text: fmt.Sprintf("the spare, drive %d, is put to use for drive %d, which is away", spare.Slot, m.Slot),
	})
	return nil
}

// standInOf reads which spare stands in for a drive.
func (p *Pool) standInOf(ctx context.Context, id uuid.UUID) (standInNote, error) {
	p.book.mu.Lock()
	note := p.book.standIn[id]
	p.book.mu.Unlock()
	if note != nil {
		return *note, nil
	}
	value, err := p.Setting(ctx, standInName(id))
	if err != nil {
		return standInNote{}, err
	}
	var read standInNote
	if len(value) > 0 {
		if read.spare, err = uuid.ParseBytes(value); err != nil {
			p.log.Warn("a setting makes no sense, and is passed over", "name", standInName(id), "error", err)
		}
	}
	p.book.noteStandIn(id, read)
	return read, nil
}

func (b *driveBook) noteStandIn(id uuid.UUID, note standInNote) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.standIn[id] = &note
}

// forgetStandIn notes that a drive is back: when it leaves again, that is another
// loss. The spare goes on as a member.
func (p *Pool) forgetStandIn(ctx context.Context, id uuid.UUID) {
	note, err := p.standInOf(ctx, id)
	if err == nil && note.spare != (uuid.UUID{}) {
		if err = p.SetSetting(ctx, standInName(id), nil); err == nil {
			p.book.noteStandIn(id, standInNote{})
		}
	}
	if err != nil {
		p.log.Warn("it could not be noted that a drive is back; UseSpares tries again", "drive", id, "error", err)
	}
}
