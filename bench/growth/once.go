package growth

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/holdfast-storage/holdfast/bench"
)

// The costs of which a pool has only one: it is filled once, and loses its catalog once.
const (
	filling    = "PUT, all of them, 1,024 clients"
	rebuilding = "catalog rebuild per object"
)

// holdFilling holds the storing of all objects against that of as many as the smallest pool has.
func (s *step) holdFilling(ctx context.Context) error {
	return s.hold(ctx, filling, "the whole load, keys that are new; merging of the catalog that comes after the last PUT is not in it",
		(*step).fill)
}

// holdRebuilding holds the making of the catalog against that of new pools: what the loads have put into the journal of
// the smallest is twenty times its objects, and would hide any growth. The largest has it too, so that a pool of less
// than some millions seems dearer than it is.
func (s *step) holdRebuilding(ctx context.Context) error {
	return s.hold(ctx, rebuilding, "from the journal, until the pool serves; the large one's has also the PUTs of the loads before, the small ones' has not",
		(*step).fill, (*step).rebuild)
}

// hold makes a new pool of the smallest size for each round, about a second each, has the parts done to them, and makes the cost a goal. Only the largest
// pool has goals.
func (s *step) hold(ctx context.Context, name, about string, parts ...func(*step, context.Context) error) error {
	if s.base == nil || s.n != s.To {
		return nil
	}
	var small []float64
	for range s.Turns.Rounds {
		cost, err := s.small(ctx, name, parts)
		if err != nil {
			return err
		}
		small = append(small, cost)
	}
	got := s.grown.Cost(name)
	limit := line("", "", "", small) // sorts them
	s.goals = append(s.goals, bench.Goal{
		Path: fmt.Sprintf("%s, %d objects", name, s.n), Figure: "time per object", Of: fmt.Sprintf("%d objects", s.From),
		Got: got, Limit: limit.Value, Unit: bench.Seconds,
		Value: got / limit.Value, Least: got / limit.Most, Most: got / limit.Least,
		Bound: Bound, AtMost: true, Once: true, Rounds: 1,
		About: fmt.Sprintf("%s; once, over the median of %d new pools of %d right after it", about, s.Turns.Rounds, s.From),
	})
	return nil
}

// small is what a new pool of the smallest size costs.
func (s *step) small(ctx context.Context, name string, parts []func(*step, context.Context) error) (cost float64, err error) {
	small := &step{run: s.run, n: s.From, dirs: s.run.dirs(0), quiet: true} // no other pool is of 0 objects
	defer func() {
		if small.p != nil {
			small.p.kill()
		}
		for _, dir := range small.dirs {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	for _, part := range parts {
		if err := part(small, ctx); err != nil {
			return 0, err
		}
	}
	return small.grown.Cost(name), nil
}

// pageCache tells how much of it the largest pool fills, from what it has on the drives.
func pageCache(g bench.Grown) string {
	bytes := int64(0)
	for _, name := range []string{segmentBytes, catalogBytes} {
		bytes += int64(g.Cost(name) * float64(g.Objects))
	}
	return fmt.Sprintf("The files of the largest pool were %.2f GiB once filled, and grew the page cache by as much, and by more for a while "+
		"(merging writes an entry of the catalog several times). Filling is measured as it does that: on a machine that hands freed "+
		"memory back to its host, it pays for fresh pages. What comes after reads pages that are there.", float64(bytes)/(1<<30))
}

// once says what has not been measured in rounds.
func once() string {
	costs := []string{filling, segmentBytes, catalogBytes, rebuilding}
	return fmt.Sprintf("Starts are medians of %d. Measured once for each pool: %s, what is resident after the load, and starts without any catalog.",
		starts, strings.Join(costs, "; "))
}
