package scrubber

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"
)

const stateName = "scrub"

// againMost bounds the list of segments that a restart does again, and so what
// is stored. Beyond it the cursor stays where it is.
const againMost = 500

// state is what is stored. Its JSON names are a format: they may be added to.
type state struct {
	Schedule string    `json:"schedule"`
	Heeded   time.Time `json:"heeded,omitzero"` // up to when the schedule has been

	On     bool  `json:"on"` // a run is; what follows is of it, or else of the last one
	Paused bool  `json:"paused"`
	Rate   int64 `json:"rate_bytes"`
	// Cursor: every segment up to this number is done, or one of Again.
	Cursor uint64   `json:"cursor"`
	Again  []uint64 `json:"again,omitempty"` // failed, or doubtful: the ranges are not kept
	Held   bool     `json:"held,omitempty"`  // too many of those: the cursor does not move any more

	Started     time.Time `json:"started,omitzero"`
	Finished    time.Time `json:"finished,omitzero"`
	LastSuccess time.Time `json:"last_success,omitzero"`
	Outcome     string    `json:"outcome,omitempty"`
	Done        int       `json:"segments_done"`
	Total       int       `json:"segments_total"`
	BytesRead   int64     `json:"bytes_read"`
	Mended      int64     `json:"mended"`
	Unread      int       `json:"unread"`
	Skipped     int       `json:"skipped"`

	Pages   []uint32 `json:"pages,omitempty"` // of the findings
	Page    uint32   `json:"page"`            // the next one
	Dropped int      `json:"dropped,omitempty"`
}

// restore reads what was stored, as long as it takes. It gives false if ctx ended.
func (s *Scrubber) restore(ctx context.Context) bool {
	var again retry
	for {
		err := s.load(ctx)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return false
		}
		again.failed(err)
		s.opt.Logger.LogAttrs(ctx, slog.LevelWarn, "Where the last scrub was cannot be read; it is tried again.", slog.Any("error", err))
		sleep(ctx, time.Until(again.next))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.st.On {
		s.run++
		s.pace.Set(s.st.Rate)
		s.meter.Restart()
		s.opt.Logger.LogAttrs(ctx, slog.LevelInfo, "The scrub goes on where it was.",
			slog.Int("segments_done", s.st.Done), slog.Int("segments_total", s.st.Total), slog.Bool("paused", s.st.Paused))
	}
	return true
}

// load reads the state and the pages that it names. What cannot be understood is
// passed over: a scrub too many does no harm.
func (s *Scrubber) load(ctx context.Context) error {
	raw, err := s.pool.Load(ctx, stateName)
	if err != nil {
		return err
	}
	st := state{Schedule: scheduleDefault}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &st); err != nil {
			s.opt.Logger.LogAttrs(ctx, slog.LevelError, "Where the last scrub was is not readable; the schedule is the default one again.", slog.Any("error", err))
			st = state{Schedule: scheduleDefault}
		}
	}
	plan, err := parseSchedule(st.Schedule)
	if err != nil {
		s.opt.Logger.LogAttrs(ctx, slog.LevelError, "The schedule of the scrub is not readable; it is the default one again.", slog.Any("error", err))
		if plan, err = parseSchedule(scheduleDefault); err != nil {
			return err
		}
	}
	found := findings{next: st.Page, dropped: st.Dropped}
	for _, number := range st.Pages {
		p := &page{number: number}
		raw, err := s.pool.Load(ctx, p.name())
		if err != nil {
			return err
		}
		if len(raw) == 0 || json.Unmarshal(raw, &p.list) != nil {
			continue
		}
		p.bytes = len(raw)
		found.pages = append(found.pages, p)
		found.next = max(found.next, number+1)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.st, s.plan, s.found = st, plan, found
	return nil
}

// save stores what is not stored yet: the pages first, for the state names them,
// and those that go before it, so that none is left that nobody names.
func (s *Scrubber) save(ctx context.Context) error {
	s.storing.Lock()
	defer s.storing.Unlock()
	err := s.store(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		s.unsaved = ""
	case ctx.Err() == nil && s.unsaved != err.Error():
		s.unsaved = err.Error()
		s.opt.Logger.LogAttrs(ctx, slog.LevelWarn, "How far the scrub is cannot be stored; it is tried again.", slog.Any("error", err))
	}
	return err
}

func (s *Scrubber) store(ctx context.Context) error {
	s.mu.Lock()
	raw, err := json.Marshal(s.keep())
	pages := make(map[*page][]byte)
	for _, p := range s.found.pages {
		if p.dirty && err == nil {
			pages[p], err = json.Marshal(p.list)
			p.dirty = false
		}
	}
	gone := s.found.gone
	s.found.gone = nil
	s.mu.Unlock()
	for p, list := range pages {
		if err == nil {
			err = s.pool.Store(ctx, p.name(), list)
		}
	}
	for len(gone) > 0 && err == nil {
		if err = s.pool.Store(ctx, pageName(gone[0]), nil); err == nil {
			gone = gone[1:]
		}
	}
	if err == nil && string(raw) != string(s.stored) {
		if err = s.pool.Store(ctx, stateName, raw); err == nil {
			s.stored = raw
		}
	}
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		for p := range pages {
			p.dirty = true
		}
		s.found.gone = append(gone, s.found.gone...)
		return fmt.Errorf("how far the scrub is cannot be stored: %w", err)
	}
	return nil
}

// keep gives the state as it is to be stored.
func (s *Scrubber) keep() state {
	st := s.st
	st.Schedule = s.plan.String()
	st.Pages, st.Page, st.Dropped = s.found.numbers(), s.found.next, s.found.dropped
	if !st.On || !s.listed {
		return st // Again is as it was loaded
	}
	// A restart lists again what is beyond the cursor.
	again := make(map[uint64]bool)
	for segment := range s.again {
		if segment <= st.Cursor {
			again[segment] = true
		}
	}
	for segment := range s.doubtful {
		if segment <= st.Cursor {
			again[segment] = true
		}
	}
	st.Again = slices.Sorted(maps.Keys(again))
	return st
}

// advance takes a segment off the list of the run, and says whether it was there.
func (s *Scrubber) advance(segment uint64) bool {
	i, is := slices.BinarySearch(s.rest, segment)
	if !is {
		return false
	}
	if i > 0 {
		s.rest = slices.Delete(s.rest, i, i+1)
	} else {
		s.rest = s.rest[1:]
		if !s.st.Held {
			s.st.Cursor = segment
		}
	}
	s.st.Held = s.st.Held || len(s.again)+len(s.doubtful) >= againMost
	return true
}
