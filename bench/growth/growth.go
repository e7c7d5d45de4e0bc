package growth

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/holdfast-storage/holdfast/bench"
)

const (
	// clients is how many put and get at a time; lists have one.
	clients = 32
	// From is the number of objects of the smallest pool.
	From = 10_000
	// Bound is by how much the cost of an operation may grow from the smallest pool to the largest.
	Bound = 1.5
	// perObject is about what an object takes on all drives together, with parity, replicas of the catalog, and two
	// checkpoints that restate them all, bytes.
	perObject = 2048
)

// Options say what is run, and where.
type Options struct {
	// Dirs are where the drives of the pools lie: one directory for each drive.
	// What is made in them is removed at the end.
	Dirs []string
	From int64 // objects of the smallest pool. 0: From
	To   int64 // of the largest. 0: 1,000,000
	// Start makes a process that calls [Serve] with its standard input and
	// output and these directories. The context ends it.
	Start func(ctx context.Context, dirs []string) *exec.Cmd
	Turns bench.Turns // of the operations; Told is not used
	// Store is how long a process stores objects before it is killed. 0: 1 s
	Store time.Duration
	// Told hears what is being done and how much of it all is; nil: nobody does.
	Told func(doing string, share float64)
}

// Room is what the pools of so many objects take at most, on all drives together, bytes.
func Room(to int64) int64 { return (to + From) * perObject }

// Run measures pools of From, ten times From … To objects. The result has
// Growth, Goals and Notes; after an error what was complete by then.
func Run(ctx context.Context, o Options) (result bench.Result, err error) {
	if o.From == 0 {
		o.From = From
	}
	if o.To == 0 {
		o.To = 1_000_000
	}
	if o.Turns.Rounds == 0 {
		o.Turns.Rounds = 5
	}
	if o.Store == 0 {
		o.Store = time.Second
	}
	if o.Told == nil {
		o.Told = func(string, float64) {}
	}
	if o.To < o.From {
		return result, fmt.Errorf("pools of %d to %d objects: the largest is to be no smaller than the smallest", o.From, o.To)
	}
	for _, dir := range o.Dirs {
		// Drives may share a disk: each is asked for all of it.
		if err := bench.Room(dir, Room(o.To)); err != nil {
			return result, err
		}
	}
	r := &run{Options: o}
	defer func() { err = errors.Join(err, r.end()) }()
	for _, dir := range o.Dirs {
		home, err := os.MkdirTemp(dir, "holdfast-growth-")
		if err != nil {
			return result, err
		}
		r.homes = append(r.homes, home)
	}
	result.Notes = append(result.Notes,
		"Growth is of a pool without HTTP, with bodies of 100 bytes and scattered keys, read from the page cache.",
		"A time per operation is the time that passes divided by the operations of all clients.",
		once())
	sizes := sizes(o.From, o.To)
	for _, n := range sizes {
		r.todo += n
	}
	for _, n := range sizes {
		grown, goals, err := r.step(ctx, n)
		if err != nil {
			return result, fmt.Errorf("a pool of %d objects: %w", n, err)
		}
		result.Data, result.Parity = r.data, r.parity
		result.Growth, result.Goals = append(result.Growth, grown), goals // those of the largest pool
		r.done += n
	}
	result.Notes = append(result.Notes, pageCache(result.Growth[len(result.Growth)-1]))
	return result, nil
}

// sizes are from, ten times from … to.
func sizes(from, to int64) (list []int64) {
	for n := from; n < to; n *= 10 {
		list = append(list, n)
	}
	return append(list, to)
}

// run is one call of Run.
type run struct {
	Options
	homes      []string
	base       *process // the smallest pool's, to be measured in turn with the others
	done, todo int64    // objects of the pools that are done, and of all

	data, parity int // the pools' code
}

// dirs are the drives of the pool of n objects.
func (r *run) dirs(n int64) []string {
	dirs := make([]string, len(r.homes))
	for i, home := range r.homes {
		dirs[i] = filepath.Join(home, fmt.Sprintf("p%d", n))
	}
	return dirs
}

// end ends the processes and removes everything.
func (r *run) end() error {
	if r.base != nil {
		r.base.kill()
	}
	var errs []error
	for _, home := range r.homes {
		errs = append(errs, os.RemoveAll(home))
	}
	return errors.Join(errs...)
}

// Shares of a step: what its parts take, about.
const (
	shareFilled   = 0.5
	shareMeasured = 0.65
	shareStarted  = 0.8
)

// tell says that so much of the step of n objects is done.
func (r *run) tell(n int64, doing string, share float64) {
	r.Told(fmt.Sprintf("%d objects: %s", n, doing), (float64(r.done)+share*float64(n))/float64(r.todo))
}
