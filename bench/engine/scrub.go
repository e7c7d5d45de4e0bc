package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/holdfast-storage/holdfast/bench"
	"github.com/holdfast-storage/holdfast/blockstore"
)

// Scrub is a scrub without a cap, as the daemon runs it: every sealed segment
// is read, verified and held against the catalog, one after the other, and at
// the end the catalog against the segments. A run is one scrub of everything,
// however long it takes. Bytes are those of the segments'
// files without their holes.
func (s *Stored) Scrub() bench.Side {
	return bench.Side{Name: "scrub", Run: func(ctx context.Context, _ time.Duration) (r bench.Sample, err error) {
		if r.Bytes, err = s.allBytes(); err != nil {
			return r, err
		}
		began, cpu := time.Now(), bench.OwnCPU()
		for _, id := range s.pool.Segments() {
			report, err := looked(ctx, func() (blockstore.MendReport, error) {
				return s.pool.Mend(ctx, id, blockstore.MendOptions{Records: true, Names: true})
			})
			if err == nil && len(report.Findings) > 0 {
				err = errors.New(report.Findings[0].Text)
			}
			if err != nil {
				return r, fmt.Errorf("segment %v: %w", id, err)
			}
			r.Ops++
		}
		if _, err := s.pool.CrossCheck(ctx, nil, nil); err != nil {
			return r, err
		}
		r.Elapsed, r.CPU = time.Since(began), bench.OwnCPU()-cpu
		return r, nil
	}}
}

// Read reads the files that a scrub reads, past the page cache, and does
// nothing with what they hold: all drives at the same time, on each one file
// after the other. A run reads everything once; bytes are those of the scrub.
func (s *Stored) Read(way Reading) bench.Side {
	buffers := way.buffers(len(s.content.Dirs))
	return bench.Side{Name: "direct read, " + way.String(), Run: func(ctx context.Context, _ time.Duration) (r bench.Sample, err error) {
		if r.Bytes, err = s.allBytes(); err != nil {
			return r, err
		}
		names := s.sealed()
		began, cpu := time.Now(), bench.OwnCPU()
		err = parallel(s.content.Dirs, func(i int, dir string) error {
			for _, name := range names {
				err := readDirect(ctx, segmentFile(dir, name), buffers[i])
				if err != nil && !errors.Is(err, fs.ErrNotExist) { // not every segment is as wide as the pool
					return err
				}
			}
			return nil
		})
		r.Elapsed, r.CPU = time.Since(began), bench.OwnCPU()-cpu
		r.Ops = int64(len(names))
		return r, err
	}}
}

// allBytes is columnBytes of all drives.
func (s *Stored) allBytes() (all int64, err error) {
	for _, dir := range s.content.Dirs {
		n, err := s.columnBytes(dir)
		if err != nil {
			return 0, err
		}
		all += n
	}
	return all, nil
}

// columnBytes is what lies in the sealed segments' files of a drive; holes are no work.
func (s *Stored) columnBytes(dir string) (bytes int64, err error) {
	names := s.sealed()
	for _, path := range segmentFiles(dir) {
		info, err := os.Stat(path)
		if err != nil {
			return 0, err
		}
		if slices.Contains(names, info.Name()) {
			bytes += Allocated(info)
		}
	}
	return bytes, nil
}
