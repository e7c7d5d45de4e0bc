package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/holdfast-storage/holdfast/blockstore"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/rebuild"
)

// rebuildPool shows a pool to the rebuilder in the rebuilder's own words. It decides nothing.
type rebuildPool struct {
	pool     *blockstore.Pool
	suspects *suspects
}

func newRebuilder(pool *blockstore.Pool, suspects *suspects, cfg serveConfig, logger *slog.Logger) *rebuild.Rebuilder {
	return rebuild.New(rebuildPool{pool, suspects}, rebuild.Options{
		BytesPerSecond: cfg.rebuildRate, Logger: logger,
		Done: func(s rebuild.Status) {
			pool.Note(blockstore.Event{
				Kind: "rebuild_done", Stage: blockstore.StageRecovered, Severity: blockstore.SeverityInfo,
				Text: "nothing is left to mend or move",
				Done: fmt.Sprintf("%s, %s written and verified", count(s.SegmentsDone, "segment"), size(s.BytesDone)),
			})
		},
	})
}

func (p rebuildPool) Prepare(ctx context.Context) error { return p.pool.UseSpares(ctx) }
func (p rebuildPool) Settle(ctx context.Context) error  { return p.pool.SettleDrives(ctx) }
func (p rebuildPool) Changed() <-chan struct{}          { return p.pool.WorkChanged() }

func (p rebuildPool) Work(ctx context.Context) ([]rebuild.Work, error) {
	due, err := p.pool.Work(ctx)
	if err == nil {
		p.suspects.blocked(due)
	}
	list := make([]rebuild.Work, len(due))
	for i, w := range due {
		list[i] = rebuild.Work{Segment: uint64(w.Segment), Remaining: w.Remaining, Files: w.Files, Bytes: w.Bytes, Blocked: w.Blocked}
	}
	return list, err
}

func (p rebuildPool) Mend(ctx context.Context, segment uint64, o rebuild.MendOptions) (written int64, err error) {
	report, err := p.pool.Mend(ctx, drive.SegmentID(segment), blockstore.MendOptions{Move: true, Pace: o.Pace, Progress: o.Progress})
	return report.WrittenBytes, err
}
