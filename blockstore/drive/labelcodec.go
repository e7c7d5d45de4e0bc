package drive

import (
	"encoding/binary"
	"fmt"

	"github.com/cespare/xxhash/v2"
)

// A label, little endian.
const (
	labelMagic   = "HFLABEL\x00"
	labelVersion = 1

	lMagic      = 0   // 8
	lVersion    = 8   // 2
	lZero0      = 10  // 2
	lLength     = 12  // 4
	lFeatures   = 16  // 8
	lPool       = 24  // 16
	lDrive      = 40  // 16
	lCreated    = 56  // 8
	lReserved   = 64  // 4
	lEpoch      = 68  // 4
	lParity     = 72  // 1
	lWidth      = 73  // 1
	lMembers    = 74  // 2
	lOld        = 76  // 2
	lZero1      = 78  // 2
	lSegment    = 80  // 8
	lCheckpoint = 88  // 8
	lFirst      = 96  // 8
	lLast       = 104 // 8
	lFloor      = 112 // 8
	lZero2      = 120 // 8
	lList       = 128 // labelMember each

	labelMember = 32
	mID         = 0  // 16
	mSlot       = 16 // 2
	mState      = 18 // 1
	mFlags      = 19 // 1
	mJoined     = 20 // 4
	mZero1      = 24 // 8

	flagNonVoting = 1 // of mFlags

	labelSum = 8 // behind the last member

	maxLabel = lList + 2*MaxMembers*labelMember + labelSum
)

// Encode gives the bytes of the label's file. It panics if l is not valid.
func (l Label) Encode() []byte {
	if err := l.check(); err != nil {
		panic("drive: Label.Encode: " + err.Error())
	}
	n := lList + labelMember*(len(l.Members)+len(l.Old)) + labelSum
	b := make([]byte, n)
	le := binary.LittleEndian
	copy(b[lMagic:], labelMagic)
	le.PutUint16(b[lVersion:], labelVersion)
	le.PutUint32(b[lLength:], uint32(n))
	le.PutUint64(b[lFeatures:], uint64(l.Features))
	copy(b[lPool:], l.Pool[:])
	copy(b[lDrive:], l.Drive[:])
	le.PutUint64(b[lCreated:], uint64(l.CreatedUnix))
	le.PutUint32(b[lReserved:], l.Reserved)
	le.PutUint32(b[lEpoch:], l.Epoch)
	b[lParity], b[lWidth] = byte(l.Parity), byte(l.Width)
	le.PutUint16(b[lMembers:], uint16(len(l.Members)))
	le.PutUint16(b[lOld:], uint16(len(l.Old)))
	le.PutUint64(b[lSegment:], uint64(l.SegmentBytes))
	le.PutUint64(b[lCheckpoint:], l.Checkpoint.LSN)
	le.PutUint64(b[lFirst:], l.Checkpoint.First)
	le.PutUint64(b[lLast:], l.Checkpoint.Last)
	le.PutUint64(b[lFloor:], l.Floor)
	at := lList
	for _, list := range [][]Member{l.Members, l.Old} {
		for _, m := range list {
			copy(b[at+mID:], m.ID[:])
			le.PutUint16(b[at+mSlot:], uint16(m.Slot))
			b[at+mState] = byte(m.State)
			if m.NonVoting {
				b[at+mFlags] = flagNonVoting
			}
			le.PutUint32(b[at+mJoined:], m.Joined)
			at += labelMember
		}
	}
	le.PutUint64(b[at:], xxhash.Sum64(b[:at]))
	return b
}

