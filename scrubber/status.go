package scrubber

import "time"

// States.
const (
	Idle    = "idle"    // no run is on
	Running = "running" // reading
	Paused  = "paused"  // until Resume, over restarts too
	Waiting = "waiting" // a run is on and cannot go on at this moment: Reason says why
)

// Outcomes of a run.
const (
	AllMended = "mended"  // nothing was wrong, or all of it was mended
	Remains   = "remains" // something is wrong still: the findings that are not mended
	Stopped   = "stopped" // by hand
)

// Status is how far the scrub is; what it counts is of the run that is on, or
// else of the last one. Its JSON form is what `scrub status --json` shows.
type Status struct {
	State          string     `json:"state"`
	Running        bool       `json:"running"`           // a run is on, paused or waiting included
	Reason         string     `json:"reason,omitempty"`  // why it waits, or what hinders it
	Outcome        string     `json:"outcome,omitempty"` // of the last run; empty while one is on, and before the first
	Started        *time.Time `json:"started,omitempty"`
	Finished       *time.Time `json:"finished,omitempty"`     // nil while a run is on
	LastSuccess    *time.Time `json:"last_success,omitempty"` // when a run last ended with AllMended
	SegmentsDone   int        `json:"segments_done"`
	SegmentsTotal  int        `json:"segments_total"`
	BytesRead      int64      `json:"bytes_read"`
	BytesPerSecond int64      `json:"bytes_per_second"` // over the last 30 s
	ETASeconds     int64      `json:"eta_seconds"`      // 0: not known
	Mended         int64      `json:"mended"`           // blocks
	Unread         int        `json:"unread"`           // files that could not be read: their drives are away
	Skipped        int        `json:"skipped"`          // segments that were in use all the time
	Retries        int        `json:"retries"`          // segments that could not be examined, and are tried again at the end
	Remaining      int        `json:"remaining"`        // findings that are not mended
	Findings       []Finding  `json:"findings"`         // the last 1000, the oldest first
	Schedule       string     `json:"schedule"`         // a line of cron, or "off"
	Next           *time.Time `json:"next,omitempty"`   // when the schedule starts the next run
	RateBytes      int64      `json:"rate_bytes"`       // the cap on bytes per second; 0: none
}

// Status says how far the scrub is.
func (s *Scrubber) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status()
}

func (s *Scrubber) status() Status {
	st := s.st
	status := Status{
		State:          s.state(),
		Running:        st.On,
		Reason:         s.why(),
		Outcome:        st.Outcome,
		Started:        orNil(st.Started),
		Finished:       orNil(st.Finished),
		LastSuccess:    orNil(st.LastSuccess),
		SegmentsDone:   st.Done,
		SegmentsTotal:  st.Total,
		BytesRead:      st.BytesRead,
		BytesPerSecond: s.meter.BytesPerSecond(),
		Mended:         st.Mended,
		Unread:         st.Unread,
		Skipped:        st.Skipped,
		Retries:        len(s.again),
		Remaining:      s.found.remaining(),
		Findings:       s.found.last(),
		Schedule:       s.plan.String(),
		RateBytes:      s.pace.BytesPerSecond(),
	}
	live := s.live.Load()
	if s.task.run != 0 && s.task.run == s.run {
		status.BytesRead += live
	}
	if !st.Heeded.IsZero() {
		status.Next = orNil(s.plan.next(st.Heeded.In(s.now().Location())))
	}
	if status.State == Running && st.Done > 0 && status.BytesPerSecond > 0 {
		// Segments are of one size, more or less.
		left := st.BytesRead/int64(st.Done)*int64(st.Total-st.Done) - live
		status.ETASeconds = max(1, left/status.BytesPerSecond)
	}
	return status
}

func (s *Scrubber) state() string {
	switch {
	case !s.st.On:
		return Idle
	case s.st.Paused:
		return Paused
	case s.reason != "":
		return Waiting
	default:
		return Running
	}
}

func (s *Scrubber) why() string {
	select {
	case <-s.ready:
	default:
		return ErrNotReady.Error()
	}
	switch {
	case s.reason != "":
		return s.reason
	case s.unsaved != "":
		return s.unsaved
	case !s.st.On && s.task.kind == examine:
		return "no scrub is on, but a segment that is suspected of damage is being examined"
	default:
		return ""
	}
}

func orNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
