package scrubber

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"
)

// task is one thing to do. Between two of them commands, the schedule and
// suspects are looked at.
type task struct {
	kind    taskKind
	segment uint64
	run     int // 0: no run is on
	ctx     context.Context
}

type taskKind int

const (
	nothing taskKind = iota
	list             // take the list of segments
	examine          // a segment
	crossCheck
)

// begin starts a run. What the last one has found goes.
func (s *Scrubber) begin(bytesPerSecond int64) {
	if bytesPerSecond <= 0 {
		bytesPerSecond = max(0, s.opt.BytesPerSecond)
	}
	s.run++
	s.st = state{Heeded: s.st.Heeded, LastSuccess: s.st.LastSuccess, On: true, Rate: bytesPerSecond, Started: s.now()}
	s.found.clear()
	s.forget()
	s.pace.Set(bytesPerSecond)
	s.meter.Restart()
}

// finish ends the run.
func (s *Scrubber) finish(outcome string) {
	s.st.On, s.st.Paused, s.st.Outcome, s.st.Finished = false, false, outcome, s.now()
	s.st.Cursor, s.st.Again, s.st.Held = 0, nil, false
	if outcome == AllMended {
		s.st.LastSuccess = s.st.Finished
	}
	s.forget()
	s.pace.Set(s.opt.BytesPerSecond)
}

func (s *Scrubber) forget() {
	s.listed, s.rest, s.reason = false, nil, ""
	s.again, s.doubtful = make(map[uint64]*retry), make(map[uint64][]StripeRange)
	s.whole = retry{}
}

// interrupt ends the task that is under way.
func (s *Scrubber) interrupt() {
	if s.cancel != nil {
		s.cancel()
	}
}

// pick says what to do now; if nothing, at which time there will be something,
// or zero.
func (s *Scrubber) pick(ctx context.Context) (t task, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reason = ""
	t, at = s.choose(time.Now())
	if t.kind != nothing {
		if s.st.On {
			t.run = s.run
		}
		t.ctx, s.cancel = context.WithCancel(ctx)
		s.task = t
	}
	return t, at
}

func (s *Scrubber) choose(now time.Time) (t task, at time.Time) {
	switch {
	case s.st.Paused:
		return task{}, time.Time{}
	case s.st.On && !s.listed && !now.Before(s.whole.next):
		return task{kind: list}, at
	}
	segment, at, any := s.nextSuspect(now)
	switch {
	case any:
		return task{kind: examine, segment: segment}, at
	case !s.st.On:
		return task{}, at
	case s.listed && len(s.rest) > 0:
		return task{kind: examine, segment: s.rest[0]}, at
	}
	wait := &s.whole
	if s.listed && len(s.again) > 0 {
		wait = earliest(s.again)
	}
	switch {
	case now.Before(wait.next):
		s.reason = fmt.Sprintf("waits until %s to try again: %v", wait.next.Format(time.TimeOnly), wait.err)
		if at.IsZero() || wait.next.Before(at) {
			at = wait.next
		}
		return task{}, at
	case len(s.again) > 0:
		return task{kind: examine, segment: wait.segment}, at
	default:
		return task{kind: crossCheck}, at
	}
}

