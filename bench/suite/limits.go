package suite

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-storage/holdfast/bench"
	"github.com/holdfast-storage/holdfast/bench/limits"
	"github.com/holdfast-storage/holdfast/bench/s3"
)

const (
	// limitSeconds is what the limits take.
	limitSeconds = 56
	// limitSpan is how long a turn of one takes. There are many.
	limitSpan = 300 * time.Millisecond
)

// limitsWanted says whether the machine's own limits are asked for: all of them, by that word.
func limitsWanted(only string) bool {
	return only == "" || strings.Contains("limits", strings.ToLower(only))
}

// limits measures what the machine does without Holdfast.
func (s *stage) limits(ctx context.Context) (lines []bench.Line, err error) {
	defer func() { err = errors.Join(err, s.clear()) }()
	if err := s.begin(ctx, family{name: "limits", seconds: limitSeconds}); err != nil {
		return nil, err
	}
	files, err := limits.NewFiles(limits.Shape{Dirs: s.homes, Data: s.data, Parity: s.parity, Bytes: 256 * mib})
	if err != nil {
		return nil, err
	}
	s.later(files.Close)
	lines, err = limits.Lines(ctx, s.turns(limitSpan), files)
	if err != nil {
		return nil, err
	}
	loads := []struct {
		load   s3.Load
		figure bench.Figure
		unit   bench.Unit
	}{
		{s3.Load{Operation: bench.Put, Size: 4 * kib, Clients: 32}, bench.OpsRate, bench.OpsPerSecond},
		{s3.Load{Operation: bench.Get, Size: 4 * kib, Clients: 32}, bench.OpsRate, bench.OpsPerSecond},
		{s3.Load{Operation: bench.Put, Size: 64 * mib, Clients: 4}, bench.ByteRate, bench.BytesPerSecond},
		{s3.Load{Operation: bench.Get, Size: 64 * mib, Clients: 4}, bench.ByteRate, bench.BytesPerSecond},
	}
	var sides []bench.Side
	for _, l := range loads {
		side, err := s.bareAt("", l.load).make(ctx)
		if err != nil {
			return nil, err
		}
		side.Name = "HTTP limit, " + side.Name
		sides = append(sides, side)
	}
	list, err := bench.InTurn(ctx, s.turns(limitSpan), sides...)
	if err != nil {
		return nil, err
	}
	for i, series := range list {
		all := values(pick{side: series.Name, figure: loads[i].figure}, map[string]bench.Series{series.Name: series})
		lines = append(lines, bench.Line{Name: series.Name, Value: median(all), Least: slices.Min(all), Most: slices.Max(all), Unit: loads[i].unit,
			About: "a bare net/http server that swallows bodies, or serves them from memory"})
	}
	return lines, nil
}
