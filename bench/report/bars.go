package report

import (
	"math"

	"github.com/holdfast-storage/holdfast/bench"
)

// bar is a goal's figure as a bar, in a field that is barWidth wide.
type bar struct {
	To         float64
	Low, High  float64 // of the rounds
	HasSpread  bool
	Mark       float64 // where the bound is; 0: nothing is promised
	Whole      float64 // where all of the limit is; 0: outside of the field
	Over       bool    // it goes on beyond the field
	AtMost     bool    // the good side is on the left of the mark
	Left, Wide float64 // the good side
}

const barWidth = 200

// newBar draws shares of a limit from 0 to 125 %, and everything else from 0 to
// twice the bound. nil: there is nothing to draw against.
func newBar(g bench.Goal) *bar {
	full := 1.25
	if goalUnit(g) != bench.Share {
		full = 2 * g.Bound
	}
	if full == 0 || math.IsNaN(g.Value) || math.IsInf(g.Value, 0) {
		return nil
	}
	a := axis{from: 0, to: full, start: 0, end: barWidth}
	b := &bar{To: a.at(g.Value), Mark: a.at(g.Bound), Over: g.Value > full, AtMost: g.AtMost}
	if b.HasSpread = g.Least != g.Most && !b.Over; b.HasSpread {
		b.Low, b.High = a.at(g.Least), a.at(g.Most)
	}
	if goalUnit(g) == bench.Share {
		b.Whole = a.at(1)
	}
	switch {
	case g.Beside:
		b.Mark = 0
	case g.AtMost:
		b.Wide = b.Mark
	default:
		b.Left, b.Wide = b.Mark, barWidth-b.Mark
	}
	return b
}
