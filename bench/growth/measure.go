package growth

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/holdfast-storage/holdfast/bench"
	"github.com/holdfast-storage/holdfast/bench/engine"
)

// measured is what operations are measured of a pool.
func measured() []struct {
	name string
	load
} {
	return []struct {
		name string
		load
	}{
		{"GET, 32 clients", load{Operation: bench.Get, Clients: clients}},
		{"LIST of 1,000 anywhere, 1 client", load{Operation: bench.List, Clients: 1}},
		{"LIST of the first 1,000, 1 client", load{Operation: bench.List, Clients: 1, FirstPage: true}},
		{"PUT, 32 clients", load{Operation: bench.Put, Clients: clients}},
	}
}

// measure runs the operations, in turn with the smallest pool.
func (s *step) measure(ctx context.Context) error {
	var ignored []float64
	if err := s.begin(ctx, false, &ignored); err != nil {
		return err
	}
	operations := measured()
	for i, m := range operations {
		turns := s.Turns
		turns.Told = func(_ string, done, all int) {
			s.told(m.name, shareFilled+(shareMeasured-shareFilled)*(float64(i)+float64(done)/float64(all))/float64(len(operations)))
		}
		sides := []bench.Side{s.p.side(m.name, m.load)}
		if s.base != nil {
			sides = append(sides, s.base.side(m.name, m.load))
		}
		series, err := bench.InTurn(ctx, turns, sides...)
		if err != nil {
			return err
		}
		s.cost(m.name, bench.Seconds, "", each(series[0], perOp)...)
		s.cost(m.name+": CPU", bench.Seconds, "", each(series[0], bench.CPUPerOp)...)
		if s.base != nil {
			s.goals = append(s.goals, s.goal(m.name, series[0], series[1]))
		}
	}
	a, err := s.p.ask(request{Do: doMemory}, nil)
	s.total("resident memory after that load", bench.Bytes, "of the process that has the pool open", float64(a.Bytes))
	return err
}

// goal is that an operation costs no more than Bound times what it costs in the smallest pool.
func (s *step) goal(name string, now, base bench.Series) bench.Goal {
	ratios := make([]float64, len(now.Samples))
	for i := range ratios {
		ratios[i] = perOp(now.Samples[i]) / perOp(base.Samples[i])
	}
	return bench.Goal{
		Path: fmt.Sprintf("%s, %d objects", name, s.n), Figure: "time per operation", Of: fmt.Sprintf("%d objects", s.base.objects),
		Got: now.Median(perOp), Limit: base.Median(perOp), Unit: bench.Seconds,
		Value: bench.Ratio(now, base, perOp), Least: slices.Min(ratios), Most: slices.Max(ratios),
		Bound: Bound, AtMost: true, Rounds: len(ratios), About: "in turn, bodies of 100 bytes, scattered keys, without HTTP",
	}
}

// perOp is the time that passes divided by the operations of all clients, seconds.
func perOp(s bench.Sample) float64 { return s.Elapsed.Seconds() / float64(s.Ops) }

func each(s bench.Series, f bench.Figure) []float64 {
	values := make([]float64, len(s.Samples))
	for i, sample := range s.Samples {
		values[i] = f(sample)
	}
	return values
}

// line has the median, the least and the most of the values.
func line(name string, unit bench.Unit, about string, values []float64) bench.Line {
	slices.Sort(values)
	n := len(values)
	return bench.Line{
		Name: name, Unit: unit, About: about,
		Value: (values[(n-1)/2] + values[n/2]) / 2, Least: values[0], Most: values[n-1],
	}
}

// diskBytes is what the files below dir have on the disk; holes are none of it.
func diskBytes(dir string) (bytes int64) {
	_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil // what is not there takes nothing
		}
		if info, err := entry.Info(); err == nil {
			bytes += engine.Allocated(info)
		}
		return nil
	})
	return bytes
}
