package main

import (
	"fmt"
	"strings"
	"time"
)

// statusLine is a line of the status with its name.
type statusLine struct{ name, text string }

// mendLines tell what mends and proves: the rebuild, what it tries again, the scrub, and what was verified when. There
// are none of what the daemon does not say.
func mendLines(r statusReport) (lines []statusLine) {
	add := func(name, text string) {
		if text != "" {
			lines = append(lines, statusLine{name, text})
		}
	}
	if b := r.Rebuild; b != nil {
		text := rebuildText(*b)
		if b.State == rebuildRunning && r.Background.Yielding {
			text += yieldsText
		}
		add("mend", text)
		add("retry", retryText(r.Rebuild.Retries))
	}
	if r.Scrub != nil {
		text := scanText(*r.Scrub)
		if r.Scrub.State == scrubRunning && r.Background.Yielding {
			text += yieldsText
		}
		add("scan", text)
	}
	if r.Verified != nil {
		add("proof", proofText(*r.Verified))
	}
	return lines
}

// yieldsText goes with work that clients hold back.
const yieldsText = " (It yields to clients.)"

// rebuildText says how far the rebuild is; empty if there was never anything to do.
func rebuildText(r rebuildReport) string {
	left := fmt.Sprintf("%s in %s left", size(r.BytesLeft), count(r.SegmentsLeft, "segment"))
	switch {
	case r.State == rebuildWaiting:
		text := "waiting: "
		if r.Reason != "" {
			text = printable(r.Reason) + "; "
		}
		return text + left
	case r.State == rebuildRunning:
		text := "rebuild in progress: " + left
		if total := r.BytesDone + r.BytesLeft; total > 0 {
			text += fmt.Sprintf(", %.1f %% done", 100*float64(r.BytesDone)/float64(total))
		}
		if speed := (standing{rate: r.BytesPerSecond, left: time.Duration(r.ETASeconds * float64(time.Second))}).speed(); speed != "" {
			text += ", " + speed
		}
		return text
	case r.SegmentsLeft > 0:
		return left
	case r.LastFinished != nil:
		return "nothing left to mend; the last rebuild ended on " + moment(*r.LastFinished)
	default:
		return ""
	}
}

// retryText lists what could not be done and is tried again.
func retryText(retries []retryReport) string {
	const most = 3
	var parts []string
	for _, r := range retries[:min(most, len(retries))] {
		parts = append(parts, fmt.Sprintf("segment %s failed %s, again at %s: %s", segmentName(r.Segment), count(r.Attempts, "time"),
			r.Next.Local().Format("15:04:05"), printable(r.Error)))
	}
	if more := len(retries) - most; more > 0 {
		parts = append(parts, count(more, "segment")+" more")
	}
	return strings.Join(parts, "; ")
}

// proofText is the proof of redundancy: what was read from the drives and found good, and when.
func proofText(v verifiedReport) string {
	if v.Bytes == 0 {
		return ""
	}
	var parts []string
	if done := v.Bytes - v.NeverBytes; done > 0 {
		text := fmt.Sprintf("%s of %s of columns read from the drives and verified", size(done), size(v.Bytes))
		if v.Oldest != nil {
			text += ", the oldest on " + moment(*v.Oldest)
		}
		parts = append(parts, text)
	}
	if v.NeverBytes > 0 {
		parts = append(parts, size(v.NeverBytes)+" not yet since they were written")
	}
	text := strings.Join(parts, "; ") + "."
	switch {
	case v.Failure == nil:
	case v.Proven:
		text += " Since the loss of " + moment(*v.Failure) + " every column was verified."
	default:
		text += " Not all of it since the loss of " + moment(*v.Failure) + "."
	}
	return text
}
