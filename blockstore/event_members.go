package blockstore

import (
	"errors"
	"fmt"
	"strings"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// noteMembers notes what has changed of the membership since it was last asked.
// It is called after every change, under the lock that orders them.
func (p *Pool) noteMembers() {
	l := p.events
	l.mu.Lock()
	old, v := l.told, p.members.now()
	l.told = v
	l.mu.Unlock()
	if old == nil || old == v {
		return
	}
	for _, m := range v.label.Members {
		was, known := old.member(m.ID)
		from, to := old.stateOf(was), v.stateOf(m)
		switch {
		case !known:
			p.note(stateEvent(v, m, to, "drive_added", "drive %d joined the pool", "it is "+to.String()))
		case from != to:
			e, ok := changeEvent(v, m, from, to, old.live == nil)
			if ok {
				p.note(e)
			}
		}
	}
	for _, m := range old.label.Members {
		if _, still := v.member(m.ID); !still {
			p.note(stateEvent(v, m, drive.Online, "drive_left", "drive %d is no drive of the pool any more", "its label can open the pool no more"))
		}
	}
	if v.readOnly != nil && old.readOnly == nil {
		p.note(Event{
			Kind: "read_only", Stage: StageReduced, Severity: SeverityError, Text: v.readOnly.Error(), every: true,
			Done: "objects are read as far as the drives that are here allow; no change is taken until the pool is opened again with enough of them",
		})
	}
}

// stateOf is the state that a member is in, even if no label says so yet, or can.
// The view that an opening begins with knows only what the labels say.
func (v *membership) stateOf(m drive.Member) drive.State {
	why := v.why[m.ID]
	switch {
	case v.live == nil || m.NonVoting || !takesPart(m.State) || v.isLive(m.ID):
		return m.State
	case errors.Is(why, drive.ErrRemoved):
		return drive.Removed
	case errors.Is(why, errMissing):
		return drive.Unavail
	}
	return drive.Faulted
}

// changeEvent is the event of a member's new state, if that is worth one.
func changeEvent(v *membership, m drive.Member, from, to drive.State, opening bool) (e Event, ok bool) {
	kind := "drive_" + strings.ToLower(to.String())
	switch to {
	case drive.Faulted, drive.Removed, drive.Unavail, drive.Offline:
		e = stateEvent(v, m, to, kind, "drive %d is not used any more", v.standing())
		if why := v.why[m.ID]; why != nil {
			e.Text += ": " + why.Error()
		}
	case drive.Rebuilding:
		e = stateEvent(v, m, to, kind, "drive %d takes part, and does not hold all its columns yet", "they are made anew on it")
	case drive.Evacuating:
		e = stateEvent(v, m, to, kind, "drive %d is being evacuated", "its columns are copied to other drives; it holds nothing new")
	case drive.Spare:
		e = stateEvent(v, m, to, kind, "drive %d is a spare", "it stands ready to take a lost drive's place")
	case drive.Online:
		switch from {
		case drive.Rebuilding:
			e = stateEvent(v, m, to, kind, "drive %d holds all its columns", "")
			e.Stage = StageRecovered
		case drive.Spare:
			e = stateEvent(v, m, to, kind, "drive %d, a spare, was put to use", "it takes columns that are made anew")
			e.Stage = StageRecovering
		case drive.Evacuating:
			e = stateEvent(v, m, to, kind, "drive %d is not evacuated any more", "it takes new columns again")
		default:
			// In an opened pool, who lets it back in has more to tell.
			e = stateEvent(v, m, to, "drive_returned", "drive %d is back", "it is used again")
			e.Stage = StageRecovering
			return e, opening
		}
	}
	return e, true
}

// stateEvent is an event about a member in that state. The text has a place for
// the slot.
func stateEvent(v *membership, m drive.Member, state drive.State, kind, text, done string) Event {
	e := Event{
		Kind: kind, Stage: StageRunning, Severity: SeverityInfo, Drive: &EventDrive{ID: m.ID, Slot: m.Slot},
		Text: fmt.Sprintf(text, m.Slot), Done: done, every: true,
	}
	if d := v.drives[m.ID]; d != nil {
		e.Drive.Path = d.Dir()
	}
	switch state {
	case drive.Faulted, drive.Removed, drive.Unavail, drive.Offline:
		e.Stage, e.Severity = StageMasked, SeverityError
		if state == drive.Offline {
			e.Severity = SeverityWarning
		}
		if v.readOnly != nil || v.away() > v.label.Parity {
			e.Stage = StageReduced
		}
	case drive.Rebuilding:
		e.Stage = StageRecovering
	}
	return e
}

// standing says what losses mean at present.
func (v *membership) standing() string {
	switch spare := v.label.Parity - v.away(); {
	case v.readOnly != nil:
		return "no change is taken any more"
	case spare < 0:
		return "some objects cannot be read until drives are back"
	case spare == 0:
		return "reads and writes go on without it; no further drive may fail"
	default:
		return fmt.Sprintf("reads and writes go on without it; %d more may fail", spare)
	}
}

// noteOpened notes that the pool serves, and with what.
func (p *Pool) noteOpened() {
	p.noteMembers()
	v := p.members.now()
	here, all := len(v.live), v.voters()
	e := Event{
		Kind: "opened", Stage: StageRunning, Severity: SeverityInfo, every: true,
		Text: fmt.Sprintf("the pool was opened with %d of %d drives, epoch %d", here, all, v.label.Epoch),
	}
	switch {
	case v.readOnly != nil:
		e.Stage, e.Severity, e.Done = StageReduced, SeverityError, "it takes no changes"
	case here < all:
		e.Stage, e.Severity, e.Done = StageMasked, SeverityWarning, v.standing()
	}
	p.note(e)
}
