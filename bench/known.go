package bench

import (
	"fmt"
	"math"
	"slices"
)

// KeepKnown takes out the goals and lines that have no figure (where the
// system does not tell a process's CPU time, say), and notes which they are.
// JSON has no way to write them.
func (r *Result) KeepKnown() {
	r.Goals = slices.DeleteFunc(r.Goals, func(g Goal) bool {
		return r.unknown(g.Path+", "+g.Figure, g.Got, g.Limit, g.Value, g.Least, g.Most)
	})
	lines := func(lines []Line) []Line {
		return slices.DeleteFunc(lines, func(l Line) bool { return r.unknown(l.Name, l.Value, l.Least, l.Most) })
	}
	r.Limits = lines(r.Limits)
	for i := range r.Growth {
		r.Growth[i].Costs, r.Growth[i].Totals = lines(r.Growth[i].Costs), lines(r.Growth[i].Totals)
	}
}

func (r *Result) unknown(name string, figures ...float64) bool {
	for _, f := range figures {
		if math.IsNaN(f) || math.IsInf(f, 0) {
			r.Notes = append(r.Notes, fmt.Sprintf("Not known here: %s.", name))
			return true
		}
	}
	return false
}
