package main

import (
	"strconv"
	"time"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// What `holdfast status` is told of the work that mends by itself, as far as this client reads it.

// States of rebuilding.
const (
	rebuildRunning = "running"
	rebuildWaiting = "waiting" // something is due, and nothing of it can be done now
)

type rebuildReport struct {
	State          string        `json:"state"`
	Reason         string        `json:"reason"` // why it waits, or what fails while it goes on
	SegmentsLeft   int64         `json:"segments_left"`
	BytesLeft      int64         `json:"bytes_left"`
	BytesDone      int64         `json:"bytes_done"`
	BytesPerSecond int64         `json:"bytes_per_second"`
	ETASeconds     float64       `json:"eta_seconds"`
	Retries        []retryReport `json:"retries"`
	LastFinished   *time.Time    `json:"last_finished"`
}

// retryReport is a segment that could not be done and is tried again.
type retryReport struct {
	Segment  uint64    `json:"segment"`
	Attempts int       `json:"attempts"`
	Next     time.Time `json:"next"`
	Error    string    `json:"error"`
}

// segmentName is how files and messages name a segment.
func segmentName(id uint64) string { return drive.SegmentID(id).String() }

// findingReport is one thing that reading the drives has shown to be wrong.
type findingReport struct {
	Text        string   `json:"text"`
	Objects     []string `json:"objects"`
	ObjectsMore int      `json:"objects_more"` // that are not named
	Mended      bool     `json:"mended"`
}

// verifiedReport is the proof of redundancy: what of the stored columns was read from the drives and found good, and
// when.
type verifiedReport struct {
	Bytes      int64      `json:"bytes"`           // of all columns of closed segments
	NeverBytes int64      `json:"never_bytes"`     // of these: not since they were written
	WeekBytes  int64      `json:"last_week_bytes"` // verified within seven days
	Oldest     *time.Time `json:"oldest"`          // when the one was verified that was longest ago
	Failure    *time.Time `json:"failure"`         // when a drive was last lost
	Proven     bool       `json:"redundancy_is_proven"`
}

// lacking is the number of stripes that lack a column.
func (r statusReport) lacking() (stripes int64) {
	for columns, n := range r.Redundancy.Missing {
		if lack, err := strconv.Atoi(columns); err == nil && lack > 0 {
			stripes += n
		}
	}
	return stripes
}
