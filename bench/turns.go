package bench

import (
	"context"
	"fmt"
	"time"
)

// Side is one thing that is measured: a path through Holdfast, or a limit.
type Side struct {
	Name string
	// Run does the side's work for about the span and says what it did. What it
	// needs has been prepared: only the work counts. It may be called often.
	Run func(ctx context.Context, span time.Duration) (Sample, error)
}

// Turns says how sides are run against each other.
type Turns struct {
	Rounds int           // of each side; 0: 5
	Span   time.Duration // of each run; 0: 1 s
	// Warm is how long each side runs before the first round; 0: a third of Span.
	Warm time.Duration
	// Mirrored has every second round go from the last side to the first (A B B A …). What a side leaves behind then
	// does not always meet the same one.
	Mirrored bool
	// Told is called before each run, with the number of runs done and in all; nil: nobody is told.
	Told func(side string, done, all int)
}

// InTurn runs the sides in turn and returns their series in the same order.
func InTurn(ctx context.Context, t Turns, sides ...Side) ([]Series, error) {
	if t.Rounds == 0 {
		t.Rounds = 5
	}
	if t.Span == 0 {
		t.Span = time.Second
	}
	if t.Warm == 0 {
		t.Warm = t.Span / 3
	}
	result := make([]Series, len(sides))
	for i, side := range sides {
		result[i].Name = side.Name
		if _, err := side.Run(ctx, t.Warm); err != nil {
			return nil, fmt.Errorf("%s: %w", side.Name, err)
		}
	}
	for round := range t.Rounds {
		for turn := range sides {
			i := turn
			if t.Mirrored && round%2 == 1 {
				i = len(sides) - 1 - turn
			}
			side := sides[i]
			if t.Told != nil {
				t.Told(side.Name, round*len(sides)+turn, t.Rounds*len(sides))
			}
			sample, err := side.Run(ctx, t.Span)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", side.Name, err)
			}
			result[i].Samples = append(result[i].Samples, sample)
		}
	}
	for i := range result {
		result[i].pool()
	}
	return result, ctx.Err()
}
