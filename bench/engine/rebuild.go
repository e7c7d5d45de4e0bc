package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-storage/holdfast/bench"
	"github.com/holdfast-storage/holdfast/blockstore"
)

// rebuildWorkers is how many segments are mended at a time, as by the daemon.
const rebuildWorkers = 2

// Rebuild loses the files of one drive after the other and has them made again,
// as the daemon does of a drive that was replaced. A run is one drive; only
// the mending is timed. Bytes are those of the drive's columns.
func (s *Stored) Rebuild() bench.Side {
	return bench.Side{Name: "rebuild", Run: func(ctx context.Context, _ time.Duration) (r bench.Sample, err error) {
		if r.Bytes, err = s.lose(ctx); err != nil {
			return r, err
		}
		segments := s.pool.Segments()
		began, cpu := time.Now(), bench.OwnCPU()
		group, inner := errgroup.WithContext(ctx)
		group.SetLimit(rebuildWorkers)
		for _, id := range segments {
			group.Go(func() error {
				if _, err := looked(inner, func() (blockstore.MendReport, error) { return s.pool.Mend(inner, id, blockstore.MendOptions{}) }); err != nil {
					return fmt.Errorf("segment %v: %w", id, err)
				}
				return nil
			})
		}
		err = group.Wait()
		r.Elapsed, r.CPU, r.Ops = time.Since(began), bench.OwnCPU()-cpu, int64(len(segments))
		return r, err
	}}
}

// lose removes the files of the next drive and says how many bytes they held.
// The pool has closed meanwhile, so that it does not go on with files that it has open.
func (s *Stored) lose(ctx context.Context) (bytes int64, err error) {
	dir := s.content.Dirs[s.lost%len(s.content.Dirs)]
	s.lost++
	if err := s.pool.Close(context.WithoutCancel(ctx)); err != nil {
		return 0, err
	}
	if err := s.open(ctx, false); err != nil {
		s.pool = nil
		return 0, err
	}
	if err := s.pool.SealOpen(ctx); err != nil {
		return 0, err
	}
	if bytes, err = s.columnBytes(dir); err != nil {
		return 0, err
	}
	if err := s.walkOnce(ctx); err != nil {
		return 0, err
	}
	for _, name := range s.sealed() {
		if err := os.Remove(segmentFile(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return 0, err
		}
	}
	return bytes, s.forget()
}

// walkOnce reads as many segments as are mended at a time, so that the pool has the memory that it mends with: it keeps
// that from one walk to the next, and the limits have theirs as well when they begin.
func (s *Stored) walkOnce(ctx context.Context) error {
	segments := s.pool.Segments()
	var group errgroup.Group
	for _, id := range segments[:min(rebuildWorkers, len(segments))] {
		group.Go(func() error {
			_, err := looked(ctx, func() (blockstore.MendReport, error) {
				return s.pool.Mend(ctx, id, blockstore.MendOptions{ReadOnly: true})
			})
			return err
		})
	}
	return group.Wait()
}
