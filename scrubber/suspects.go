package scrubber

import (
	"errors"
	"maps"
	"slices"
	"time"
)

// hearSuspects takes what the pool suspects at this moment.
func (s *Scrubber) hearSuspects() {
	for {
		select {
		case segment := <-s.pool.Suspects():
			s.suspect(segment)
		default:
			return
		}
	}
}

// suspect brings a segment forward. One that was brought forward a short while
// ago waits: else damage that cannot be mended would be read in a loop.
func (s *Scrubber) suspect(segment uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.ContainsFunc(s.suspects, func(r *retry) bool { return r.segment == segment }) {
		return
	}
	r := &retry{segment: segment}
	if at, was := s.seen[segment]; was {
		r.next = at.Add(suspectPause)
	}
	s.suspects = append(s.suspects, r)
}

// nextSuspect gives the first one whose time has come, else the time when one's
// does, or zero.
func (s *Scrubber) nextSuspect(now time.Time) (segment uint64, at time.Time, any bool) {
	for _, r := range s.suspects {
		if !now.Before(r.next) {
			return r.segment, at, true
		}
		if at.IsZero() || r.next.Before(at) {
			at = r.next
		}
	}
	return 0, at, false
}

// examinedSuspect takes note of a segment that was examined out of turn.
func (s *Scrubber) examinedSuspect(t task, err error) {
	i := slices.IndexFunc(s.suspects, func(r *retry) bool { return r.segment == t.segment })
	if i < 0 { // of a run that was stopped meanwhile
		return
	}
	if r := s.suspects[i]; err != nil && !errors.Is(err, ErrGone) {
		r.failed(err)
		if !r.exhausted() {
			return
		}
		if !errors.Is(err, ErrBusy) {
			s.giveUp(t, err)
		}
	}
	s.forgetSuspect(t.segment)
}

// forgetSuspect takes a segment off the list, and notes when.
func (s *Scrubber) forgetSuspect(segment uint64) {
	i := slices.IndexFunc(s.suspects, func(r *retry) bool { return r.segment == segment })
	if i < 0 {
		return
	}
	s.suspects = slices.Delete(s.suspects, i, i+1)
	now := time.Now()
	maps.DeleteFunc(s.seen, func(_ uint64, at time.Time) bool { return now.Sub(at) >= suspectPause })
	s.seen[segment] = now
}
