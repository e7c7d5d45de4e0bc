package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/holdfast-storage/holdfast/bench/suite"
	"github.com/holdfast-storage/holdfast/blockstore"
	"github.com/holdfast-storage/holdfast/rebuild"
	"github.com/holdfast-storage/holdfast/scrubber"
)

// benchMending is what the daemon has beside its pool, beside one of the suite's. It implements [suite.Mending].
type benchMending struct{ *mending }

// startBenchMending implements [suite.StartMending]. What hinders the work is in its status: there is no log.
func startBenchMending(ctx context.Context, pool *blockstore.Pool) suite.Mending {
	return benchMending{startMending(ctx, poolStore{pool}, serveConfig{}, slog.New(slog.DiscardHandler))}
}

func (m benchMending) StartScrub(ctx context.Context) error {
	if err := m.scrubber.Start(ctx, 0); err != nil && !errors.Is(err, scrubber.ErrRunning) {
		return err
	}
	return nil
}

func (m benchMending) Scrubbed() suite.WorkState {
	s := m.scrubber.Status()
	return suite.WorkState{Running: s.State == scrubber.Running, Over: !s.Running, Bytes: s.BytesRead, Reason: s.Reason}
}

func (m benchMending) Rebuilt() suite.WorkState {
	s := m.rebuilder.Status()
	return suite.WorkState{
		Running: s.State == rebuild.Running, Over: s.State == rebuild.Idle && s.SegmentsLeft == 0, Bytes: s.BytesDone, Reason: s.Reason,
	}
}

func (m benchMending) Stop() { m.stop() }
