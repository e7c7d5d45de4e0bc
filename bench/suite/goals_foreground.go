package suite

import (
	"context"

	"github.com/holdfast-storage/holdfast/bench"
	"github.com/holdfast-storage/holdfast/bench/s3"
)

// foreground is what clients notice of background work. One daemon takes turns:
// idle, filling a drive that has just been replaced, scrubbing. Before a turn
// ends the next one waits until the rebuild is done, or the scrub stopped.
func foreground() family {
	const idle, rebuild, scrub = "idle", "foreground p99 during rebuild", "foreground p99 during scrub"
	slower := func(path string, bound float64) row {
		return row{path: path, figure: "p99", of: idle, unit: bench.Seconds,
			got: pick{side: path, figure: bench.P99}, limit: []pick{{side: idle, figure: bench.P99}}, bound: bound, atMost: true,
			about: "70/30 mix of 4 KiB, 8 clients; no cap on the work"}
	}
	return family{
		name: "foreground", seconds: 45, room: 4 * gib,
		rows: []row{slower(rebuild, 2), slower(scrub, 1.2)},
		measure: func(ctx context.Context, s *stage) (map[string]bench.Series, error) {
			p, err := s.pool(ctx)
			if err != nil {
				return nil, err
			}
			if err := p.ballast(ctx, 768*mib); err != nil {
				return nil, err
			}
			mix := p.at(idle, s3.Load{Operation: bench.Mix, Size: 4 * kib, Clients: 8})
			side, err := mix.make(ctx)
			if err != nil {
				return nil, err
			}
			return s.contest(ctx, spanOps, these(idle, side), these(rebuild, p.duringRebuild(side)), these(scrub, p.duringScrub(side)))
		},
	}
}

// ballast stores large objects for background work to go through.
func (p *pool) ballast(ctx context.Context, bytes int64) error {
	_, err := p.stage.side(ctx, target(p.Server), s3.Load{Operation: bench.Get, Size: 16 * mib, Clients: 4, Stored: bytes})
	return err
}
