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

// copyDirect is the copy past the page cache: what is written is written beside what is read, and read back beside what
// is read of the next segment.
func (s *Stored) copyDirect() bench.Side {
	var read, back [rebuildWorkers][][directDepth][]byte
	var blocks [rebuildWorkers][]byte
	for i := range rebuildWorkers {
		read[i], back[i] = directBuffers(len(s.content.Dirs)-1), directBuffers(1)
		blocks[i] = bench.DirectBuffer(directRun)
		copy(blocks[i], newBody().random)
	}
	return s.ofDrive("bare copy", func(ctx context.Context, drive string, worker int, name string) (after func() error, err error) {
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
			group.Go(func() error {
				_, err := readDirect(inner, path, read[worker][i])
				return err
			})
		}
		return func() error {
			_, err := readDirect(ctx, to, back[worker][0])
			return err
		}, group.Wait()
	})
}
