package drive

import (
	"fmt"
	"slices"

	"github.com/google/uuid"
)

// MaxMembers is how many drives a pool can have.
const MaxMembers = 256

// Label says which drive of which pool a directory is, and what the pool looked
// like when it was written.
type Label struct {
	Pool, Drive uuid.UUID
	CreatedUnix int64  // seconds
	Reserved    uint32 // highest epoch whose number was promised here (R8)
	Membership
}

// Membership is the part of a label that is the same on all drives of an epoch.
type Membership struct {
	Epoch         uint32
	Parity, Width int      // m, and k+m at full width
	Features      Features // what has to be known to read the pool
	SegmentBytes  int64    // at which size of its files a segment is full
	Members       []Member // as of this epoch
	Old           []Member // the members before, while the change is not durable on a quorum of both (R8)
	Checkpoint    Checkpoint
	Floor         uint64 // LSN below which no catalog replica may be replayed (R10)
}

// Features are what the format of a pool has come to have since its version. One that
// a binary does not know makes it refuse the pool (R22). None is ever taken back.
type Features uint64

const (
	// Leaves: records may carry checksums of a body's leaves.
	Leaves Features = 1 << iota

	// AllFeatures are those that this binary knows. It gives them to every pool that it
	// opens to write, with the epoch of that opening: so they are durable on a quorum
	// before the first record that needs them.
	AllFeatures = Leaves
)

// Checkpoint says that records up to LSN count only as restated in the batches
// First to Last of the journal. All zero: there is none yet.
type Checkpoint struct {
	LSN, First, Last uint64
}

// Member is one drive of the pool.
type Member struct {
	ID     uuid.UUID
	Slot   int // number shown to people, 0..65535
	State  State
	Joined uint32 // epoch
	// NonVoting: the drive holds no column of any segment, and counts for no
	// quorum. It is a spare, or is away and all that it held was moved.
	NonVoting bool
}

// State is the state of a drive, in ZFS's words.
type State uint8

// States of drives, as they stand in a label.
const (
	Online     State = 1
	Faulted    State = 2
	Offline    State = 3
	Removed    State = 4
	Unavail    State = 5
	Spare      State = 6
	Rebuilding State = 7
	Evacuating State = 8
)

func (s State) String() string {
	switch s {
	case Online:
		return "ONLINE"
	case Faulted:
		return "FAULTED"
	case Offline:
		return "OFFLINE"
	case Removed:
		return "REMOVED"
	case Unavail:
		return "UNAVAIL"
	case Spare:
		return "SPARE"
	case Rebuilding:
		return "REBUILDING"
	case Evacuating:
		return "EVACUATING"
	}
	return fmt.Sprintf("STATE(%d)", uint8(s))
}

func (s State) valid() bool { return s >= Online && s <= Evacuating }

// Retired says whether the label is the last of a drive that left its pool: it
// names the members, and the drive is none of them. The label of a drive that is
// being added says so too, until the change counts.
func (l Label) Retired() bool {
	self := func(m Member) bool { return m.ID == l.Drive }
	return !slices.ContainsFunc(l.Members, self) && !slices.ContainsFunc(l.Old, self)
}

// Clone copies a label, its members included.
func (l Label) Clone() Label {
	l.Membership = l.Membership.Clone()
	return l
}

// Clone copies a membership, its members included.
func (m Membership) Clone() Membership {
	m.Members, m.Old = slices.Clone(m.Members), slices.Clone(m.Old)
	return m
}
