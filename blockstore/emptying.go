package blockstore

import (
	"context"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// A drive that fails while it is emptied (EVACUATING) is FAULTED from then on: no label
// may call it good (R6), and none says any more that it was to leave the pool. A setting
// does. What it was to hand over is made anew at once, however long drives that are away
// are waited for, and it leaves the pool when by the segment table it holds no column.
//
// Invariant: the setting is there only of a drive that the operator has had emptied, and
// has not used again since. It is written after the label that says EVACUATING counts,
// and removed after one counts by which the drive takes part otherwise. Where a crash, or
// a catalog that takes nothing, comes in between, UseSpares does it: until then a drive
// that fails is waited for like others, and the operator may replace it.

func emptyingName(id uuid.UUID) string { return "emptying/" + id.String() }

// fellShort says of a member that it failed while it was being emptied.
func (p *Pool) fellShort(m drive.Member) bool {
	p.book.mu.Lock()
	defer p.book.mu.Unlock()
	noted := p.book.emptying[m.ID]
	return m.State == drive.Faulted && noted != nil && *noted
}

// noteEmptying has the setting follow the state of a member. Errors: those of settings.
func (p *Pool) noteEmptying(ctx context.Context, id uuid.UUID) error {
	noted, err := p.notedEmptying(ctx, id)
	if err != nil {
		return err
	}
	v := p.members.now()
	m, member := v.member(id)
	switch {
	case m.State == drive.Evacuating && !noted:
		err = p.SetSetting(ctx, emptyingName(id), []byte{1})
	case noted && (!member || v.isHere(id) && m.State != drive.Evacuating):
		err = p.SetSetting(ctx, emptyingName(id), nil)
	default:
		return nil
	}
	if err == nil && member {
		p.book.noteEmptying(id, !noted)
		p.workGrew()
	}
	return err
}

// tryNoteEmptying is noteEmptying where UseSpares comes soon and tries again.
func (p *Pool) tryNoteEmptying(ctx context.Context, id uuid.UUID) {
	if err := p.noteEmptying(ctx, id); err != nil {
		p.log.Warn("it could not be noted whether a drive is being emptied; UseSpares tries again", "drive", id, "error", err)
	}
}

// notedEmptying reads the setting, once.
func (p *Pool) notedEmptying(ctx context.Context, id uuid.UUID) (bool, error) {
	p.book.mu.Lock()
	noted := p.book.emptying[id]
	p.book.mu.Unlock()
	if noted != nil {
		return *noted, nil
	}
	value, err := p.Setting(ctx, emptyingName(id))
	if err != nil {
		return false, err
	}
	p.book.noteEmptying(id, len(value) > 0)
	return len(value) > 0, nil
}

func (b *driveBook) noteEmptying(id uuid.UUID, noted bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.emptying[id] = &noted
}
