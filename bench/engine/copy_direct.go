package engine

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-storage/holdfast/bench"
)

// directRun is what the direct copy writes at a time: no less than a rebuild's largest write.
const directRun = 4 << 20

// CopyDirect is [Stored.Copy] past the page cache, from and into huge pages, with what is written beside what is read, and
// what was written read back while the next segment is read: nothing waits for anything that it could do without. That is
// as fast as the drives take a rebuild's reads and writes, if they are read in the way that suits them.
func (s *Stored) CopyDirect(way Reading) bench.Side {
	var read, back [rebuildWorkers][][][]byte
	blocks := bench.DirectBuffers(rebuildWorkers, directRun)
	for i := range rebuildWorkers {
		read[i], back[i] = way.buffers(len(s.content.Dirs)-1), way.buffers(1)
		copy(blocks[i], newBody().random)
	}
	return s.ofDrive("bare copy, "+way.String(), func(ctx context.Context, drive string, worker int, name string) (after func() error, err error) {
		info, err := os.Stat(segmentFile(drive, name))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		to := filepath.Join(beside(drive), name)
		group, inner := errgroup.WithContext(ctx)
		group.Go(func() error { return writeColumn(inner, to, blocks[worker], Allocated(info), true) })
		for i, path := range s.sources(drive, name, len(s.content.Dirs)) {
			group.Go(func() error { return readDirect(inner, path, read[worker][i]) })
		}
		return func() error { return readDirect(ctx, to, back[worker][0]) }, group.Wait()
	})
}
