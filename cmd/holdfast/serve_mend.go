package main

import (
	"context"
	"log/slog"
	"sync"

	"github.com/holdfast-storage/holdfast/rebuild"
	"github.com/holdfast-storage/holdfast/scrubber"
)

// mending is what works beside the pool. It is begun when the pool is open, and ends before the pool is closed.
type mending struct {
	rebuilder *rebuild.Rebuilder
	scrubber  *scrubber.Scrubber
	end       context.CancelFunc
	running   sync.WaitGroup
}

func startMending(ctx context.Context, store poolStore, cfg serveConfig, logger *slog.Logger) *mending {
	ctx, cancel := context.WithCancel(ctx)
	suspects := newSuspects(store.pool)
	m := &mending{
		rebuilder: newRebuilder(store.pool, suspects, cfg, logger.With("part", "rebuild")),
		scrubber:  newScrubber(store.pool, suspects, logger.With("part", "scrub")),
		end:       cancel,
	}
	m.running.Go(func() { m.rebuilder.Run(ctx) })
	m.running.Go(func() { m.scrubber.Run(ctx) })
	m.running.Go(func() { suspects.watch(ctx) })
	return m
}

// stop ends the work where it is, and waits until it has; the next start goes on from there.
func (m *mending) stop() {
	m.end()
	m.running.Wait()
}
