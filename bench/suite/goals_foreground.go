package suite

import (
	"context"
	"fmt"
	"time"

	"github.com/holdfast-storage/holdfast/bench"
	"github.com/holdfast-storage/holdfast/bench/s3"
)

// foreground is what clients notice of background work, and how much of it is done meanwhile. One daemon takes turns:
// idle, filling a drive that has just been replaced, scrubbing. Before a turn
// ends the next one waits until the rebuild is done, or the scrub stopped.
func foreground() family {
	const idle, rebuild, scrub = "idle", "foreground p99 during rebuild", "foreground p99 during scrub"
	slower := func(path string, bound float64) row {
		return row{path: path, figure: "p99", of: idle, unit: bench.Seconds,
			got: pick{side: path, figure: bench.P99}, limit: []pick{{side: idle, figure: bench.P99}}, bound: bound, atMost: true,
			about: "70/30 mix of 4 KiB, 8 clients; no cap on the work; of each round its own p99"}
	}
	meanwhile := func(path, about string) row {
		return row{path: path, figure: "rate of the work meanwhile", unit: bench.BytesPerSecond, beside: true,
			got: pick{side: path, figure: bench.BackgroundRate}, about: about}
	}
	return family{
		name: "foreground", seconds: 31, room: 4 * gib,
		rows: []row{
			slower(rebuild, 2), meanwhile(rebuild, "columns written anew"),
			slower(scrub, 1.2), meanwhile(scrub, "columns read and verified"),
		},
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
			turns := s.turns(spanOps)
			turns.Mirrored = true // else idle had the scrub before it each time, and what that leaves to be done
			series, err := s.contestIn(ctx, turns, these(idle, side), these(rebuild, beWorking(p.duringRebuild(side))), these(scrub, beWorking(p.duringScrub(side))))
			if err != nil {
				return nil, err
			}
			for _, name := range []string{rebuild, scrub} {
				if err := atWork(series[name]); err != nil {
					return nil, named(name, err)
				}
			}
			return series, nil
		},
	}
}

// restTries is how often a run is taken beside which background work rested all the time.
const restTries = 5

// beWorking takes a run again beside which nothing was done: work rests for up to a second at a time, as long as a run.
func beWorking(side bench.Side) bench.Side {
	run := side.Run
	side.Run = func(ctx context.Context, span time.Duration) (sample bench.Sample, err error) {
		for range restTries {
			if sample, err = run(ctx, span); err != nil || sample.Background > 0 {
				break
			}
		}
		return sample, err
	}
	return side
}

// atWork wants that background work was done in each round: of work that stands still clients notice nothing.
func atWork(series bench.Series) error {
	for i, sample := range series.Samples {
		if sample.Background == 0 {
			return fmt.Errorf("nothing of it was done in %v, in round %d: what clients noticed says nothing; a longer --span shows whether it stands still",
				sample.Elapsed.Round(time.Millisecond), i+1)
		}
	}
	return nil
}

// ballast stores large objects for background work to go through.
func (p *pool) ballast(ctx context.Context, bytes int64) error {
	_, err := p.stage.side(ctx, target(p.Server), s3.Load{Operation: bench.Get, Size: 16 * mib, Clients: 4, Stored: bytes})
	return err
}
