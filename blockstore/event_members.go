package blockstore

import (
	"errors"
	"fmt"
	"strings"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// noteMembers notes which members were left out since it was last asked, why,
// and that no more changes are taken. It is called after every change, under the
// lock that orders them. Of changes for the better, who makes them tells.
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
		if !known {
			continue
		}
		switch from, to := old.stateOf(was), v.stateOf(m); {
		case from == to:
		case isOut(to):
			p.note(v.leftOut(m, to))
		case isOut(from) && old.live == nil:
			p.note(Event{ // in an opened pool, who lets it back in has more to tell
				Kind: "drive_returned", Stage: StageRecovering, Severity: SeverityInfo, Drive: about(m.ID), every: true,
				Text: fmt.Sprintf("drive %d, which was %v, is back", m.Slot, from), Done: "it is " + to.String(),
			})
		}
	}
	if v.readOnly != nil && old.readOnly == nil {
		p.note(Event{
			Kind: "read_only", Stage: StageReduced, Severity: SeverityError, Text: v.readOnly.Error(), every: true,
			Done: "objects are read as far as the drives that are here allow; no change is taken until the pool is opened again with enough of them",
		})
	}
}

// isOut says of a state that nothing is read from such a drive.
func isOut(s drive.State) bool {
	return s == drive.Faulted || s == drive.Removed || s == drive.Unavail || s == drive.Offline
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

// leftOut is the event of a member that takes part no more.
func (v *membership) leftOut(m drive.Member, state drive.State) Event {
	e := Event{
		Kind: "drive_" + strings.ToLower(state.String()), Stage: StageMasked, Severity: SeverityError, Drive: about(m.ID), every: true,
		Text: fmt.Sprintf("drive %d is not used any more", m.Slot), Done: v.standing(),
	}
	if why := v.why[m.ID]; why != nil {
		e.Text += ": " + why.Error()
	}
	if state == drive.Offline {
		e.Severity = SeverityWarning
	}
	if v.readOnly != nil || v.away() > v.label.Parity {
		e.Stage = StageReduced
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