// DecodeLabel reads a label from b, which holds it and nothing else. Errors:
// ErrVersion, ErrChecksum, ErrMalformed.
func DecodeLabel(b []byte) (Label, error) {
	fail := func(format string, args ...any) (Label, error) {
		return Label{}, fmt.Errorf("label: "+format, args...)
	}
	le := binary.LittleEndian
	if len(b) < len(labelMagic) || string(b[:len(labelMagic)]) != labelMagic {
		return fail("does not begin like one: %w", ErrMalformed)
	}
	if len(b) < lVersion+2 {
		return fail("cut short after %d bytes: %w", len(b), ErrMalformed)
	}
	if v := le.Uint16(b[lVersion:]); v != labelVersion {
		if len(b) >= lVersion+2+labelSum && versionDamaged(b, lVersion, labelVersion, len(b)-labelSum) {
			return fail("version %d: %w", v, ErrChecksum)
		}
		return fail("version %d: %w", v, ErrVersion)
	}
	if len(b) < lList+labelSum || len(b) > maxLabel || le.Uint32(b[lLength:]) != uint32(len(b)) {
		return fail("%d bytes are not what it says: %w", len(b), ErrMalformed)
	}
	end := len(b) - labelSum
	if le.Uint64(b[end:]) != xxhash.Sum64(b[:end]) {
		return fail("%w", ErrChecksum)
	}
	features := Features(le.Uint64(b[lFeatures:]))
	if f := features &^ AllFeatures; f != 0 {
		return fail("features %#x: %w", f, ErrVersion)
	}
	members, old := int(le.Uint16(b[lMembers:])), int(le.Uint16(b[lOld:]))
	if lList+labelMember*(members+old) != end {
		return fail("%d and %d members do not fill %d bytes: %w", members, old, len(b), ErrMalformed)
	}
	if !zero(b[lZero0:lLength]) || !zero(b[lZero1:lSegment]) || !zero(b[lZero2:lList]) {
		return fail("reserved bytes are not zero: %w", ErrMalformed)
	}
	l := Label{
		CreatedUnix: int64(le.Uint64(b[lCreated:])),
		Reserved:    le.Uint32(b[lReserved:]),
		Membership: Membership{
			Epoch:  le.Uint32(b[lEpoch:]),
			Parity: int(b[lParity]), Width: int(b[lWidth]), Features: features,
			SegmentBytes: int64(le.Uint64(b[lSegment:])),
			Checkpoint: Checkpoint{
				LSN: le.Uint64(b[lCheckpoint:]), First: le.Uint64(b[lFirst:]), Last: le.Uint64(b[lLast:]),
			},
			Floor: le.Uint64(b[lFloor:]),
		},
	}
	copy(l.Pool[:], b[lPool:])
	copy(l.Drive[:], b[lDrive:])
	for at := lList; at < end; at += labelMember {
		m := Member{
			Slot: int(le.Uint16(b[at+mSlot:])), State: State(b[at+mState]), Joined: le.Uint32(b[at+mJoined:]),
			NonVoting: b[at+mFlags]&flagNonVoting != 0,
		}
		copy(m.ID[:], b[at+mID:])
		if f := b[at+mFlags] &^ flagNonVoting; f != 0 {
			return fail("flags %#x of a member: %w", f, ErrVersion)
		}
		if !zero(b[at+mZero1 : at+labelMember]) {
			return fail("reserved bytes of a member are not zero: %w", ErrMalformed)
		}
		if len(l.Members) < members {
			l.Members = append(l.Members, m)
		} else {
			l.Old = append(l.Old, m)
		}
	}
	if err := l.check(); err != nil {
		return fail("%w: %w", ErrMalformed, err)
	}
	return l, nil
}

// check says whether the fields can stand in a label.
func (l *Label) check() error {
	k := l.Width - l.Parity
	switch {
	case l.Features&^AllFeatures != 0:
		return fmt.Errorf("features %#x", uint64(l.Features))
	case l.Parity < 1 || l.Parity > MaxParity || k < 1 || k > MaxData:
		return fmt.Errorf("no geometry: m=%d width=%d", l.Parity, l.Width)
	case l.SegmentBytes < 1:
		return fmt.Errorf("segments of %d bytes", l.SegmentBytes)
	case len(l.Members) < 1 || len(l.Members) > MaxMembers || len(l.Old) > MaxMembers:
		return fmt.Errorf("%d members, %d before", len(l.Members), len(l.Old))
	}
	for _, list := range [][]Member{l.Members, l.Old} {
		for _, m := range list {
			if !m.State.valid() || m.Slot < 0 || m.Slot > 0xffff {
				return fmt.Errorf("member %s: slot %d, state %d", m.ID, m.Slot, m.State)
			}
		}
	}
	return nil
}
