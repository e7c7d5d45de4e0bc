package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/holdfast-storage/holdfast/blockstore"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// openPool opens the pool that serve was asked for, and says what to do where it cannot.
func openPool(ctx context.Context, cfg serveConfig, logger *slog.Logger) (poolStore, error) {
	pool, err := blockstore.Open(ctx, blockstore.Options{
		Dirs: cfg.dirs, Init: cfg.init, Parity: cfg.parity, SegmentBytes: cfg.segmentBytes, MemoryBytes: cfg.memoryBytes,
		RebuildAfter: cfg.rebuildAfter, Logger: logger,
	})
	switch {
	case err == nil:
		return poolStore{pool}, nil
	case errors.Is(err, blockstore.ErrOptions):
		return poolStore{}, &usageError{err: err}
	case errors.Is(err, blockstore.ErrNoPool):
		return poolStore{}, &hintError{err, "`holdfast serve --init` makes a pool of empty or absent directories; if there was one, look whether the disks are mounted"}
	case errors.Is(err, drive.ErrLocked):
		return poolStore{}, &hintError{err, "another holdfast serves these drives: use that one, or stop it first"}
	default:
		return poolStore{}, err
	}
}

// close stops the pool: what was acknowledged is safe before, this makes the next start quick.
func (s poolStore) close(ctx context.Context) error { return s.pool.Close(ctx) }

// Ready says whether objects can be read: that a catalog answers. A pool that has lost drives, or takes no writes, is
// ready: it answers for what it can serve.
func (s poolStore) Ready(ctx context.Context) error {
	_, err := s.pool.Buckets(ctx)
	return err
}
