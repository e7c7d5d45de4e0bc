package suite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/holdfast-storage/holdfast/bench"
	"github.com/holdfast-storage/holdfast/blockstore"
)

// beside is background work on a pool of this process. It goes on from before the first run of a group until after the
// last, begun again each time it is over: to begin it for each run would take longer than the run.
type beside struct {
	name  string
	state func(ctx context.Context) (WorkState, error)
	begin func(ctx context.Context) error

	mu       sync.Mutex
	progress progress

	ended chan struct{} // closed when it is not kept going any more
	err   error         // why, once ended; nil: it was to end
}

// scrubBeside has the pool scrubbed again and again, until the family is cleared.
func (s *stage) scrubBeside(ctx context.Context, store *blockstore.Pool) *beside {
	mending := s.Mending(ctx, store)
	return s.keepBeside(ctx, mending, &beside{
		name:  "a scrub",
		state: func(context.Context) (WorkState, error) { return mending.Scrubbed(), nil },
		begin: mending.StartScrub,
	})
}

// rebuildBeside has one drive after the other replaced by an empty directory, until the family is cleared. It changes
// dirs, which are the drives by slot.
func (s *stage) rebuildBeside(ctx context.Context, store *blockstore.Pool, dirs []string) *beside {
	mending, replaced := s.Mending(ctx, store), 0
	return s.keepBeside(ctx, mending, &beside{
		name: "a rebuild",
		state: func(ctx context.Context) (WorkState, error) {
			w := mending.Rebuilt()
			if w.Over { // for the rebuilder; a drive that has just been replaced it does not know yet
				status, err := store.Status(ctx)
				for _, d := range status.Drives {
					w.Over = w.Over && !changing(d.State)
				}
				w.Over = w.Over && complete(status.Redundancy.Missing)
				return w, err
			}
			return w, nil
		},
		begin: func(ctx context.Context) error {
			slot := replaced % len(dirs)
			replaced++
			old := dirs[slot]
			dir := filepath.Join(s.homes[slot], fmt.Sprintf("%s-r%d", filepath.Base(old), replaced))
			if _, err := store.ReplaceDrive(ctx, old, dir, blockstore.ChangeOptions{Force: true}); err != nil {
				return errors.Join(err, removeDrive(dir))
			}
			dirs[slot] = dir
			return removeDrive(old)
		},
	})
}

// keepBeside keeps the work going until the family is cleared, and ends all mending then.
func (s *stage) keepBeside(ctx context.Context, mending Mending, b *beside) *beside {
	b.ended = make(chan struct{})
	ctx, cancel := context.WithCancel(ctx)
	s.later(func() error {
		cancel()
		<-b.ended
		mending.Stop()
		return b.err
	})
	go func() {
		defer close(b.ended)
		if err := b.keep(ctx); !errors.Is(err, context.Canceled) {
			b.err = named(b.name, err)
		}
	}()
	return b
}

// keep begins the work each time it is over, until ctx ends.
func (b *beside) keep(ctx context.Context) error {
	var begun time.Time
	for {
		w, _, err := b.look(ctx)
		if err == nil && w.Over && time.Since(begun) > beginAtMost {
			begun = time.Now()
			err = b.begin(context.WithoutCancel(ctx)) // wholly or not at all
		}
		if w.Running {
			begun = time.Time{}
		}
		if err == nil {
			err = pause(ctx, pollPeriod)
		}
		if err != nil {
			return err
		}
	}
}

// look says how far the work is, and how many bytes it has done in all.
func (b *beside) look(ctx context.Context) (WorkState, int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	w, err := b.state(ctx)
	if err == nil {
		b.progress.see(w.Bytes)
	}
	return w, b.progress.bytes, err
}

// goesOn waits until the work does, and says how many bytes it has done by then.
func (b *beside) goesOn(ctx context.Context) (int64, error) {
	for end := time.Now().Add(awaitAtMost); ; {
		w, done, err := b.look(ctx)
		if err != nil || w.Running {
			return done, err
		}
		if time.Now().After(end) {
			return done, fmt.Errorf("waited %v for %s to go on; last it was %+v", awaitAtMost, b.name, w)
		}
		select {
		case <-b.ended:
			return done, errors.Join(b.err, ctx.Err())
		default:
		}
		if err := pause(ctx, pollPeriod); err != nil {
			return done, err
		}
	}
}

// during is the side with what of the work was done while it ran. Where a run finds the work over, it waits until it
// goes on again.
func (b *beside) during(side bench.Side) bench.Side {
	run := func(ctx context.Context, span time.Duration) (bench.Sample, error) {
		before, err := b.goesOn(ctx)
		if err != nil {
			return bench.Sample{}, named(b.name, err)
		}
		sample, err := side.Run(ctx, span)
		if err != nil {
			return sample, err
		}
		_, after, err := b.look(ctx)
		sample.Background = after - before
		return sample, err
	}
	return bench.Side{Name: side.Name + ", during " + b.name, Run: run}
}
