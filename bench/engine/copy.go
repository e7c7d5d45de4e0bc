package engine

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/holdfast-storage/holdfast/bench"
)

// copyChunk is what the bare copy reads and writes at a time.
const copyChunk = 1 << 20

// Copy asks of the drives what [Stored.Rebuild] asks of them, and does nothing
// else: it reads all files of a segment but one drive's past the page cache,
// side by side, writes as many bytes as one of them has, syncs them, and reads
// them back. A run is one drive. It is a copy as it is commonly made, through the page cache.
func (s *Stored) Copy() bench.Side {
	return s.ofDrive("bare copy", func(ctx context.Context, drive string, _ int, name string) (func() error, error) {
		return nil, copySegment(ctx, s.sources(drive, name, len(s.content.Dirs)), filepath.Join(beside(drive), name))
	})
}

// sources are files of a segment that are not on that drive, so many at most. Not every segment is as wide as the pool.
func (s *Stored) sources(drive, name string, most int) (paths []string) {
	for _, dir := range s.content.Dirs {
		path := segmentFile(dir, name)
		if _, err := os.Stat(path); err == nil && dir != drive && len(paths) < most {
			paths = append(paths, path)
		}
	}
	return paths
}

// copySegment reads the sources side by side and writes the first of them.
func copySegment(ctx context.Context, sources []string, to string) error {
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer out.Close()
	if err := parallel(sources, func(i int, path string) error {
		if i == 0 {
			return readThrough(ctx, path, out)
		}
		return readThrough(ctx, path, io.Discard)
	}); err != nil {
		return err
	}
	if err := syncData(out); err != nil {
		return err
	}
	if err := forget(out); err != nil {
		return err
	}
	return readThrough(ctx, to, io.Discard)
}

// readThrough reads a file from the drive and writes what it holds. A segment
// need not have a file on every drive.
func readThrough(ctx context.Context, path string, to io.Writer) error {
	in, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer in.Close()
	if err := forget(in); err != nil {
		return err
	}
	buf := make([]byte, copyChunk)
	for ctx.Err() == nil {
		n, err := io.ReadFull(in, buf)
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return forget(in)
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}
