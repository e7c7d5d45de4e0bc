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

// bound is what the goal asks for: ≥ 80 %. Empty if nothing is promised.
func bound(g bench.Goal) string {
	if g.Beside {
		return ""
	}
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
	switch {
	case g.Beside:
		return "·", "beside"
	case g.Met():
		return "✓", "met"
	default:
		return "✗", "missed"
	}
}

// tally counts the goals, and those of them that are met. What is said beside one is none.
func tally(goals []bench.Goal) (met, all int) {
	for _, g := range goals {
		if g.Beside {
			continue
		}
		all++
		if g.Met() {
			met++
		}
	}
	return met, all
}

// Missed counts the goals that are not met.
func Missed(goals []bench.Goal) int {
	met, all := tally(goals)
	return all - met
}
