package scrubber

import (
	"context"
	"errors"
)

// Errors of wrong use.
var (
	ErrRunning    = errors.New("a scrub is on already: `holdfast scrub status` shows it, `holdfast scrub stop` ends it")
	ErrNotRunning = errors.New("no scrub is on: `holdfast scrub start` starts one")
	ErrSchedule   = errors.New("no schedule that can be: give minute, hour, day, month and weekday, as in \"0 3 * * SUN\", or \"off\"")
	ErrNotReady   = errors.New("the pool has not yet told where the last scrub was: try again in a moment")
)

// Scrubber decides what is verified when. Its methods may be called from any
// goroutine.
type Scrubber struct {
	pool Pool
	opt  Options
}

// New makes a Scrubber. It does nothing before Run.
func New(pool Pool, o Options) *Scrubber { return &Scrubber{pool: pool, opt: o.withDefaults()} }

// Run scrubs until ctx ends. It is to be called once.
func (s *Scrubber) Run(ctx context.Context) { <-ctx.Done() }

// Start begins a run that reads at most so many bytes per second; 0 is what
// Options say. Error: ErrRunning.
func (s *Scrubber) Start(ctx context.Context, bytesPerSecond int64) error { return nil }

// Pause makes the run that is on hold still. Error: ErrNotRunning.
func (s *Scrubber) Pause(ctx context.Context) error { return nil }

// Resume lets a paused run go on. Error: ErrNotRunning.
func (s *Scrubber) Resume(ctx context.Context) error { return nil }

// Stop ends the run that is on, and forgets how far it was. Error: ErrNotRunning.
func (s *Scrubber) Stop(ctx context.Context) error { return nil }

// SetRate changes the cap of the run that is on; 0: none. Error: ErrNotRunning.
func (s *Scrubber) SetRate(ctx context.Context, bytesPerSecond int64) error { return nil }

// SetSchedule takes a line of cron, or "off". Error: ErrSchedule.
func (s *Scrubber) SetSchedule(ctx context.Context, line string) error { return nil }

// Status says how far the scrub is.
func (s *Scrubber) Status() Status { return Status{} }
