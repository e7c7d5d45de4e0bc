package report

import (
	"github.com/holdfast-storage/holdfast/bench"
)

// goalUnit is the unit of a goal's value and bound.
func goalUnit(g bench.Goal) bench.Unit {
	switch {
	case g.Of == "":
		return g.Unit
	case isShare(g):
		return bench.Share
	default:
		return bench.Times
	}
}

// isShare: the goal asks for that much of what would be possible, at most all of it.
func isShare(g bench.Goal) bool { return g.Of != "" && !g.AtMost && g.Bound <= 1 }

// bound is what the goal asks for: ≥ 80 %.
func bound(g bench.Goal) string {
	sign := "≥ "
	if g.AtMost {
		sign = "≤ "
	}
	return sign + value(g.Bound, goalUnit(g))
}

// spread is from where to where the rounds lie; empty if that is not known.
func spread(least, most float64, unit bench.Unit) string {
	if least == 0 && most == 0 {
		return ""
	}
	a, b := value(least, unit), value(most, unit)
	if a == b {
		return a
	}
	return a + " to " + b
}

// verdict is in words too: colour and sign are not for everyone.
func verdict(g bench.Goal) (sign, word string) {
	if g.Met() {
		return "✓", "met"
	}
	return "✗", "missed"
}

// tally counts the goals that are met.
func tally(goals []bench.Goal) (met int) {
	for _, g := range goals {
		if g.Met() {
			met++
		}
	}
	return met
}
