package api

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// ScrubAction steers a scrub that runs; the words are those of the path
// /api/v1/scrub/{action}.
type ScrubAction string

// The actions.
const (
	ScrubPause  ScrubAction = "pause"
	ScrubResume ScrubAction = "resume"
	ScrubStop   ScrubAction = "stop" // and forget how far it was
)

// Mending is the background work that finds and mends damage. Rates are bytes
// per second; 0 is no limit.
type Mending interface {
	Scrub(ctx context.Context) (any, error)
	// StartScrub begins a scrub. If one is on, that is an *AdminError with
	// status 409, as it is for the other two if none is.
	StartScrub(ctx context.Context, rateBytes int64) (any, error)
	SteerScrub(ctx context.Context, action ScrubAction) (any, error)
	// ScheduleScrub takes a line of cron, or "off". One that cannot be is an
	// *AdminError with status 400.
	ScheduleScrub(ctx context.Context, cron string) (any, error)
	// SetRebuildRate limits what rebuilding writes.
	SetRebuildRate(ctx context.Context, rateBytes int64) (any, error)
	// Verify reads every stored column of a bucket's objects below prefix, and
	// gives the report. progress may be called from any goroutine of it.
	Verify(ctx context.Context, bucket, prefix string, progress func(any)) (any, error)
}

func (c *adminCall) scrub() (any, error) { return c.s.opts.Admin.Scrub(c.r.Context()) }

// readRate reads a document that says a rate.
func (c *adminCall) readRate() (int64, error) {
	var doc struct {
		RateBytes int64 `json:"rate_bytes"`
	}
	err := c.readDoc(&doc, `"rate_bytes", bytes per second`)
	if err == nil && doc.RateBytes < 0 {
		err = badRequest("A rate cannot be less than 0.", `"rate_bytes" are bytes per second; 0 is no limit.`)
	}
	return doc.RateBytes, err
}

func (c *adminCall) startScrub() (any, error) {
	rate, err := c.readRate()
	if err != nil {
		return nil, err
	}
	return c.s.opts.Admin.StartScrub(c.r.Context(), rate)
}

func (c *adminCall) steerScrub(action ScrubAction) (any, error) {
	if err := c.readNothing(); err != nil {
		return nil, err
	}
	return c.s.opts.Admin.SteerScrub(c.r.Context(), action)
}

func (c *adminCall) scheduleScrub() (any, error) {
	var doc struct {
		Cron string `json:"cron"`
	}
	if err := c.readDoc(&doc, `"cron", a line such as "0 3 * * SUN", or "off"`); err != nil {
		return nil, err
	}
	if doc.Cron == "" {
		return nil, badRequest("No schedule is given.", `The body is to have "cron", a line such as "0 3 * * SUN", or "off".`)
	}
	return c.s.opts.Admin.ScheduleScrub(c.r.Context(), doc.Cron)
}

func (c *adminCall) setRebuild() (any, error) {
	rate, err := c.readRate()
	if err != nil {
		return nil, err
	}
	return c.s.opts.Admin.SetRebuildRate(c.r.Context(), rate)
}

// verify answers with a line of JSON now and then, {"progress": …}, and at the
// end one with {"report": …} or {"error": …}: it may take hours, and a client
// that hears nothing would not know whether to go on waiting.
func (c *adminCall) verify() (any, error) {
	var doc struct {
		Bucket string `json:"bucket"`
		Prefix string `json:"prefix"`
	}
	if err := c.readDoc(&doc, `"bucket" and "prefix"`); err != nil {
		return nil, err
	}
	if doc.Bucket == "" {
		return nil, badRequest("The bucket is not named.", `The body is to have "bucket", and may have "prefix".`)
	}
	ctx, cancel := c.untilDraining()
	defer cancel()
	lines := &lineWriter{c: c, cancel: cancel}
	report, err := c.s.opts.Admin.Verify(ctx, doc.Bucket, doc.Prefix, lines.progress)
	if err != nil {
		if c.sent {
			lines.write("error", adminError(err))
		}
		return nil, err
	}
	lines.write("report", report)
	return nil, nil
}

// untilDraining is the context of a request that may take long, and is not
// worth being waited for when the server ends.
func (c *adminCall) untilDraining() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(c.r.Context())
	stop := context.AfterFunc(c.s.life, cancel)
	return ctx, func() { stop(); cancel() }
}

// progressPeriod is the time between two lines of progress.
const progressPeriod = 200 * time.Millisecond

// lineWriter answers in lines of JSON. It is safe for concurrent use.
type lineWriter struct {
	c      *adminCall
	cancel context.CancelFunc // of the work, when nobody reads about it any more
	mu     sync.Mutex
	next   time.Time // when progress is to be told again
}

func (l *lineWriter) progress(v any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); !now.Before(l.next) {
		l.next = now.Add(progressPeriod)
		l.writeLocked("progress", v)
	}
}

func (l *lineWriter) write(name string, v any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writeLocked(name, v)
}

func (l *lineWriter) writeLocked(name string, v any) {
	if !l.c.sent {
		l.c.sent = true
		l.c.w.Header().Set("Content-Type", "application/x-ndjson")
		l.c.w.WriteHeader(http.StatusOK)
	}
	err := json.NewEncoder(l.c.w).Encode(map[string]any{name: v})
	if err == nil {
		err = http.NewResponseController(l.c.w).Flush()
	}
	if err != nil {
		l.cancel()
	}
}
