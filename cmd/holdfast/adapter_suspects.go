package main

import (
	"context"
	"slices"
	"sync"

	"github.com/holdfast-storage/holdfast/blockstore"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// suspects tells the scrubber which segments to examine before all others: those beside one where a read found a wrong
// checksum, since damage seldom comes alone; and those that lack columns which cannot be made anew now, since what is
// left of them is all there is. It takes both from what the pool tells anyway.
type suspects struct {
	pool *blockstore.Pool
	out  chan uint64

	mu   sync.Mutex
	told map[drive.SegmentID]bool // blocked ones, until they are not any more
}

func newSuspects(pool *blockstore.Pool) *suspects {
	return &suspects{pool: pool, out: make(chan uint64, 1024), told: make(map[drive.SegmentID]bool)}
}

// tell never waits: the next scrub reads what there is no room for.
func (s *suspects) tell(id drive.SegmentID) bool {
	select {
	case s.out <- uint64(id):
		return true
	default:
		return false
	}
}

// blocked takes what is due, those first that have the fewest columns left. Each segment is told once for as long as it
// cannot be mended.
func (s *suspects) blocked(due []blockstore.Work) {
	s.mu.Lock()
	defer s.mu.Unlock()
	still := make(map[drive.SegmentID]bool)
	for _, w := range due {
		if w.Blocked != "" && (s.told[w.Segment] || s.tell(w.Segment)) {
			still[w.Segment] = true
		}
	}
	s.told = still
}

// watch follows the events until ctx ends. Those that were there before are not looked at.
func (s *suspects) watch(ctx context.Context) {
	after, old := uint64(0), true
	for ctx.Err() == nil {
		news := s.pool.EventsChanged() // before the question, so that none is missed
		events, err := s.pool.Events(ctx, after, 0)
		for _, e := range events {
			after = e.Seq
			if id, err := drive.ParseSegmentID(e.Segment); err == nil && !old && e.Kind == "checksum" {
				s.beside(id)
			}
		}
		if len(events) > 0 && err == nil {
			continue
		}
		old = false
		select {
		case <-news:
		case <-ctx.Done():
		}
	}
}

// beside tells of the segments before and after one.
func (s *suspects) beside(id drive.SegmentID) {
	all := s.pool.Segments()
	i, found := slices.BinarySearch(all, id)
	if i > 0 {
		s.tell(all[i-1])
	}
	if found {
		i++
	}
	if i < len(all) {
		s.tell(all[i])
	}
}
