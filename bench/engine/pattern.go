package engine

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-storage/holdfast/bench"
)

// ReadColumns reads what making one drive's columns again cannot do without: of
// every segment as many files as there are data columns, side by side, past the
// page cache. Bytes are those of the drive's columns, so that a rebuild can be
// held against it. A run is one drive.
func (s *Stored) ReadColumns(way Reading) bench.Side {
	var buffers [rebuildWorkers][][][]byte
	for i := range buffers {
		buffers[i] = way.buffers(s.data)
	}
	return s.ofDrive("reading the columns, "+way.String(), func(ctx context.Context, drive string, worker int, name string) (func() error, error) {
		sources := s.sources(drive, name, s.data)
		return nil, parallel(sources, func(i int, path string) error {
			return readDirect(ctx, path, buffers[worker][i])
		})
	})
}

// WriteColumns writes as many bytes as the files of one drive have to new files,
// and syncs each; direct: past the page cache. A run is one drive.
func (s *Stored) WriteColumns(direct bool) bench.Side {
	blocks := bench.DirectBuffers(rebuildWorkers, copyChunk)
	for i := range blocks {
		copy(blocks[i], newBody().random)
	}
	name := "writing the columns, buffered"
	if direct {
		name = "writing the columns, direct"
	}
	return s.ofDrive(name, func(ctx context.Context, drive string, worker int, name string) (func() error, error) {
		info, err := os.Stat(segmentFile(drive, name))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		return nil, writeColumn(ctx, filepath.Join(beside(drive), name), blocks[worker], Allocated(info), direct)
	})
}

// ofDrive is a side that does the same with each sealed segment of the drive that a rebuild would lose next, as many at
// a time as a rebuild mends. There is a folder beside the drive meanwhile. What do returns may be done beside the next segment.
func (s *Stored) ofDrive(name string, do func(ctx context.Context, drive string, worker int, name string) (after func() error, err error)) bench.Side {
	return bench.Side{Name: name, Run: func(ctx context.Context, _ time.Duration) (r bench.Sample, err error) {
		drive := s.content.Dirs[s.lost%len(s.content.Dirs)]
		if r.Bytes, err = s.columnBytes(drive); err != nil {
			return r, err
		}
		if err := os.MkdirAll(beside(drive), 0o700); err != nil {
			return r, err
		}
		if err := s.forget(); err != nil {
			return r, err
		}
		names := s.sealed()
		var next atomic.Int64
		began, cpu := time.Now(), bench.OwnCPU()
		group, inner := errgroup.WithContext(ctx)
		for worker := range rebuildWorkers {
			group.Go(func() error {
				var tail errgroup.Group
				for n := next.Add(1) - 1; n < int64(len(names)); n = next.Add(1) - 1 {
					after, err := do(inner, drive, worker, names[n])
					if err = errors.Join(err, tail.Wait()); err != nil {
						return err
					}
					if after != nil {
						tail.Go(after)
					}
				}
				return tail.Wait()
			})
		}
		err = group.Wait()
		r.Elapsed, r.CPU, r.Ops = time.Since(began), bench.OwnCPU()-cpu, int64(len(names))
		return r, errors.Join(err, os.RemoveAll(beside(drive)))
	}}
}

// writeColumn writes a new file of so many bytes, whole blocks but for the last, and syncs it.
func writeColumn(ctx context.Context, path string, block []byte, bytes int64, direct bool) error {
	create := createBuffered
	if direct {
		create = createDirect
	}
	f, err := create(path)
	if err != nil {
		return err
	}
	for at := int64(0); at < bytes && err == nil; at += int64(len(block)) {
		n := min(int64(len(block)), (bytes-at+bench.PageBytes-1)/bench.PageBytes*bench.PageBytes)
		_, err = f.WriteAt(block[:n], at)
		err = errors.Join(err, ctx.Err())
	}
	if err == nil {
		err = syncData(f)
	}
	return errors.Join(err, f.Close())
}

func createBuffered(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

// CanDirect says whether the drives can be written past the page cache.
func (s *Stored) CanDirect() bool {
	path := filepath.Join(filepath.Dir(beside(s.content.Dirs[0])), "probe")
	f, err := createDirect(path)
	if err == nil {
		err = f.Close()
	}
	_ = os.Remove(path) // it may not even be there
	return err == nil
}
