package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/scrubber"
)

// scrubPool shows a pool to the scrubber in the scrubber's own words. It decides nothing.
type scrubPool struct {
	pool     *blockstore.Pool
	suspects *suspects
	named    *atomic.Int64 // segments of this run whose findings name objects
}

// namedMost is for how many segments of a run the findings name the objects, which is a pass over the catalog for each.
const namedMost = 16

func newScrubber(pool *blockstore.Pool, suspects *suspects, logger *slog.Logger) *scrubber.Scrubber {
	named := new(atomic.Int64)
	return scrubber.New(scrubPool{pool, suspects, named}, scrubber.Options{
		Logger: logger,
		Started: func(scrubber.Status) {
			named.Store(0)
			pool.Note(blockstore.Event{Kind: "scrub_started", Stage: blockstore.StageRunning, Severity: blockstore.SeverityInfo, Text: "a scrub has begun"})
		},
		Ended: func(s scrubber.Status) { pool.Note(scrubEnded(s)) },
	})
}

// scrubEnded is the event of a run's end.
func scrubEnded(s scrubber.Status) blockstore.Event {
	e := blockstore.Event{
		Kind: "scrub_ended", Stage: blockstore.StageRunning, Severity: blockstore.SeverityInfo,
		Text: "a scrub has ended", Done: fmt.Sprintf("%s read, %s mended", size(s.BytesRead), count(s.Mended, "block")),
	}
	switch {
	case s.Outcome == scrubber.Stopped:
		e.Text = "a scrub was stopped"
	case s.Outcome == scrubber.Remains:
		e.Stage, e.Severity = blockstore.StageReduced, blockstore.SeverityError
		e.Text = fmt.Sprintf("a scrub has ended, and %s remain that could not be mended", count(s.Remaining, "finding"))
		for _, f := range s.Findings {
			if !f.Mended {
				e.Objects = append(e.Objects, f.Objects...)
			}
		}
	case s.Mended > 0:
		e.Stage = blockstore.StageRecovered
	}
	return e
}

func (p scrubPool) SealOpen(ctx context.Context) error { return p.pool.SealOpen(ctx) }

func (p scrubPool) Segments(context.Context) ([]uint64, error) {
	ids := p.pool.Segments()
	list := make([]uint64, len(ids))
	for i, id := range ids {
		list[i] = uint64(id)
	}
	return list, nil
}

func (p scrubPool) Examine(ctx context.Context, segment uint64, pace scrubber.Pace) (scrubber.Result, error) {
	id := drive.SegmentID(segment)
	report, err := p.pool.Mend(ctx, id, blockstore.MendOptions{Pace: pace, Records: true, Names: p.named.Load() < namedMost})
	if len(report.Findings) > 0 {
		p.named.Add(1)
	}
	switch {
	case errors.Is(err, blockstore.ErrSegmentBusy):
		err = fmt.Errorf("%w: %w", scrubber.ErrBusy, err)
	case err != nil && !slices.Contains(p.pool.Segments(), id):
		err = fmt.Errorf("%w: %w", scrubber.ErrGone, err)
	}
	// What cannot be read was settled with the segment: it is a finding that names the objects, or nobody's.
	return scrubber.Result{
		Bytes: report.ReadBytes, Mended: report.MendedBlocks, Unread: report.Unread, Findings: toFindings(report.Findings),
	}, err
}

// CrossCheck holds what the catalog says against the segments and its replicas against each other.
func (p scrubPool) CrossCheck(ctx context.Context, doubtful map[uint64][]scrubber.StripeRange, pace scrubber.Pace) (scrubber.Result, error) {
	ranges := make(map[drive.SegmentID][]blockstore.StripeRange, len(doubtful))
	for id, list := range doubtful {
		for _, r := range list {
			ranges[drive.SegmentID(id)] = append(ranges[drive.SegmentID(id)], blockstore.StripeRange(r))
		}
	}
	report, err := p.pool.CrossCheck(ctx, ranges, pace)
	return scrubber.Result{Findings: toFindings(report.Findings)}, err
}

func (p scrubPool) Load(ctx context.Context, name string) ([]byte, error) {
	return p.pool.Setting(ctx, name)
}

func (p scrubPool) Store(ctx context.Context, name string, value []byte) error {
	return p.pool.SetSetting(ctx, name, value)
}

func (p scrubPool) Suspects() <-chan uint64 { return p.suspects.out }

func toFindings(found []blockstore.Finding) []scrubber.Finding {
	list := make([]scrubber.Finding, len(found))
	for i, f := range found {
		list[i] = scrubber.Finding{Kind: f.Kind, Segment: uint64(f.Segment), Text: placedText(f), Objects: f.Objects, Mended: f.Mended}
	}
	return list
}

// placedText says in words where something was found, too: those who pass it on know nothing of stripes and drives.
func placedText(f blockstore.Finding) string {
	if f.Segment == 0 {
		return f.Text
	}
	where := fmt.Sprintf("segment %v", f.Segment)
	if f.Kind != blockstore.FindingFirstPage {
		where += fmt.Sprintf(", stripe %d", f.Stripe)
	}
	if f.Column >= 0 {
		where += fmt.Sprintf(", column %d", f.Column)
	}
	if f.Drive != uuid.Nil {
		where += fmt.Sprintf(", drive %v", f.Drive)
	}
	return where + ": " + f.Text
}
