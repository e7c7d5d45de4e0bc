package suite

import (
	"context"
	"errors"
	"fmt"

	"github.com/holdfast-storage/holdfast/bench"
)

// Run measures and returns what it found, with Limits, Goals and Cells filled
// in. After an error the result holds what was complete by then, and the
// servers have ended and what they wrote is gone all the same.
func Run(ctx context.Context, o Options) (bench.Result, error) {
	if o.Full {
		return runFull(ctx, o)
	}
	return run(ctx, o, goals())
}

// run measures these families.
func run(ctx context.Context, o Options, all []family) (result bench.Result, err error) {
	var families []family
	seconds := 0.0
	for _, f := range all {
		if f = f.only(o.Only); len(f.rows) > 0 {
			families = append(families, f)
			seconds += f.seconds
		}
	}
	limits := limitsWanted(o.Only)
	if limits {
		seconds += limitSeconds
	}
	if len(families) == 0 && !limits {
		return result, fmt.Errorf("nothing that is measured has %q in its name: the table of `holdfast bench` has the names", o.Only)
	}
	s, err := newStage(ctx, o, seconds)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, s.end()) }()
	result.Data, result.Parity = s.data, s.parity
	if limits {
		if result.Limits, err = s.limits(ctx); err != nil {
			return result, fmt.Errorf("limits: %w", err)
		}
		s.clock.next(limitSeconds)
	}
	for _, f := range families {
		found, err := s.measure(ctx, f)
		result.Goals = append(result.Goals, found...)
		if err != nil {
			return result, err
		}
	}
	return result, nil
}

// measure runs a family and ends what it has set up.
func (s *stage) measure(ctx context.Context, f family) (found []bench.Goal, err error) {
	defer func() { err = errors.Join(err, s.clear()) }()
	if err := s.begin(f); err != nil {
		return nil, named(f.name, err)
	}
	s.tell(f.name)
	series, err := f.measure(ctx, s)
	if err != nil {
		return nil, named(f.name, err)
	}
	for _, r := range f.rows {
		found = append(found, r.goal(series))
	}
	s.clock.next(f.seconds)
	return found, nil
}
