package suite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/holdfast-storage/holdfast/bench"
	"github.com/holdfast-storage/holdfast/bench/s3"
)

// stage is what is measured on: servers, and directories for their pools. What
// a family sets up is gone when the family is done.
type stage struct {
	Options
	family       family
	homes        []string // a folder in each of Dirs, for pools to lie in
	pools        int      // made so far
	data, parity int
	ballast      int64 // bytes that background work has to go through besides what the cells have stored
	bare         *Server
	undo         []func() error // of the family, the last first
	shelves      map[shelf]*s3.Loader
	clock        clock
}

// newStage makes the folders, and a pool for a moment, whose code is that of all others.
func newStage(ctx context.Context, o Options) (*stage, error) {
	s := &stage{Options: o, shelves: map[shelf]*s3.Loader{}, ballast: 256 * mib}
	if len(o.Dirs) == 0 {
		return nil, errors.New("no directories to measure in: name one for each drive")
	}
	for _, dir := range o.Dirs {
		home, err := os.MkdirTemp(dir, "holdfast-bench-")
		if err != nil {
			return nil, errors.Join(err, s.end())
		}
		s.homes = append(s.homes, home)
	}
	s.tell("starting")
	p, err := s.pool(ctx)
	if err == nil {
		var status poolState
		if status, err = p.admin.status(ctx); err == nil {
			s.parity = status.Pool.Parity
			s.data = max(status.Pool.Width-s.parity, status.Pool.Data)
		}
	}
	if err = errors.Join(err, s.clear()); err != nil {
		return nil, errors.Join(err, s.end())
	}
	return s, nil
}

// settleMost bounds the wait for what others have left to be written. Who still has more is measured beside it.
const settleMost = 30 * time.Second

// begin makes ready for a family: there is room, and nothing waits to be written back that others have left, or that the
// family before has.
func (s *stage) begin(ctx context.Context, f family) error {
	s.family = f
	for _, home := range s.homes {
		// Drives may share a disk, so each is asked for all of it.
		if err := bench.Room(home, f.room); err != nil {
			return err
		}
	}
	s.tell(f.name + ": waiting for what was written before")
	settle, cancel := context.WithTimeout(ctx, settleMost)
	defer cancel()
	if err := bench.Settled(settle, s.homes...); err != nil && settle.Err() == nil {
		return err
	}
	return ctx.Err()
}

// later has something undone when the family is done.
func (s *stage) later(undo func() error) { s.undo = append(s.undo, undo) }

// clear ends what the family has set up.
func (s *stage) clear() error {
	var errs []error
	for i := len(s.undo) - 1; i >= 0; i-- {
		errs = append(errs, s.undo[i]())
	}
	s.undo = nil
	clear(s.shelves)
	return errors.Join(errs...)
}

// end ends all servers and removes all that was written.
func (s *stage) end() error {
	err := s.clear()
	if s.bare != nil {
		err = errors.Join(err, s.bare.Kill()) // it has nothing to lose
	}
	for _, home := range s.homes {
		err = errors.Join(err, os.RemoveAll(home))
	}
	return err
}

// bareServer starts the bare server at its first call.
func (s *stage) bareServer(ctx context.Context) (*Server, error) {
	if s.bare == nil {
		server, err := s.Launcher.StartBare(ctx)
		if err != nil {
			return nil, fmt.Errorf("the bare server: %w", err)
		}
		s.bare = &server
	}
	return s.bare, nil
}

// newDirs are directories for a pool, which do not exist yet.
func (s *stage) newDirs() []string {
	s.pools++
	dirs := make([]string, len(s.homes))
	for i, home := range s.homes {
		dirs[i] = filepath.Join(home, fmt.Sprintf("p%d", s.pools))
	}
	s.later(func() error { return removeAll(dirs) })
	return dirs
}

func removeAll(dirs []string) error {
	var errs []error
	for _, dir := range dirs {
		errs = append(errs, removeDrive(dir))
	}
	return errors.Join(errs...)
}

// removeDrive takes a drive away at once, as who pulls a disk: a daemon that still makes files there finds no way to it.
func removeDrive(dir string) error {
	gone := dir + ".gone"
	if err := os.Rename(dir, gone); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.RemoveAll(gone)
}

func named(name string, err error) error { return fmt.Errorf("%s: %w", name, err) }

// clock tells how far the suite is, by what its families are known to take.
type clock struct {
	total, before float64 // seconds: of all, of the families that are done
	share         float64 // of this family
}

func (s *stage) tell(doing string) {
	if s.Progress == nil {
		return
	}
	done := 0.0
	if s.clock.total > 0 {
		done = min(1, (s.clock.before+s.clock.share*s.family.seconds)/s.clock.total)
	}
	s.Progress(Progress{Doing: doing, Done: done})
}

// tellOf is tell of a contest, which is most of what a family does.
func (s *stage) tellOf(doing string, done, all int) {
	s.clock.share = max(s.clock.share, float64(done)/float64(max(1, all)))
	s.tell(doing)
}

func (c *clock) next(seconds float64) { c.before, c.share = c.before+seconds, 0 }

// pause waits, unless ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
