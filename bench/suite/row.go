package suite

import (
	"slices"
	"strings"

	"github.com/holdfast-storage/holdfast/bench"
)

// row is one promise, or something said beside one. It names sides that its
// family measures in turn, and says which of their figures are held against each other.
type row struct {
	path   string // what is done
	figure string // what is looked at
	of     string // what it is measured by; empty: it stands for itself
	unit   bench.Unit
	got    pick
	limit  []pick // in each round the least of them counts; none if of is empty
	bound  float64
	atMost bool
	beside bool // nothing is promised
	once   bool // a round would say the same again, and take too long
	about  string
	said   func(bench.Series) string // of got, what else there is to say; may be nil
}

// pick is a figure of a side.
type pick struct {
	side   string
	figure bench.Figure
	// or are other ways to do the same, if there are any: of limits that lie in
	// how it is done, the best way of each round counts. Of all ways together one has to have been measured.
	or []string
}

// name is what Only looks into.
func (r row) name() string { return r.path + ": " + r.figure }

func (r row) matches(only string) bool {
	return strings.Contains(strings.ToLower(r.name()), strings.ToLower(only))
}

// sides are those that the row is about.
func (r row) sides() []string {
	names := []string{r.got.side}
	for _, p := range r.limit {
		names = append(append(names, p.side), p.or...)
	}
	return names
}

// goal holds the figures of each round against each other.
func (r row) goal(series map[string]bench.Series) bench.Goal {
	got := values(r.got, series)
	value, limit := slices.Clone(got), []float64(nil)
	for _, p := range r.limit {
		these := best(p, series)
		if limit == nil {
			limit = these
		}
		for i := range min(len(limit), len(these)) {
			limit[i] = min(limit[i], these[i])
		}
	}
	if r.limit != nil {
		value = value[:min(len(value), len(limit))]
		for i := range value {
			value[i] /= limit[i]
		}
	}
	g := bench.Goal{Path: r.path, Figure: r.figure, Of: r.of, Unit: r.unit, Bound: r.bound, AtMost: r.atMost, Beside: r.beside, Once: r.once,
		Got: median(got), Limit: median(limit), Value: median(value), Rounds: len(value), About: r.about}
	if r.said != nil {
		g.About += r.said(series[r.got.side])
	}
	if len(value) > 0 {
		g.Least, g.Most = slices.Min(value), slices.Max(value)
	}
	return g
}

// best is what the best of the pick's ways that were measured gave in each round.
func best(p pick, series map[string]bench.Series) []float64 {
	these := values(p, series)
	for _, way := range p.or {
		other := values(pick{side: way, figure: p.figure}, series)
		if these == nil {
			these = other
		}
		for i := range min(len(these), len(other)) {
			these[i] = max(these[i], other[i])
		}
	}
	return these
}

// values are of the pick's side, nil if it was not measured.
func values(p pick, series map[string]bench.Series) []float64 {
	samples := series[p.side].Samples
	if samples == nil {
		return nil
	}
	all := make([]float64, len(samples))
	for i, sample := range samples {
		all[i] = p.figure(sample)
	}
	return all
}

// median of an even number is the mean of the two in the middle; of none 0.
func median(values []float64) float64 {
	n := len(values)
	if n == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// Figures beside those of package bench.

func cpuPerGiB(s bench.Sample) float64 { return bench.CPUPerByte(s) * (1 << 30) }

// bytesOf is for samples that count bytes of something, and nothing else.
func bytesOf(s bench.Sample) float64 { return float64(s.Bytes) }

func bytesPerOp(s bench.Sample) float64 { return float64(s.Bytes) / float64(s.Ops) }

func elapsed(s bench.Sample) float64 { return s.Elapsed.Seconds() }
