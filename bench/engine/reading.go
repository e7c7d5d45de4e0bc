package engine

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/holdfast-storage/holdfast/bench"
)

// Reading is a way to read a file past the page cache: how many reads it has under way, of so many bytes each.
type Reading struct {
	Depth int
	Bytes int
}

// Readings are the ways that are worth trying where a limit is how fast drives are read. Which is the best differs from
// disk to disk: one that serves one request after the other is not helped by a queue, others want one.
func Readings() []Reading {
	return []Reading{{Depth: 1, Bytes: 512 << 10}, {Depth: 1, Bytes: 1 << 20}, {Depth: 1, Bytes: 2 << 20}, {Depth: 4, Bytes: 1 << 20}}
}

func (r Reading) String() string { return fmt.Sprintf("%d × %d KiB", r.Depth, r.Bytes>>10) }

// buffers is memory to read so many files at a time with.
func (r Reading) buffers(files int) [][][]byte {
	all := bench.DirectBuffers(files*r.Depth, r.Bytes)
	buffers := make([][][]byte, files)
	for i := range buffers {
		buffers[i] = all[i*r.Depth:][:r.Depth]
	}
	return buffers
}

// readDirect reads a file to its end, past the page cache, with as many reads under way as there are buffers.
func readDirect(ctx context.Context, path string, buffers [][]byte) error {
	f, err := openDirect(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return parallel(buffers, func(i int, buf []byte) error {
		for at := int64(i * len(buf)); ; at += int64(len(buffers) * len(buf)) {
			_, err := f.ReadAt(buf, at)
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err = errors.Join(err, ctx.Err()); err != nil {
				return err
			}
		}
	})
}
