package blockstore

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// join makes the epoch of this opening, and ends a change of members that a
// crash interrupted (R8).
func (p *Pool) join(f *found) error {
	top := f.top.Membership
	faulted := func(id uuid.UUID) bool {
		i := slices.IndexFunc(top.Members, func(m drive.Member) bool { return m.ID == id })
		return i >= 0 && top.Members[i].State == drive.Faulted
	}
	votes := func(id uuid.UUID) bool { return f.drives[id] != nil && !faulted(id) }
	if !enough(votes, top.Parity, top.Members, top.Old) {
		return p.tooFew(f, votes)
	}
	next := top.Clone()
	next.Features |= drive.AllFeatures
	if next.Features != top.Features {
		p.log.Info("the pool gets what this version brings to its format; older versions refuse it from now on", "features", next.Features)
	}
	why := make(map[uuid.UUID]error)
	for i, m := range next.Members {
		next.Members[i].State, why[m.ID] = f.stateOf(m)
	}
	maps.DeleteFunc(why, func(_ uuid.UUID, err error) bool { return err == nil })
	for _, d := range f.drives {
		p.members.top = max(p.members.top, d.Label().Reserved, d.Label().Epoch)
	}
	if err := p.joinAs(f, next, why); err != nil {
		return fmt.Errorf("%w: %w", ErrQuorum, err) // a label failed: not the time to guess
	}
	if v := p.members.now(); v.away()+v.filling() > top.Parity {
		return p.tooFew(f, v.isLive)
	}
	return nil
}

// joinAs makes next the membership. Drives that an interrupted change took out
// of the pool are closed then.
func (p *Pool) joinAs(f *found, next drive.Membership, why map[uuid.UUID]error) error {
	ms := p.members
	ms.change.Lock()
	defer ms.change.Unlock()
	if err := ms.advance(next, f.drives, f.drives, why); err != nil || len(next.Old) == 0 {
		return err
	}
	gone := make(map[uuid.UUID]*drive.Drive)
	for id, d := range f.drives {
		if _, member := ms.now().member(id); !member {
			gone[id] = d
		}
	}
	stay := maps.Clone(f.drives)
	maps.DeleteFunc(stay, func(id uuid.UUID, _ *drive.Drive) bool { return gone[id] != nil })
	if err := ms.finish(stay); err != nil {
		return err
	}
	f.drives = stay
	ms.retire(gone)
	return closeDrives(gone)
}

// stateOf is the state that a member begins this opening with, and why it does
// not take part, if so. What the operator said of a drive stands, and so does
// what is being done with one.
func (f *found) stateOf(m drive.Member) (drive.State, error) {
	here := f.drives[m.ID] != nil
	switch {
	case m.State == drive.Faulted || m.State == drive.Offline:
		return m.State, fmt.Errorf("it was left out before: %v", m.State)
	case m.NonVoting && here:
		return drive.Spare, nil
	case keepsState(m.State) && here:
		return m.State, nil
	case keepsState(m.State):
		return m.State, f.missing()
	case here:
		return drive.Online, nil
	default:
		return drive.Unavail, f.missing()
	}
}

var errMissing = errors.New("it was not there when the pool was opened")

// missing says of a drive that it is, and where it may belong.
func (f *found) missing() error {
	if where := f.where(); where != "" {
		return fmt.Errorf("%w%s", errMissing, where)
	}
	return errMissing
}

// where tells of the directories that hold no drive, or one that does not work.
func (f *found) where() string {
	where := ""
	if len(f.empty) > 0 {
		where = "; there is no drive at " + strings.Join(f.empty, ", ")
	}
	for _, dir := range slices.Sorted(maps.Keys(f.broken)) {
		where += fmt.Sprintf("; %s: %v", dir, f.broken[dir])
	}
	return where
}

// tooFew says which drives are missing and how many are needed.
func (p *Pool) tooFew(f *found, votes func(uuid.UUID) bool) error {
	var missing, filling []string
	for _, m := range f.top.Members {
		switch name := fmt.Sprintf("drive %d (%v)", m.Slot, m.ID); {
		case m.NonVoting:
		case !votes(m.ID):
			missing = append(missing, name)
		case m.State == drive.Rebuilding:
			filling = append(filling, name)
		}
	}
	n := voters(f.top.Members)
	text := fmt.Sprintf("%d of the pool's %d drives are usable and %d are needed", n-len(missing), n, quorum(n, f.top.Parity))
	if len(missing) > 0 {
		text += "; missing: " + strings.Join(missing, ", ")
	}
	text += f.where()
	if len(filling) > 0 {
		text += "; not rebuilt yet: " + strings.Join(filling, ", ")
	}
	if len(missing) > 0 {
		text += "; bring back what is missing and start again"
	} else {
		text += "; what was in their places was given up with --force, and nothing else tells what was written last"
	}
	return &tooFewError{
		text:     text,
		readable: absentVoters(f.top.Members, f.drives) <= f.top.Parity && len(f.top.Old) == 0,
	}
}

// tooFewError is an ErrQuorum. Readable: enough is there to serve reads.
type tooFewError struct {
	text     string
	readable bool
}

func (e *tooFewError) Error() string { return ErrQuorum.Error() + ": " + e.text }
func (e *tooFewError) Unwrap() error { return ErrQuorum }
