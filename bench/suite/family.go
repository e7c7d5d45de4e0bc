package suite

import (
	"context"
	"slices"
	"time"

	"github.com/holdfast-storage/holdfast/bench"
)

// family is rows that share servers and what is stored on them.
type family struct {
	name string
	rows []row
	// seconds that it takes on the machine of the goals, what it prepares included: for progress, and for the plan.
	seconds float64
	// room that it needs at most on all drives together, bytes.
	room int64
	// measure gives the series of the sides that the rows name, or of those that the stage wants.
	measure func(ctx context.Context, s *stage) (map[string]bench.Series, error)
}

// only is the family with the rows that match.
func (f family) only(text string) family {
	f.rows = slices.DeleteFunc(slices.Clone(f.rows), func(r row) bool { return !r.matches(text) })
	return f
}

// wants says whether a row needs the side.
func (f family) wants(side string) bool {
	return slices.ContainsFunc(f.rows, func(r row) bool { return slices.Contains(r.sides(), side) })
}

// player is a side before it is known whether it is wanted: making it may store what it reads.
type player struct {
	name string
	make func(ctx context.Context) (bench.Side, error)
}

// contest runs those of the players that are wanted in turn, for so long each time.
func (s *stage) contest(ctx context.Context, span time.Duration, players ...player) (map[string]bench.Series, error) {
	return s.contestIn(ctx, s.turns(span), players...)
}

// contestIn is contest in turns that the caller has set.
func (s *stage) contestIn(ctx context.Context, turns bench.Turns, players ...player) (map[string]bench.Series, error) {
	var sides []bench.Side
	var names []string
	for _, p := range players {
		if !s.family.wants(p.name) {
			continue
		}
		s.tell("preparing: " + p.name)
		side, err := p.make(ctx)
		if err != nil {
			return nil, named(p.name, err)
		}
		side.Name = p.name
		sides, names = append(sides, side), append(names, p.name)
	}
	list, err := bench.InTurn(ctx, turns, sides...)
	if err != nil {
		return nil, err
	}
	result := make(map[string]bench.Series, len(list))
	for i, series := range list {
		result[names[i]] = series
	}
	return result, nil
}

// turns are those that were asked for, else five of the span.
func (s *stage) turns(span time.Duration) bench.Turns {
	t := s.Turns
	if t.Rounds == 0 {
		t.Rounds = 5
	}
	if t.Span == 0 {
		t.Span = span
	}
	t.Told = func(side string, done, all int) { s.tellOf(side, done, all) }
	return t
}
