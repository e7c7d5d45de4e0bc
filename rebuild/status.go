package rebuild

import "time"

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
