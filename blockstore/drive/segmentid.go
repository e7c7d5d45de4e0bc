package drive

import (
	"fmt"
	"strconv"
)

// SegmentID names a segment: the epoch that made it in the upper 32 bits, a
// counter within the epoch in the lower. IDs are ordered by value and never used
// twice. 0 is no segment.
type SegmentID uint64

// NewSegmentID puts an ID together.
func NewSegmentID(epoch, counter uint32) SegmentID {
	return SegmentID(epoch)<<32 | SegmentID(counter)
}

// Epoch is the epoch in which the segment was made.
func (id SegmentID) Epoch() uint32 { return uint32(id >> 32) }

// Counter is the segment's number within its epoch.
func (id SegmentID) Counter() uint32 { return uint32(id) }

// String gives the name of the segment's files, as in "00000002-00000000".
func (id SegmentID) String() string {
	return fmt.Sprintf("%08x-%08x", id.Epoch(), id.Counter())
}

// ParseSegmentID is the reverse of String. It accepts nothing but what String
// writes, so that one segment has one name.
func ParseSegmentID(s string) (SegmentID, error) {
	if len(s) != 17 || s[8] != '-' {
		return 0, fmt.Errorf("%q is not the name of a segment", s)
	}
	epoch, err := strconv.ParseUint(s[:8], 16, 32)
	if err != nil {
		return 0, fmt.Errorf("%q is not the name of a segment: %w", s, err)
	}
	counter, err := strconv.ParseUint(s[9:], 16, 32)
	if err != nil {
		return 0, fmt.Errorf("%q is not the name of a segment: %w", s, err)
	}
	id := NewSegmentID(uint32(epoch), uint32(counter))
	if id == 0 || id.String() != s {
		return 0, fmt.Errorf("%q is not the name of a segment", s)
	}
	return id, nil
}
