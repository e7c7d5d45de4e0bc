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
		return row{path: path, figure: "resident at most", unit: bench.Bytes, got: pick{side: path, figure: bytesOf}, bound: 256 * mib, atMost: true}
	}
	return family{
		name: "memory", seconds: 22, room: 6 * gib,
		rows: []row{peak(put), peak(get)},
		measure: func(ctx context.Context, s *stage) (map[string]bench.Series, error) {
			loads := map[string]s3.Load{
				put: {Operation: bench.Put, Size: 64 * mib, Clients: 32, Stored: 2 * gib, Written: 2 * gib},
				get: {Operation: bench.Get, Size: 64 * mib, Clients: 32, Stored: 512 * mib},
			}
			result := map[string]bench.Series{}
			for name, load := range loads {
				if !s.family.wants(name) {
					continue
				}
				sample, err := s.peak(ctx, name, load)
				if err != nil {
					return nil, named(name, err)
				}
				result[name] = bench.Series{Name: name, Samples: []bench.Sample{sample}}
			}
			return result, nil
		},
	}
}

// peak puts a load on a daemon of its own.
func (s *stage) peak(ctx context.Context, name string, load s3.Load) (bench.Sample, error) {
	p, err := s.pool(ctx)
	if err != nil {
		return bench.Sample{}, err
	}
	side, err := p.at(name, load).make(ctx)
	if err != nil {
		return bench.Sample{}, err
	}
	s.tell(name)
	span := 3 * time.Second
	if load.Written > 0 {
		span = time.Minute // it ends when all is written
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