// do does a task, and takes note of what became of it.
func (s *Scrubber) do(t task) {
	switch t.kind {
	case list:
		s.list(t)
	case examine:
		r, err := s.pool.Examine(t.ctx, t.segment, s.waitPace)
		s.examined(t, r, err)
	case crossCheck:
		s.mu.Lock()
		doubtful := maps.Clone(s.doubtful)
		s.mu.Unlock()
		r, err := s.pool.CrossCheck(t.ctx, doubtful, s.waitPace)
		s.crossChecked(t, r, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cancel()
	s.cancel, s.task = nil, task{}
	s.live.Store(0)
}

// waitPace is the Pace of everything that is read.
func (s *Scrubber) waitPace(ctx context.Context, bytes int) error {
	if err := s.pace.Wait(ctx, bytes); err != nil {
		return err
	}
	s.live.Add(int64(bytes))
	s.meter.Add(int64(bytes))
	return nil
}

// list takes the list of what the run is to examine. After a restart that is what
// is beyond the cursor, and what was to be done again.
func (s *Scrubber) list(t task) {
	s.mu.Lock()
	fresh := s.st.Done == 0
	s.mu.Unlock()
	var err error
	if fresh {
		err = s.pool.SealOpen(t.ctx)
	}
	var all []uint64
	if err == nil {
		all, err = s.pool.Segments(t.ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !s.st.On || s.run != t.run || t.ctx.Err() != nil:
		return
	case err != nil:
		s.whole.failed(fmt.Errorf("the segments cannot be listed: %w", err))
		s.opt.Logger.LogAttrs(t.ctx, slog.LevelWarn, "A scrub cannot begin; it is tried again.", slog.Any("error", err))
		return
	}
	s.rest = nil
	for _, segment := range all {
		if segment > s.st.Cursor {
			s.rest = append(s.rest, segment)
		}
	}
	slices.Sort(s.rest)
	s.rest = slices.Compact(s.rest)
	for _, segment := range s.st.Again { // none is beyond the cursor
		s.again[segment] = &retry{segment: segment}
	}
	s.st.Total = s.st.Done + len(s.rest) + len(s.again)
	s.listed, s.whole = true, retry{}
}

// examined takes note of what an examination came to.
func (s *Scrubber) examined(t task, r Result, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	cut := err != nil && t.ctx.Err() != nil
	if !cut {
		s.found.supersede(t.segment)
	}
	for _, f := range r.Findings {
		if f.Segment == 0 {
			f.Segment = t.segment
		}
		if !cut || f.Mended { // else it will be found again
			s.find(f)
		}
	}
	s.st.Mended += r.Mended
	if cut {
		return
	}
	inRun := t.run != 0 && s.st.On && s.run == t.run
	if inRun {
		s.st.BytesRead += max(r.Bytes, 0)
	}
	_, isRest := slices.BinarySearch(s.rest, t.segment)
	if again := s.again[t.segment]; inRun && (isRest || again != nil) {
		s.forgetSuspect(t.segment)
		s.examinedOfRun(t, r, err)
		return
	}
	if inRun && err == nil {
		s.doubt(t.segment, r.Doubtful)
	}
	s.examinedSuspect(t, err)
}

// examinedOfRun moves the run on by a segment.
func (s *Scrubber) examinedOfRun(t task, r Result, err error) {
	again := s.again[t.segment]
	switch {
	case err == nil:
		s.doubt(t.segment, r.Doubtful)
		s.st.Unread += r.Unread
	case errors.Is(err, ErrGone):
		s.doubt(t.segment, nil)
	default:
		if again == nil {
			again = &retry{segment: t.segment}
		}
		again.failed(err)
		if !again.exhausted() {
			s.again[t.segment] = again
			s.advance(t.segment)
			return
		}
		if errors.Is(err, ErrBusy) {
			s.st.Skipped++
		} else {
			s.giveUp(t, err)
		}
	}
	delete(s.again, t.segment)
	s.advance(t.segment)
	s.st.Done++
}

// giveUp leaves a finding of what could not be examined, unless what was wrong is
// among the findings already.
func (s *Scrubber) giveUp(t task, err error) {
	s.opt.Logger.LogAttrs(t.ctx, slog.LevelError, "A segment could not be examined.", slog.Uint64("segment", t.segment), slog.Any("error", err))
	if !s.found.remainsOf(t.segment) {
		s.find(Finding{Kind: "unexamined", Segment: t.segment, Text: "the segment could not be examined: " + err.Error()})
	}
}

func (s *Scrubber) doubt(segment uint64, stripes []StripeRange) {
	if len(stripes) == 0 {
		delete(s.doubtful, segment)
	} else {
		s.doubtful[segment] = stripes
	}
}

func (s *Scrubber) find(f Finding) {
	if f.Time.IsZero() {
		f.Time = s.now()
	}
	s.found.add(f)
}

// crossChecked ends the run, if the check came to its end.
func (s *Scrubber) crossChecked(t task, r Result, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.st.On || s.run != t.run || err != nil && t.ctx.Err() != nil {
		return
	}
	if err != nil {
		s.whole.failed(fmt.Errorf("the catalog cannot be checked: %w", err))
		if !s.whole.exhausted() {
			return
		}
		s.find(Finding{Kind: "unexamined", Text: s.whole.err.Error()})
	}
	for _, f := range r.Findings {
		s.find(f)
	}
	s.st.Mended += r.Mended
	s.st.BytesRead += max(r.Bytes, 0)
	outcome := AllMended
	if s.found.remaining() > 0 {
		outcome = Remains
	}
	s.finish(outcome)
	status := s.status()
	s.opt.Logger.LogAttrs(t.ctx, slog.LevelInfo, "A scrub has ended.", slog.String("outcome", outcome), slog.Int("segments", status.SegmentsDone),
		slog.Int64("bytes", status.BytesRead), slog.Int64("mended_blocks", status.Mended), slog.Int("remaining", status.Remaining))
	if s.opt.Ended != nil {
		s.opt.Ended(status)
	}
}
