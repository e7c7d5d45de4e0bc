package suite

import (
	"context"
	"time"

	"github.com/holdfast-storage/holdfast/bench"
	"github.com/holdfast-storage/holdfast/bench/s3"
)

// memory is what a daemon has in RAM at most under many large requests.
func memory() family {
	const put, get = "memory, 32 clients × 64 MiB PUT", "memory, 32 clients × 64 MiB GET"
	peak := func(path string) row {
		return row{path: path, figure: "resident at most", unit: bench.Bytes, got: pick{side: path, figure: bytesOf}, bound: 256 * mib, atMost: true,
			about: "the most that was resident from the daemon’s start to the end of a run; each round has a daemon and a pool of its own"}
	}
	return family{
		name: "memory", seconds: 38, room: 6 * gib,
		rows: []row{peak(put), peak(get)},
		measure: func(ctx context.Context, s *stage) (map[string]bench.Series, error) {
			loads := map[string]s3.Load{
				put: {Operation: bench.Put, Size: 64 * mib, Clients: 32, Stored: 2 * gib, Written: 2 * gib},
				get: {Operation: bench.Get, Size: 64 * mib, Clients: 32, Stored: 512 * mib},
			}
			turns := s.turns(2 * time.Second)
			result := map[string]bench.Series{}
			for round := range turns.Rounds {
				for i, path := range []string{put, get} {
					if !s.family.wants(path) {
						continue
					}
					s.tellOf(path, 2*round+i, 2*turns.Rounds)
					sample, err := s.peak(ctx, path, loads[path], turns.Span)
					if err != nil {
						return nil, named(path, err)
					}
					result[path] = bench.Series{Name: path, Samples: append(result[path].Samples, sample)}
				}
			}
			return result, nil
		},
	}
}

// peak puts a load on a daemon of its own, for the span or until all is written that is to be.
func (s *stage) peak(ctx context.Context, name string, load s3.Load, span time.Duration) (bench.Sample, error) {
	p, err := s.pool(ctx)
	if err != nil {
		return bench.Sample{}, err
	}
	side, err := p.at(name, load).make(ctx)
	if err != nil {
		return bench.Sample{}, err
	}
	if load.Written > 0 {
		span = time.Minute
	}
	if _, err := side.Run(ctx, span); err != nil {
		return bench.Sample{}, err
	}
	bytes, err := bench.PeakBytes(p.PID)
	if err != nil {
		return bench.Sample{}, err
	}
	if err := p.Kill(); err != nil { // another one follows
		return bench.Sample{}, err
	}
	return bench.Sample{Ops: 1, Bytes: bytes}, removeAll(p.dirs)
}
