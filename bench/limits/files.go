package limits

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-storage/holdfast/bench"
)

const (
	// BlockBytes is a full bulk block, as Holdfast writes it: 128 KiB of payload, and its header in a page of its own.
	BlockBytes = 132 << 10
	// ReadBytes is what one sequential read asks for.
	ReadBytes = 1 << 20
)

// Shape says which drives are measured, and by how much data at a time.
type Shape struct {
	Dirs         []string // the drives; each gets a file per measurement, in a folder that Close removes
	Data, Parity int      // columns: so many bytes are written per byte of a body
	Bytes        int64    // of bodies, written between two syncs, and read in one go
}

// Volume is how many bytes are moved per byte of a body.
type Volume int

// Volumes.
const (
	Redundant Volume = iota // (k+m)/k: with the parity
	Bodies                  // k/k: the bodies alone
)

// Files measures sequential writes and reads of the drives, and commits. Every
// drive has one file at a time, and all of them are worked on in parallel. One side runs at a time.
type Files struct {
	shape Shape
	homes []string // a folder on each drive
	read  []string // paths of what is read; nil until the first read
}

// NewFiles makes the folders. It says no if the drives lack room for what the sides will write.
func NewFiles(shape Shape) (*Files, error) {
	if len(shape.Dirs) == 0 || shape.Data < 1 || shape.Parity < 0 || shape.Bytes < 1 {
		panic(fmt.Sprintf("limits: not a shape: %+v", shape))
	}
	f := &Files{shape: shape}
	for _, dir := range shape.Dirs {
		if err := bench.Room(dir, f.room()); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		home, err := os.MkdirTemp(dir, "bench-limits-")
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		f.homes = append(f.homes, home)
	}
	return f, nil
}

// room is what all drives together need, since they may share a disk: what is
// written, what is read, what commits append and what they overwrite.
func (f *Files) room() int64 {
	drives := int64(len(f.shape.Dirs))
	return drives*(2*f.perDrive(Redundant)+commitSpanBytes+overwriteBytes) + 64<<20
}

// perDrive is how much of a volume lies on each drive, in whole blocks.
func (f *Files) perDrive(v Volume) int64 {
	all := f.shape.Bytes
	if v == Redundant {
		all = all * int64(f.shape.Data+f.shape.Parity) / int64(f.shape.Data)
	}
	n := int64(len(f.shape.Dirs)) * BlockBytes
	return (all + n - 1) / n * BlockBytes
}

// bodies is what perDrive of all drives comes to in bytes of bodies.
func (f *Files) bodies(v Volume) int64 {
	all := f.perDrive(v) * int64(len(f.homes))
	if v == Redundant {
		all = all * int64(f.shape.Data) / int64(f.shape.Data+f.shape.Parity)
	}
	return all
}

// CanDirect says whether the drives can be written and read past the page cache.
func (f *Files) CanDirect() bool {
	for _, path := range f.paths("probe") {
		file, err := open(path, os.O_RDWR|os.O_CREATE, true)
		if err == nil {
			err = file.Close()
		}
		_ = os.Remove(path) // it may not even be there
		if err != nil {
			return false
		}
	}
	return true
}

// Close removes everything.
func (f *Files) Close() error {
	var errs []error
	for _, home := range f.homes {
		errs = append(errs, os.RemoveAll(home))
	}
	f.homes, f.read = nil, nil
	return errors.Join(errs...)
}

// Write writes blocks of [BlockBytes], from huge pages where there are any, to a new file on each drive and syncs the
// data (fdatasync). Files are made anew each time, as Holdfast makes them, and removed
// again outside of what is timed.
func (f *Files) Write(v Volume, way Writing) bench.Side {
	blocks := bench.DirectBuffer(way.bytes())
	copy(blocks, random(way.bytes()))
	name := "write " + v.ratio(f.shape) + ", " + way.String()
	return f.rounds(name, f.bodies(v), func() (time.Duration, error) {
		paths := f.paths("write")
		began := time.Now()
		err := each(paths, func(path string) error { return writeFile(path, blocks, f.perDrive(v), way.direct()) })
		elapsed := time.Since(began)
		for _, path := range paths {
			err = errors.Join(err, os.Remove(path))
		}
		return elapsed, err
	})
}

// Read reads one file on each drive from its beginning, by [ReadBytes], from the
// drive: past the page cache, or through it after it was emptied of them. The
// files are the same ones each time.
func (f *Files) Read(v Volume, direct bool) bench.Side {
	buffers := bench.DirectBuffers(len(f.homes), ReadBytes)
	name := "read " + v.ratio(f.shape) + ", " + mode(direct)
	return f.rounds(name, f.bodies(v), func() (time.Duration, error) {
		if err := f.prepare(); err != nil {
			return 0, err
		}
		var elapsed time.Duration
		began := time.Now()
		var g errgroup.Group
		for i, path := range f.read {
			g.Go(func() error { return readFile(path, buffers[i], f.perDrive(v), direct) })
		}
		err := g.Wait()
		elapsed = time.Since(began)
		return elapsed, errors.Join(err, each(f.read, forget))
	})
}

// prepare writes what is read, once.
func (f *Files) prepare() error {
	if f.read != nil {
		return nil
	}
	block := bench.DirectBuffer(BlockBytes)
	copy(block, random(BlockBytes))
	paths := f.paths("read")
	if err := each(paths, func(path string) error { return writeFile(path, block, f.perDrive(Redundant), false) }); err != nil {
		return err
	}
	f.read = paths
	return each(paths, forget)
}

// rounds is a side that repeats a round, which is about so many bytes of bodies
// and says how long it took of what counts.
func (f *Files) rounds(name string, bytes int64, round func() (time.Duration, error)) bench.Side {
	return bench.Side{Name: name, Run: func(ctx context.Context, span time.Duration) (s bench.Sample, err error) {
		for s.Elapsed < span && ctx.Err() == nil {
			elapsed, err := round()
			if err != nil {
				return s, err
			}
			s.Ops++
			s.Bytes += bytes
			s.Elapsed += elapsed
		}
		return s, ctx.Err()
	}}
}

func (f *Files) paths(name string) []string {
	paths := make([]string, len(f.homes))
	for i, home := range f.homes {
		paths[i] = filepath.Join(home, name)
	}
	return paths
}

// each does the same with all paths in parallel.
func each(paths []string, do func(path string) error) error {
	var g errgroup.Group
	for _, path := range paths {
		g.Go(func() error { return do(path) })
	}
	return g.Wait()
}

func (v Volume) ratio(s Shape) string {
	if v == Bodies {
		return fmt.Sprintf("%d/%d", s.Data, s.Data)
	}
	return fmt.Sprintf("%d/%d", s.Data+s.Parity, s.Data)
}

func mode(direct bool) string {
	if direct {
		return "direct"
	}
	return "buffered"
}
