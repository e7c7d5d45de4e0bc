package main

import (
	"fmt"
	"strings"
	"time"
)

// scrubReport is how the scrub stands, as far as this client reads it. It is of the run that is on, else of the last.
type scrubReport struct {
	State          string          `json:"state"`
	Running        bool            `json:"running"` // a run is on, paused or waiting included
	Reason         string          `json:"reason"`  // why it waits
	Outcome        string          `json:"outcome"`
	Started        *time.Time      `json:"started"`
	Finished       *time.Time      `json:"finished"`
	LastSuccess    *time.Time      `json:"last_success"` // when a run last ended with all mended
	SegmentsDone   int64           `json:"segments_done"`
	SegmentsTotal  int64           `json:"segments_total"`
	BytesRead      int64           `json:"bytes_read"`
	BytesPerSecond int64           `json:"bytes_per_second"`
	ETASeconds     float64         `json:"eta_seconds"`
	Mended         int64           `json:"mended"`    // blocks
	Unread         int64           `json:"unread"`    // files on drives that are away
	Skipped        int64           `json:"skipped"`   // segments that were in use all the time
	Retries        int64           `json:"retries"`   // segments that are tried again
	Remaining      int64           `json:"remaining"` // findings that are not mended
	Findings       []findingReport `json:"findings"`
	Schedule       string          `json:"schedule"` // a line of cron, or off
	Next           *time.Time      `json:"next"`
}

// States and outcomes of a scrub.
const (
	scrubRunning = "running"
	scrubPaused  = "paused"
	scrubWaiting = "waiting"
	scrubMended  = "mended"  // all was good, or is now
	scrubStopped = "stopped" // by hand
)

// standing is how far the run is that is on. Its size in bytes is not known before its end: segments are the measure.
func (r scrubReport) standing() standing {
	s := standing{
		done: r.BytesRead, rate: r.BytesPerSecond,
		left: time.Duration(r.ETASeconds * float64(time.Second)), note: r.note(),
	}
	if r.SegmentsTotal > 0 {
		s.share = float64(r.SegmentsDone) / float64(r.SegmentsTotal)
	}
	return s
}

// note is what there is to say beside how far it is.
func (r scrubReport) note() string {
	var parts []string
	for _, p := range []struct {
		n          int64
		noun, what string
	}{
		{r.Mended, "block", "mended"},
		{r.Remaining, "finding", "not mended"},
		{r.Retries, "segment", "to be tried again"},
		{r.Skipped, "segment", "in use and passed over"},
		{r.Unread, "file", "not read, as their drives are away"},
	} {
		if p.n > 0 {
			parts = append(parts, count(p.n, p.noun)+" "+p.what)
		}
	}
	switch {
	case r.State == scrubPaused:
		parts = append(parts, "paused")
	case r.State == scrubWaiting && r.Reason != "":
		parts = append(parts, printable(r.Reason))
	}
	return strings.Join(parts, ", ")
}

// remains says whether the last run left something, or did not come to its end.
func (r scrubReport) remains() bool { return r.Remaining > 0 || r.Outcome != scrubMended }

// scanText is the line `scan:` of the status, after that of `zpool status`.
func scanText(r scrubReport) string {
	var text string
	switch {
	case r.Running && r.State == scrubPaused:
		text = "scrub paused: " + r.standing().String() + "; `holdfast scrub resume` goes on"
	case r.Running:
		text = "scrub in progress"
		if r.Started != nil {
			text += " since " + moment(*r.Started)
		}
		text += ": " + r.standing().String()
	case r.Finished != nil:
		verb := "ended"
		if r.Outcome == scrubStopped {
			verb = "was stopped"
		}
		text = "scrub"
		if r.BytesRead > 0 {
			text += " of " + size(r.BytesRead)
		}
		text += " " + verb + " on " + moment(*r.Finished)
		if r.Started != nil {
			text += ", after " + r.Finished.Sub(*r.Started).Round(time.Second).String()
		}
		if note := r.note(); note != "" {
			text += ": " + note
		} else if r.Outcome == scrubMended {
			text += ": nothing found"
		}
	default:
		text = "never scrubbed"
	}
	return text + ". " + nextText(r)
}

// nextText says when the next scrub begins by itself.
func nextText(r scrubReport) string {
	switch {
	case r.Next == nil:
		return "No scrub is scheduled."
	case r.Schedule == "":
		return "The next one begins on " + moment(*r.Next) + "."
	default:
		return fmt.Sprintf("The next one begins on %s (%s).", moment(*r.Next), printable(r.Schedule))
	}
}

// moment is a time for the eye.
func moment(t time.Time) string { return t.Local().Format("Mon 2006-01-02 15:04") }
