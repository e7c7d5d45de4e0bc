package suite

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"github.com/holdfast-storage/holdfast/bench"
)

// duringScrub is the side while the daemon scrubs without a cap. A scrub that
// ends before the side does is begun again.
func (p *pool) duringScrub(side bench.Side) bench.Side {
	return p.during(side, work{
		name:   "a scrub",
		goesOn: func(s poolState) bool { return s.Scrub.State == "running" },
		over:   func(s poolState) bool { return !s.Scrub.Running },
		done:   func(s poolState) int64 { return s.Scrub.Read },
		begin: func(ctx context.Context) error {
			err := p.admin.startScrub(ctx)
			if isConflict(err) { // it has begun again by itself, or goes on
				return nil
			}
			return err
		},
		end: func(ctx context.Context) error {
			if err := p.admin.stopScrub(ctx); err != nil && !isConflict(err) {
				return err
			}
			return nil
		},
	})
}

// duringRebuild is the side while what a drive held is made again: one drive
// after the other is replaced by an empty directory. It ends when the rebuild has.
func (p *pool) duringRebuild(side bench.Side) bench.Side {
	return p.during(side, work{
		name:   "a rebuild",
		goesOn: func(s poolState) bool { return s.Rebuild.State == "running" },
		over:   poolState.whole,
		done:   func(s poolState) int64 { return s.Rebuild.BytesDone },
		begin:  p.replaceNext,
		end:    func(context.Context) error { return nil },
	})
}

// replaceNext replaces the next drive in turn. What the one before held has been removed by then.
func (p *pool) replaceNext(ctx context.Context) error {
	slot := p.replaced % len(p.dirs)
	p.replaced++
	dir := filepath.Join(p.stage.homes[slot], fmt.Sprintf("%s-r%d", filepath.Base(p.dirs[slot]), p.replaced))
	status, err := p.admin.status(ctx)
	if err != nil {
		return err
	}
	old := p.dirs[slot]
	number := -1
	for _, d := range status.Drives {
		if d.Path == old {
			number = d.Slot
		}
	}
	if number < 0 {
		return fmt.Errorf("the daemon has no drive at %s", old)
	}
	if err := p.admin.replace(ctx, number, dir); err != nil {
		return err
	}
	p.dirs[slot] = dir
	p.stage.later(func() error { return removeDrive(dir) })
	return removeDrive(old)
}

// work is something that a daemon does in the background.
type work struct {
	name         string
	goesOn, over func(poolState) bool
	done         func(poolState) int64 // bytes so far, from 0 each time it is begun
	begin, end   func(ctx context.Context) error
}

// during runs the side while the work goes on, from when it does; each time it is over it is begun again. The samples
// have what of it was done meanwhile.
func (p *pool) during(side bench.Side, w work) bench.Side {
	run := func(ctx context.Context, span time.Duration) (bench.Sample, error) {
		if err := p.set(ctx, w); err != nil {
			return bench.Sample{}, err
		}
		inner, cancel := context.WithCancel(ctx)
		kept := make(chan error, 1)
		var progress progress
		go func() { kept <- p.keep(inner, w, &progress) }()
		sample, err := side.Run(ctx, span)
		cancel()
		if kept := <-kept; !errors.Is(kept, context.Canceled) {
			err = errors.Join(err, named(w.name, kept))
		}
		sample.Background = progress.bytes
		err = errors.Join(err, w.end(ctx))
		if err != nil {
			return sample, err
		}
		return sample, p.admin.await(ctx, w.name+" to end", w.over)
	}
	return bench.Side{Name: side.Name + ", during " + w.name, Run: run}
}

// set begins the work and waits until some of it is done: what it reads before it has anything to show is not what
// clients are to be measured beside, and may take a second there. Where the machine is so busy that it is over before anybody has seen
// it, it is begun again.
func (p *pool) set(ctx context.Context, w work) error {
	for range 10 {
		if err := w.begin(ctx); err != nil {
			return named(w.name, err)
		}
		begun, seen := time.Now(), false
		err := p.admin.await(ctx, w.name+" to begin", func(s poolState) bool {
			seen = w.goesOn(s) && w.done(s) > 0
			return seen || w.over(s) && time.Since(begun) > beginAtMost
		})
		if seen || err != nil {
			return err
		}
	}
	return fmt.Errorf("%s was over each time before it was seen to go on: store more, or have the machine do less besides", w.name)
}

// beginAtMost is how long work that was begun may still look as if it were over.
const beginAtMost = time.Second

// progress adds up what work has done. What it does from the last look to its end is not known, so that it is a little
// more in truth.
type progress struct {
	bytes, last int64
	begun       bool
}

// see takes what the work has done since it began. Where that is less than it was, it has been begun again.
func (p *progress) see(done int64) {
	if p.begun && done > p.last {
		p.bytes += done - p.last
	}
	p.last, p.begun = done, true
}

// keep has the work go on until ctx ends.
func (p *pool) keep(ctx context.Context, w work, progress *progress) error {
	for {
		s, err := p.admin.status(ctx)
		if err == nil {
			progress.see(w.done(s))
		}
		if err == nil && w.over(s) {
			err = p.set(context.WithoutCancel(ctx), w) // wholly or not at all
		}
		if err == nil {
			err = pause(ctx, pollPeriod)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return err
		}
	}
}

func isConflict(err error) bool {
	var answer *adminError
	return errors.As(err, &answer) && answer.status == http.StatusConflict
}
