package main

import (
	"slices"
	"testing"

	"github.com/holdfast-storage/holdfast/blockstore"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// TestBlockedSegmentsAreSuspect: each is told once for as long as nothing can be done for it, in the order that it comes.
func TestBlockedSegmentsAreSuspect(t *testing.T) {
	s := newSuspects(nil)
	due := func(blocked ...drive.SegmentID) []blockstore.Work {
		list := []blockstore.Work{{Segment: 100}} // one that can be mended
		for _, id := range blocked {
			list = append(list, blockstore.Work{Segment: id, Blocked: "waiting for a drive"})
		}
		return list
	}
	told := func() (ids []uint64) {
		for len(s.out) > 0 {
			ids = append(ids, <-s.out)
		}
		return ids
	}
	for i, step := range []struct {
		blocked []drive.SegmentID
		told    []uint64
	}{
		{[]drive.SegmentID{3, 1}, []uint64{3, 1}},
		{[]drive.SegmentID{3, 1, 2}, []uint64{2}},
		{[]drive.SegmentID{3, 1, 2}, nil},
		{nil, nil},
		{[]drive.SegmentID{1}, []uint64{1}},
	} {
		s.blocked(due(step.blocked...))
		if got := told(); !slices.Equal(got, step.told) {
			t.Fatalf("step %d: told %d, want %d", i, got, step.told)
		}
	}
	// What there is no room for is told when there is some.
	var many []drive.SegmentID
	for id := range cap(s.out) + 5 {
		many = append(many, drive.SegmentID(id+1000))
	}
	s.blocked(due(many...))
	if n := len(told()); n != cap(s.out) {
		t.Fatalf("told %d at once", n)
	}
	s.blocked(due(many...))
	if n := len(told()); n != 5 {
		t.Fatalf("told %d afterwards, want 5", n)
	}
}
