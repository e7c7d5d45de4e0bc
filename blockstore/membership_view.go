package blockstore

import (
	"errors"
	"slices"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// membership is one epoch. It is never modified.
type membership struct {
	label    drive.Membership
	drives   map[uuid.UUID]*drive.Drive // every member that could be opened
	live     map[uuid.UUID]*drive.Drive // voting members that take part: they have taken the newest label
	spare    map[uuid.UUID]*drive.Drive // members without columns that are here and have taken it
	why      map[uuid.UUID]error        // why a member does not take part
	readOnly error                      // set when the quorum is lost
}

// member finds a member's entry.
func (v *membership) member(id uuid.UUID) (drive.Member, bool) {
	i := slices.IndexFunc(v.label.Members, func(m drive.Member) bool { return m.ID == id })
	if i < 0 {
		return drive.Member{}, false
	}
	return v.label.Members[i], true
}

// complete says that no member is known to take no part. A segment may still lie on a
// drive that is no member any more.
func (v *membership) complete() bool {
	return len(v.why) == 0 && len(v.drives) == len(v.label.Members)
}

func (v *membership) isLive(id uuid.UUID) bool { return v.live[id] != nil }

// isHere says whether a member is live, or a spare that is here.
func (v *membership) isHere(id uuid.UUID) bool { return v.live[id] != nil || v.spare[id] != nil }

// here are the drives whose labels are written.
func (v *membership) here() map[uuid.UUID]*drive.Drive {
	all := make(map[uuid.UUID]*drive.Drive, len(v.live)+len(v.spare))
	for id, d := range v.live {
		all[id] = d
	}
	for id, d := range v.spare {
		all[id] = d
	}
	return all
}

// accepts says whether a drive may hold new segments, and files that are moved.
// One that is being emptied does if without it there were too few for a segment:
// rather is it emptied later than that nothing can be written.
func (v *membership) accepts(id uuid.UUID) bool {
	if !v.isLive(id) {
		return false
	}
	others := 0
	for _, m := range v.label.Members {
		if m.State == drive.Evacuating || !v.isLive(m.ID) {
			continue
		}
		if others++; m.ID == id {
			return true
		}
	}
	return others < v.label.Parity+1
}

// accepting is how many drives do.
func (v *membership) accepting() int {
	n := 0
	for id := range v.live {
		if v.accepts(id) {
			n++
		}
	}
	return n
}

// voters is how many members count for a quorum.
func (v *membership) voters() int { return voters(v.label.Members) }

// away is how many voting members do not take part: what they hold cannot be
// read, or not be relied upon.
func (v *membership) away() int { return v.voters() - len(v.live) }

func voters(members []drive.Member) int {
	n := 0
	for _, m := range members {
		if !m.NonVoting {
			n++
		}
	}
	return n
}

// filling is how many voting members that are here do not hold yet all that the
// drives did in whose place they came. Together with those away they may not be
// more than m (R9).
func (v *membership) filling() int {
	n := 0
	for _, m := range v.label.Members {
		if !m.NonVoting && m.State == drive.Rebuilding && v.isLive(m.ID) {
			n++
		}
	}
	return n
}

// absentVoters is how many voting members are not among the drives, or are being
// filled still: those that cannot tell what was written.
func absentVoters(members []drive.Member, drives map[uuid.UUID]*drive.Drive) int {
	n := 0
	for _, m := range members {
		if !m.NonVoting && (drives[m.ID] == nil || m.State == drive.Rebuilding) {
			n++
		}
	}
	return n
}

// quorum is the number of n voting members that a label must reach: a majority,
// and it meets every other quorum and every set of m+1 (R8).
func quorum(n, m int) int { return max(n-m, m+1) }

// enough says whether the drives in got are a quorum of each group. Members
// without a vote count for nothing: what they hold no column of, they cannot
// tell about.
func enough(got func(uuid.UUID) bool, m int, groups ...[]drive.Member) bool {
	for _, g := range groups {
		if len(g) == 0 {
			continue
		}
		n := 0
		for _, mem := range g {
			if !mem.NonVoting && got(mem.ID) {
				n++
			}
		}
		if n < quorum(voters(g), m) {
			return false
		}
	}
	return true
}

// takesPart says whether a drive in this state is read from and takes labels.
func takesPart(s drive.State) bool {
	return s == drive.Online || s == drive.Rebuilding || s == drive.Evacuating
}

// attends says whether a member, if it is here, takes labels: as a voter, or as a spare.
func attends(m drive.Member) bool {
	return !m.NonVoting && takesPart(m.State) || m.NonVoting && m.State == drive.Spare
}

// keepsState says of a state that a drive that was taken away has it still when
// it is back.
func keepsState(s drive.State) bool {
	return s == drive.Rebuilding || s == drive.Evacuating || s == drive.Spare
}

// keptAway says of a member that it was taken away, or was not there, and that
// its state is kept for when it is back.
func (v *membership) keptAway(m drive.Member) bool {
	why := v.why[m.ID]
	return keepsState(m.State) && !v.isHere(m.ID) && (errors.Is(why, drive.ErrRemoved) || errors.Is(why, errMissing))
}
