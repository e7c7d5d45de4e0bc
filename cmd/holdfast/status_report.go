package main

import (
	"fmt"
	"slices"
	"strconv"
)

// statusReport is the admin API's answer to GET /api/v1/status, as far as this client reads it.
type statusReport struct {
	Pool struct {
		ID            string `json:"id"`
		State         string `json:"state"`
		Reason        string `json:"reason,omitempty"` // why it is not ONLINE, where the daemon says
		Epoch         uint64 `json:"epoch"`
		Data          int    `json:"data"` // of new segments, fewer while drives are away
		Parity        int    `json:"parity"`
		Width         int    `json:"width"` // data and parity with all drives there; 0 where the daemon does not say
		MayStillFail  *int   `json:"may_still_fail"`
		Objects       int64  `json:"objects"`
		LogicalBytes  int64  `json:"logical_bytes"`
		CapacityBytes int64  `json:"capacity_bytes"`
		FreeBytes     int64  `json:"free_bytes"`
	} `json:"pool"`
	Drives     []driveReport `json:"drives"`
	Redundancy struct {
		Segments int64            `json:"segments"`
		Stripes  int64            `json:"stripes"`
		Missing  map[string]int64 `json:"missing"`
	} `json:"redundancy"`
	Commits struct {
		Batches int64 `json:"batches"`
		Changes int64 `json:"changes"`
	} `json:"commits"`
	Background struct {
		Yielding    bool    `json:"yielding"` // what mends and reads everything is held back, for clients are active
		ScrubShare  float64 `json:"scrub_share"`
		RepairShare float64 `json:"repair_share"`
	} `json:"background"`
	// What mends and proves; nil where the daemon does not say.
	Rebuild  *rebuildReport  `json:"rebuild"`
	Scrub    *scrubReport    `json:"scrub"`
	Verified *verifiedReport `json:"verified"`
}

type driveReport struct {
	Slot           int    `json:"slot"`
	ID             string `json:"id"`
	Path           string `json:"path"`
	State          string `json:"state"`
	Reason         string `json:"reason,omitempty"` // why it is not ONLINE, where the daemon says
	ReadErrors     uint64 `json:"read_errors"`
	WriteErrors    uint64 `json:"write_errors"`
	ChecksumErrors uint64 `json:"checksum_errors"`
}

// States as DESIGN.md has them; those of the pool and those of the drives share their words.
const (
	stateOnline     = "ONLINE"
	stateDegraded   = "DEGRADED"
	stateFaulted    = "FAULTED"
	stateOffline    = "OFFLINE"
	stateRemoved    = "REMOVED"
	stateUnavail    = "UNAVAIL"
	stateSpare      = "SPARE"
	stateRebuilding = "REBUILDING"
	stateEvacuating = "EVACUATING"
)

// fine says whether a drive does all that is expected of it.
func (d driveReport) fine() bool { return d.State == stateOnline || d.State == stateSpare }

func (d driveReport) errors() uint64 { return d.ReadErrors + d.WriteErrors + d.ChecksumErrors }

// worst is the largest number of columns that any stripe lacks.
func (r statusReport) worst() int {
	worst := 0
	for columns, stripes := range r.Redundancy.Missing {
		if n, err := strconv.Atoi(columns); err == nil && stripes > 0 {
			worst = max(worst, n)
		}
	}
	return worst
}

// away are the drives that cannot be used.
func (r statusReport) away() []driveReport {
	return slices.DeleteFunc(slices.Clone(r.Drives), driveReport.fine)
}

// mayFail is the number of drives that may fail from here on without any object becoming unreadable: as the daemon
// says, else what the weakest stripe can still spare.
func (r statusReport) mayFail() int {
	if r.Pool.MayStillFail != nil {
		return *r.Pool.MayStillFail
	}
	return max(r.Pool.Parity-r.worst(), 0)
}

// code is k+m of a pool that has all its drives.
func (r statusReport) code() string {
	return fmt.Sprintf("%d+%d", max(r.Pool.Width-r.Pool.Parity, r.Pool.Data), r.Pool.Parity)
}

// well is the answer behind the exit code.
func (r statusReport) well() bool {
	mended := (r.Rebuild == nil || r.Rebuild.SegmentsLeft == 0) && (r.Scrub == nil || r.Scrub.Remaining == 0)
	return r.Pool.State == stateOnline && len(r.away()) == 0 && r.worst() == 0 && mended &&
		!slices.ContainsFunc(r.Drives, func(d driveReport) bool { return d.errors() > 0 })
}
