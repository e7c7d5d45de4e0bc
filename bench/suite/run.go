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
func Run(ctx context.Context, o Options) (bench.Result, error) { return run(ctx, o, goals()) }

// run measures these families, and the matrix if that is asked for.
func run(ctx context.Context, o Options, all []family) (result bench.Result, err error) {
	var plan plan
	for _, f := range all {
		if f = f.only(o.Only); len(f.rows) > 0 {
			plan.families = append(plan.families, f)
		}
	}
	plan.limits = limitsWanted(o.Only)
	if !plan.limits && len(plan.families) == 0 && !o.Full && !smallMatrixWanted(o.Only) {
		return result, nothing(o.Only)
	}
	s, err := newStage(ctx, o)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, s.end()) }()
	result.Data, result.Parity = s.data, s.parity
	if o.Full {
		plan.groups, result.Notes = matrix(s.parity, called(o.Only))
		plan.codec = codecWanted(o.Only)
		if !plan.limits && !plan.codec && len(plan.families)+len(plan.groups) == 0 {
			return result, nothing(o.Only)
		}
	}
	if !o.Full && smallMatrixWanted(o.Only) {
		plan.groups, result.Notes = matrix(s.parity, smallMatrix)
	}
	s.clock.total = plan.seconds()
	s.tell(fmt.Sprintf("begun: %.0f minutes in all, about", max(1, s.clock.total/60)))
	return result, s.run(ctx, plan, &result)
}

func nothing(only string) error {
	return fmt.Errorf("nothing that is measured has %q in its name: the table of `holdfast bench` has the names", only)
}

// plan is what is measured, in this order.
type plan struct {
	limits   bool
	families []family
	codec    bool
	groups   []group
}

func (p plan) seconds() (all float64) {
	if p.limits {
		all += limitSeconds
	}
	if p.codec {
		all += codecSeconds
	}
	for _, f := range p.families {
		all += f.seconds
	}
	for _, g := range p.groups {
		all += g.seconds()
	}
	return all
}

func (s *stage) run(ctx context.Context, p plan, result *bench.Result) (err error) {
	if p.limits {
		if result.Limits, err = s.limits(ctx); err != nil {
			return named("limits", err)
		}
		s.clock.next(limitSeconds)
	}
	for _, f := range p.families { // what fails is noted, and the others are measured all the same
		found, failed := s.measure(ctx, f)
		result.Goals = append(result.Goals, found...)
		switch {
		case ctx.Err() != nil:
			return errors.Join(err, failed)
		case errors.Is(failed, errors.ErrUnsupported): // of this system
			result.Notes = append(result.Notes, "Not measured here: "+failed.Error()+".")
		case failed != nil:
			result.Notes, err = append(result.Notes, "Failed: "+failed.Error()), errors.Join(err, failed)
		}
		s.clock.next(f.seconds)
	}
	if p.codec {
		var failed error
		if result.Cells, failed = s.codec(ctx); failed != nil {
			return errors.Join(err, named(layerCodec, failed))
		}
		s.clock.next(codecSeconds)
	}
	cells, notes, failed := s.matrix(ctx, p.groups)
	result.Cells, result.Notes = append(result.Cells, cells...), append(result.Notes, notes...)
	return errors.Join(err, failed)
}

// measure runs a family and ends what it has set up.
func (s *stage) measure(ctx context.Context, f family) (found []bench.Goal, err error) {
	defer func() { err = errors.Join(err, s.clear()) }()
	if err := s.begin(ctx, f); err != nil {
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
	return found, nil
}
