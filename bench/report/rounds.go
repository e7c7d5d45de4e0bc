package report

import (
	"fmt"
	"slices"

	"github.com/holdfast-storage/holdfast/bench"
)

// enoughRounds is of how many rounds a median is to be believed.
const enoughRounds = 5

// roundsText says of how many rounds at least everything is the median that has any; empty: nothing has.
func roundsText(r bench.Result) string {
	var rounds []int
	once := false
	for _, g := range r.Goals {
		once = once || g.Once
		if !g.Once {
			rounds = append(rounds, g.Rounds)
		}
	}
	for _, c := range r.Cells {
		rounds = append(rounds, len(c.Series.Samples))
	}
	if len(rounds) == 0 || slices.Min(rounds) == 0 {
		return ""
	}
	fewest := slices.Min(rounds)
	text := "medians of " + counted(fewest, "round")
	switch most := slices.Max(rounds); {
	case most == 1:
		text = "taken in one round"
	case most > fewest:
		text = "medians of at least " + counted(fewest, "round")
	}
	if fewest < enoughRounds {
		text += fmt.Sprintf(" (%d are wanted for figures to be believed)", enoughRounds)
	}
	if once {
		text += "; what says “once” is a single figure"
	}
	return text
}

// roundsOf is how often a goal's figure was taken; empty if that is not known.
func roundsOf(g bench.Goal) string {
	switch {
	case g.Once:
		return "once"
	case g.Rounds == 0:
		return ""
	}
	return counted(g.Rounds, "round")
}

// roundsAndSpread is the same, shorter, and how far the rounds lie apart.
func roundsAndSpread(g bench.Goal) string {
	apart := spread(g.Least, g.Most, goalUnit(g))
	switch {
	case g.Once:
		return "once"
	case g.Rounds == 0:
		return apart
	case apart == "":
		return fmt.Sprint(g.Rounds)
	}
	return fmt.Sprintf("%d: %s", g.Rounds, apart)
}
