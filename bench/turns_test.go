package bench

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestInTurn: each round has each side once, and its sample is that of the round, whichever way the round goes.
func TestInTurn(t *testing.T) {
	for _, c := range []struct {
		turns Turns
		want  string // the first of each is the warming up
	}{
		{Turns{Rounds: 3}, "abc abc abc abc"},
		{Turns{Rounds: 4, Mirrored: true}, "abc abc cba abc cba"},
	} {
		var ran strings.Builder
		told := 0
		side := func(name string) Side {
			return Side{Name: name, Run: func(context.Context, time.Duration) (Sample, error) {
				if ran.Len()%4 == 3 {
					ran.WriteByte(' ')
				}
				ran.WriteString(name)
				return Sample{Ops: int64(ran.Len() / 4)}, nil
			}}
		}
		c.turns.Told = func(_ string, done, all int) {
			if done != told || all != 3*c.turns.Rounds {
				t.Errorf("told of %d of %d, want %d", done, all, told)
			}
			told++
		}
		series, err := InTurn(t.Context(), c.turns, side("a"), side("b"), side("c"))
		if err != nil || ran.String() != c.want {
			t.Errorf("ran %q, want %q: %v", ran.String(), c.want, err)
		}
		for i, s := range series {
			var rounds []int64
			for _, sample := range s.Samples {
				rounds = append(rounds, sample.Ops)
			}
			if s.Name != "abc"[i:i+1] || !slices.IsSorted(rounds) || len(rounds) != c.turns.Rounds || rounds[0] != 1 || rounds[len(rounds)-1] != int64(c.turns.Rounds) {
				t.Errorf("%s has the samples of rounds %v", s.Name, rounds)
			}
		}
	}
}
