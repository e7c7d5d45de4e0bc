package suite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-storage/holdfast/bench"
	"github.com/holdfast-storage/holdfast/bench/engine"
	"github.com/holdfast-storage/holdfast/bench/s3"
	"github.com/holdfast-storage/holdfast/blockstore"
)

const (
	millionObjects = 1_000_000
	millionBytes   = 100 // of each body
	millionPrefix  = "million"
)

// million is a pool of many small objects: how it is listed, and how it comes back.
func million() family {
	const list, head, start = "LIST 1,000 of 10⁶ keys", "1,000 HEADs", "start after a crash, 10⁶ objects"
	// A page of a LIST is to be compared with as many HEADs as it has keys.
	thousands := func(s bench.Sample) float64 { return bench.OpsRate(s) / bench.ListKeys }
	return family{
		name: "10⁶ objects", seconds: 50, room: 4 * gib,
		rows: []row{
			{
				path: list, figure: "rate", of: head, unit: bench.OpsPerSecond,
				got: pick{side: list, figure: bench.OpsRate}, limit: []pick{{side: head, figure: thousands}}, bound: 5, about: "32 clients each",
			},
			{
				path: start, figure: "time until ready", unit: bench.Seconds,
				got: pick{side: start, figure: elapsed}, bound: 3, atMost: true, about: "SIGKILL under load of 8 clients that write",
			},
		},
		measure: func(ctx context.Context, s *stage) (map[string]bench.Series, error) {
			p, err := s.millions(ctx)
			if err != nil {
				return nil, err
			}
			load := func(operation bench.Operation) s3.Load {
				return s3.Load{Operation: operation, Size: millionBytes, Clients: 32, Keys: millionObjects, Prefix: millionPrefix, There: true}
			}
			series, err := s.contest(ctx, spanOps, p.at(list, load(bench.List)), p.at(head, load(bench.Head)))
			if err != nil || !s.family.wants(start) {
				return series, err
			}
			series[start], err = p.crashes(ctx, start)
			return series, err
		},
	}
}

// millions is a pool with that many objects, stored without a daemon, which then serves it.
func (s *stage) millions(ctx context.Context) (*pool, error) {
	p := &pool{stage: s, dirs: s.newDirs()}
	store, err := blockstore.Open(ctx, s.newPool(p.dirs))
	if err != nil {
		return nil, err
	}
	err = engine.Fill(ctx, store, engine.Filling{
		Bucket: "bench", Size: millionBytes, To: millionObjects,
		Key:  func(n int64) string { return fmt.Sprintf("%s/%d/%09d", millionPrefix, millionBytes, n) },
		Told: func(done int64) { s.tell(fmt.Sprintf("storing %d of %d objects", done, millionObjects)) },
	})
	if err = errors.Join(err, store.Close(context.WithoutCancel(ctx))); err != nil {
		return nil, err
	}
	return p, p.start(ctx)
}

// crashes kills the daemon while it writes, again and again, and says how long it takes to be back.
func (p *pool) crashes(ctx context.Context, name string) (bench.Series, error) {
	s := p.stage
	series := bench.Series{Name: name}
	rounds := s.turns(0).Rounds
	for round := range rounds {
		s.tellOf(name, round, rounds)
		loader, err := s3.NewLoad(target(p.Server), s3.Load{Operation: bench.Put, Size: 4 * kib, Clients: 8, Prefix: "crash"})
		if err != nil {
			return series, err
		}
		if err := loader.Prepare(ctx); err != nil {
			return series, err
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_, _ = loader.Side().Run(ctx, 10*time.Second) // it fails when the daemon is gone
		}()
		err = errors.Join(pause(ctx, 300*time.Millisecond), p.Kill())
		<-ended
		loader.Close()
		if err != nil {
			return series, err
		}
		if err := p.start(ctx); err != nil {
			return series, err
		}
		series.Samples = append(series.Samples, bench.Sample{Ops: 1, Elapsed: p.Ready})
	}
	return series, nil
}
