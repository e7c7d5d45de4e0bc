package rebuild

import (
	"fmt"
	"time"
)

// States.
const (
	Idle    = "idle"    // nothing is due
	Running = "running" // segments are being mended
	Waiting = "waiting" // something is due, and nothing of it can be done now: Reason says why
)

// Status is how far rebuilding is. Its JSON form is what `status --json` shows
// under "rebuild".
type Status struct {
	State          string     `json:"state"`
	Reason         string     `json:"reason,omitempty"` // why it waits, or what fails while it goes on
	SegmentsLeft   int        `json:"segments_left"`
	SegmentsDone   int        `json:"segments_done"`           // since there was last nothing to do
	BytesLeft      int64      `json:"bytes_left"`              // to be written at most
	BytesDone      int64      `json:"bytes_done"`              // written, since there was last nothing to do
	BytesPerSecond int64      `json:"bytes_per_second"`        // written, over the last 30 s
	ETASeconds     int64      `json:"eta_seconds"`             // 0: not known
	RateBytes      int64      `json:"rate_bytes"`              // the cap on bytes per second; 0: none
	Retries        []Retry    `json:"retries,omitempty"`       // the next one first
	LastFinished   *time.Time `json:"last_finished,omitempty"` // when there was last nothing left
}

// Retry is a segment that could not be mended and is tried again.
type Retry struct {
	Segment  uint64    `json:"segment"`
	Attempts int       `json:"attempts"`
	Next     time.Time `json:"next"`
	Error    string    `json:"error"`
}

// Status says how far rebuilding is.
func (r *Rebuilder) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	s := Status{
		SegmentsLeft:   len(r.queue.due),
		SegmentsDone:   r.done,
		BytesLeft:      r.queue.bytesLeft(),
		BytesDone:      r.bytes,
		BytesPerSecond: r.meter.BytesPerSecond(),
		RateBytes:      r.pace.BytesPerSecond(),
		Retries:        r.queue.retry.sorted(),
	}
	if !r.finished.IsZero() {
		at := r.finished
		s.LastFinished = &at
	}
	s.State, s.Reason = r.state(now, s.Retries)
	if s.State == Running && s.BytesPerSecond > 0 {
		s.ETASeconds = (s.BytesLeft + s.BytesPerSecond - 1) / s.BytesPerSecond
	}
	return s
}

// state puts in words what goes on.
func (r *Rebuilder) state(now time.Time, list []Retry) (state, reason string) {
	switch {
	case len(r.queue.active) > 0:
		return Running, r.hint
	case r.trouble != "":
		return Waiting, r.trouble
	case r.queue.anyReady(now):
		return Running, r.hint
	case len(list) > 0:
		return Waiting, fmt.Sprintf("%d of %d segments failed and will be tried again, the next one at %s: %s",
			len(list), len(r.queue.due), list[0].Next.Format(time.TimeOnly), list[0].Error)
	}
	why, segments := r.queue.blocked()
	switch {
	case segments == 0:
		return Idle, r.hint
	case segments == 1:
		return Waiting, why + " (1 segment)"
	default:
		return Waiting, fmt.Sprintf("%s (%d segments)", why, segments)
	}
}
