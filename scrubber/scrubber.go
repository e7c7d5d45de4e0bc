package scrubber

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-storage/holdfast/blockstore/yield"
)

// Errors of wrong use.
var (
	ErrRunning    = errors.New("a scrub is on already: `holdfast scrub status` shows it, `holdfast scrub stop` ends it")
	ErrNotRunning = errors.New("no scrub is on: `holdfast scrub start` starts one")
	ErrSchedule   = errors.New("no schedule that can be: give minute, hour, day, month and weekday, as in \"0 3 * * SUN\", or \"off\"")
	ErrNotReady   = errors.New("the pool has not yet told where the last scrub was: try again in a moment")
)

const (
	readyWait = 5 * time.Second // for a pool that has just been opened
	lastSave  = 5 * time.Second // for what is stored when Run ends
)

// Scrubber decides what is verified when. Its methods may be called from any
// goroutine.
type Scrubber struct {
	pool  Pool
	opt   Options
	pace  *yield.Cap
	meter *yield.Meter
	live  atomic.Int64  // bytes read of the segment that is being examined
	wake  chan struct{} // a token when a command has changed something
	ready chan struct{} // closed when the state was read

	storing sync.Mutex // held while the state is being stored; taken before mu
	stored  []byte     // the state as it was stored last

	mu       sync.Mutex
	st       state
	plan     schedule
	found    findings
	run      int                // counts runs, so that what belongs to one that was stopped is told apart
	cancel   context.CancelFunc // ends the task that is under way; nil: there is none
	task     task               // the one under way
	listed   bool               // rest is the list of this run
	rest     []uint64           // segments that are to be examined yet, in order
	again    map[uint64]*retry  // those that failed
	doubtful map[uint64][]StripeRange
	whole    retry    // the step that is no segment's: listing, the cross check
	suspects []*retry // to be brought forward, in the order in which they came
	seen     map[uint64]time.Time
	reason   string // why the run cannot go on
	unsaved  string // why the state could not be stored

	begun time.Time // when the schedule started a run last, by elapsed time; of Run's goroutine alone
}

// New makes a Scrubber. It does nothing before Run.
func New(pool Pool, o Options) *Scrubber {
	s := &Scrubber{
		pool: pool, opt: o.withDefaults(), pace: yield.NewCap(o.BytesPerSecond), meter: &yield.Meter{},
		wake: make(chan struct{}, 1), ready: make(chan struct{}), seen: make(map[uint64]time.Time),
	}
	s.forget()
	return s
}

