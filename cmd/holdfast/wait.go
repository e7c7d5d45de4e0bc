package main

import (
	"context"
	"fmt"
	"time"
)

const (
	// waitPeriod is the time between two questions of --wait.
	waitPeriod = 500 * time.Millisecond
	// waitNotice is how long the rebuild may take to notice what has just been changed.
	waitNotice = 3 * time.Second
	// waitBlocked is how long nothing of what is due may be possible, before that is the answer: an upload may be in the
	// way for a moment.
	waitBlocked = 6 * time.Second
	// waitGrace is how long nothing may move while a drive is lost, before that is the answer: it is given time to come
	// back (serve --rebuild-after).
	waitGrace = 20 * time.Second
)

// mendWatch judges one status after the other for --wait: whether all is mended, or cannot be.
type mendWatch struct {
	most  int64     // bytes that were left at the most: 100 %
	still time.Time // since when nothing goes on although something is left; zero: it does
}

// judge says whether nothing is left to mend or move. A noError says that something is, and stays.
func (w *mendWatch) judge(r statusReport, now time.Time) (standing, bool, error) {
	var left, segments int64
	var b rebuildReport
	if r.Rebuild != nil {
		b = *r.Rebuild
		left, segments = b.BytesLeft, b.SegmentsLeft
	}
	w.most = max(w.most, left)
	s := standing{done: w.most - left, total: w.most, rate: b.BytesPerSecond, left: time.Duration(b.ETASeconds * float64(time.Second))}
	if len(b.Retries) > 0 {
		s.note = count(len(b.Retries), "segment") + " to be tried again"
	}
	moving := false
	for _, d := range r.Drives {
		moving = moving || d.State == stateRebuilding || d.State == stateEvacuating
	}
	idle := segments == 0 && !moving && b.State != rebuildRunning
	if idle && r.worst() == 0 {
		return s, true, nil
	}
	if b.State == rebuildRunning || len(b.Retries) > 0 {
		w.still = time.Time{}
		return s, false, nil
	}
	if w.still.IsZero() {
		w.still = now
	}
	s.note = "waiting"
	if b.Reason != "" {
		s.note = printable(b.Reason)
	}
	// A drive that is lost may come back for a while; what is taken offline is not to be mended at all.
	lost := len(r.inState(stateRemoved, stateUnavail, stateFaulted)) > 0
	grace := waitNotice
	switch {
	case b.State == rebuildWaiting:
		grace = waitBlocked
	case lost:
		grace = waitGrace
	}
	switch {
	case now.Sub(w.still) < grace:
		return s, false, nil
	case idle && !lost && len(r.inState(stateOffline)) > 0:
		return s, true, nil
	case b.State == rebuildWaiting:
		return s, false, &noError{"not all can be mended now: " + s.note}
	default:
		return s, false, &noError{fmt.Sprintf("%s still lack columns, and nothing is being mended: `holdfast status` tells more", count(r.lacking(), "stripe"))}
	}
}

// waitMended asks until nothing is left to mend or move, and shows how far it is.
func waitMended(ctx context.Context, con *console, cl *client) error {
	bar := newGauge(con.err, "rebuild")
	defer bar.end()
	var w mendWatch
	return poll(ctx, func() (bool, error) {
		report, _, err := cl.status(ctx)
		if err != nil {
			return false, err
		}
		s, done, err := w.judge(report, time.Now())
		if !done && w.most > 0 || s.note != "" {
			bar.show(s)
		}
		return done, err
	})
}

// poll calls ask until it says that this was the last time.
func poll(ctx context.Context, ask func() (last bool, err error)) error {
	ticker := time.NewTicker(waitPeriod)
	defer ticker.Stop()
	for {
		if last, err := ask(); last || err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
