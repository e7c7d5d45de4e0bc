package engine

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-storage/holdfast/bench"
)

// work is one timed run of a load: its clients, each of which does one
// operation after the other until the span is over or there is no more to do.
type work struct {
	r       *Runner
	span    time.Duration
	most    int64        // operations; 0: no bound
	begun   atomic.Int64 // operations
	next    atomic.Int64 // of a DELETE: the next key
	written atomic.Int64

	mu     sync.Mutex
	sample bench.Sample
	all    []time.Duration // latencies of all clients
}

// client is one of them.
type client struct {
	*work
	rng  *rand.Rand
	sink counter
}

// operation does one operation and says how many bytes it was about; more is
// false when there was nothing left to do, and nothing was done.
type operation func(ctx context.Context, c *client) (bytes int64, more bool, err error)

func (w *work) run(ctx context.Context) (bench.Sample, error) {
	began, cpu := time.Now(), bench.OwnCPU()
	group, ctx := errgroup.WithContext(ctx)
	for i := range w.r.load.Clients {
		c := &client{work: w, rng: rand.New(rand.NewPCG(w.r.rounds, uint64(i)))}
		group.Go(func() error { return c.run(ctx, began) })
	}
	err := group.Wait()
	w.sample.Elapsed, w.sample.CPU = time.Since(began), bench.OwnCPU()-cpu
	w.sample.Latencies(w.all)
	return w.sample, err
}

func (c *client) run(ctx context.Context, began time.Time) error {
	do := c.r.operation()
	var (
		took  []time.Duration
		bytes int64
		last  = time.Since(began)
	)
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.sample.Ops += int64(len(took))
		c.sample.Bytes += bytes
		c.all = append(c.all, took...)
	}()
	for last < c.span && ctx.Err() == nil && (c.most == 0 || c.begun.Add(1) <= c.most) {
		n, more, err := do(ctx, c)
		if err != nil {
			return err
		}
		if !more {
			return nil
		}
		now := time.Since(began)
		took, bytes, last = append(took, now-last), bytes+n, now
	}
	return ctx.Err()
}