// Run scrubs until ctx ends, and returns when what it began has ended. A run that
// a restart has cut short goes on. It is to be called once.
func (s *Scrubber) Run(ctx context.Context) {
	if !s.restore(ctx) {
		return
	}
	close(s.ready)
	tick := time.NewTicker(s.opt.Tick)
	defer tick.Stop()
	for ctx.Err() == nil {
		s.heed(ctx)
		s.hearSuspects()
		t, at := s.pick(ctx)
		if t.kind != nothing {
			s.do(t)
			s.save(ctx)
			continue
		}
		s.save(ctx) // again, if it did not work
		var later <-chan time.Time
		if !at.IsZero() {
			later = time.After(time.Until(at))
		}
		select {
		case <-ctx.Done():
		case <-s.wake:
		case <-tick.C:
		case <-later:
		case segment := <-s.pool.Suspects():
			s.suspect(segment)
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastSave)
	defer cancel()
	s.save(ctx)
}

// Start begins a run that reads at most so many bytes per second; 0 is what
// Options say. Errors: ErrRunning, ErrNotReady.
func (s *Scrubber) Start(ctx context.Context, bytesPerSecond int64) error {
	return s.command(ctx, func() (told func(Status), err error) {
		if s.st.On {
			return nil, ErrRunning
		}
		s.begin(bytesPerSecond)
		return s.opt.Started, nil
	})
}

// Pause makes the run that is on hold still, over restarts too. The segment that
// is being read is begun anew afterwards. Errors: ErrNotRunning, ErrNotReady.
func (s *Scrubber) Pause(ctx context.Context) error {
	return s.command(ctx, func() (told func(Status), err error) {
		if !s.st.On {
			return nil, ErrNotRunning
		}
		s.st.Paused = true
		s.interrupt()
		return nil, nil
	})
}

// Resume lets a paused run go on. Errors: ErrNotRunning, ErrNotReady.
func (s *Scrubber) Resume(ctx context.Context) error {
	return s.command(ctx, func() (told func(Status), err error) {
		if !s.st.On {
			return nil, ErrNotRunning
		}
		if s.st.Paused {
			s.st.Paused = false
			s.meter.Restart()
		}
		return nil, nil
	})
}

// Stop ends the run that is on, and forgets how far it was. Errors:
// ErrNotRunning, ErrNotReady.
func (s *Scrubber) Stop(ctx context.Context) error {
	return s.command(ctx, func() (told func(Status), err error) {
		if !s.st.On {
			return nil, ErrNotRunning
		}
		if s.task.run == s.run { // else what was read of its segment would count for nothing
			s.st.BytesRead += s.live.Swap(0)
		}
		s.finish(Stopped)
		s.interrupt()
		return s.opt.Ended, nil
	})
}

// SetRate changes the cap of the run that is on; 0: none. Errors: ErrNotRunning,
// ErrNotReady.
func (s *Scrubber) SetRate(ctx context.Context, bytesPerSecond int64) error {
	return s.command(ctx, func() (told func(Status), err error) {
		if !s.st.On {
			return nil, ErrNotRunning
		}
		s.st.Rate = max(0, bytesPerSecond)
		s.pace.Set(s.st.Rate)
		return nil, nil
	})
}

// SetSchedule takes a line of cron, or "off". It holds from now on: nothing is
// made up for. Errors: ErrSchedule, ErrNotReady, those of Pool.Store, and then
// the schedule is as it was.
func (s *Scrubber) SetSchedule(ctx context.Context, line string) error {
	plan, err := parseSchedule(line)
	if err != nil {
		return err
	}
	if err := s.waitReady(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	before, heeded := s.plan, s.st.Heeded
	s.plan, s.st.Heeded = plan, s.now()
	s.mu.Unlock()
	if err := s.save(ctx); err != nil {
		s.mu.Lock()
		s.plan, s.st.Heeded = before, heeded
		s.mu.Unlock()
		return err
	}
	s.poke()
	return nil
}

// command changes the state under the lock and stores it. If it cannot be
// stored, the command holds nevertheless: storing is tried again, and the status
// says so. told, if there is one, hears of it.
func (s *Scrubber) command(ctx context.Context, change func() (told func(Status), err error)) error {
	if err := s.waitReady(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	told, err := change()
	if err == nil && told != nil {
		told(s.status()) // under the lock, so that no end is told before its start
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	s.poke()
	s.save(ctx)
	return nil
}

func (s *Scrubber) waitReady(ctx context.Context) error {
	timer := time.NewTimer(readyWait)
	defer timer.Stop()
	select {
	case <-s.ready:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return ErrNotReady
	}
}

func (s *Scrubber) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// now is the wall clock's time, without the elapsed time that Go hides in it: a
// clock that was set back has to show.
func (s *Scrubber) now() time.Time { return s.opt.Now().Round(0) }

// heed starts a run if the schedule says so.
func (s *Scrubber) heed(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	start, upTo := s.plan.due(s.st.Heeded, now)
	s.st.Heeded = upTo
	start = start && !s.st.On && (s.begun.IsZero() || time.Since(s.begun) >= s.plan.apart(now))
	if !start {
		return
	}
	s.begun = time.Now()
	s.begin(0)
	s.opt.Logger.LogAttrs(ctx, slog.LevelInfo, "The schedule starts a scrub.", slog.String("schedule", s.plan.String()))
	if s.opt.Started != nil {
		s.opt.Started(s.status())
	}
}

// sleep waits, or not if ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
