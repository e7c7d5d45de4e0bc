package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-storage/holdfast/bench"
	"github.com/holdfast-storage/holdfast/blockstore"
)

// Content is what a pool holds while it is scrubbed and rebuilt.
type Content struct {
	// Dirs are the drives of a new pool. They need not exist, and Close removes
	// them. Beside each there is a place for what the bare copy writes.
	Dirs        []string
	Parity      int   // of the drives so many may fail; 0: as many as the pool takes by itself
	Bytes       int64 // of the objects together
	ObjectBytes int64
	// Writers is how many store at a time, each of large objects into a segment of its own; 0: as many as pay.
	Writers int
	// Told is called with how many of how many objects are stored; nil: nobody is told.
	Told func(done, all int64)
}

// Stored is a pool that holds a content and no more, whose files are all
// sealed: what there is to scrub and to rebuild. One side runs at a time.
type Stored struct {
	content Content
	pool    *blockstore.Pool
	data    int // columns of a segment that hold data
	lost    int // how often a drive was lost
}

// Store makes the pool and fills it. The page cache holds none of it afterwards.
func Store(ctx context.Context, c Content) (*Stored, error) {
	if len(c.Dirs) == 0 || c.Bytes < 1 || c.ObjectBytes < 1 {
		return nil, fmt.Errorf("nothing to store: %d bytes as objects of %d on %d drives", c.Bytes, c.ObjectBytes, len(c.Dirs))
	}
	for _, dir := range c.Dirs {
		// The drives may share a disk: each is asked for all of it. Tiny objects take
		// 2.2 times their bytes, and what is copied is at most one drive's.
		if err := bench.Room(existing(dir), 3*c.Bytes+64<<20*int64(len(c.Dirs))); err != nil {
			return nil, err
		}
	}
	s := &Stored{content: c}
	err := s.open(ctx, true)
	if err == nil {
		err = s.fill(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close(ctx))
	}
	return s, nil
}

// existing is the nearest directory above path, or path, that is there.
func existing(path string) string {
	for path = filepath.Clean(path); ; path = filepath.Dir(path) {
		if _, err := os.Stat(path); err == nil || path == filepath.Dir(path) {
			return path
		}
	}
}

func (s *Stored) open(ctx context.Context, create bool) (err error) {
	s.pool, err = blockstore.Open(ctx, blockstore.Options{Dirs: s.content.Dirs, Init: create, Parity: s.content.Parity})
	if err != nil {
		return err
	}
	status, err := s.pool.Status(ctx)
	s.data = status.Pool.Data
	return err
}

func (s *Stored) fill(ctx context.Context) error {
	n := max(1, s.content.Bytes/s.content.ObjectBytes)
	f := Filling{Bucket: "bench", Prefix: "stored", Size: s.content.ObjectBytes, To: n, Writers: s.content.Writers}
	if s.content.Told != nil {
		f.Told = func(done int64) { s.content.Told(done, n) }
	}
	if err := Fill(ctx, s.pool, f); err != nil {
		return err
	}
	if err := s.pool.SealOpen(ctx); err != nil {
		return err
	}
	return s.forget()
}

// forget drops all files from the page cache.
func (s *Stored) forget() error {
	var errs []error
	for _, dir := range s.content.Dirs {
		for _, path := range segmentFiles(dir) {
			errs = append(errs, forgetPath(path))
		}
	}
	return errors.Join(errs...)
}

// looked mends a segment as soon as the pool has looked at what its drives hold of it, as it does by itself once it is
// open.
func looked(ctx context.Context, mend func() (blockstore.MendReport, error)) (blockstore.MendReport, error) {
	for {
		report, err := mend()
		if !errors.Is(err, blockstore.ErrSegmentBusy) {
			return report, err
		}
		select {
		case <-ctx.Done():
			return report, ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
}

// Pool is the pool, until the next run of a side.
func (s *Stored) Pool() *blockstore.Pool { return s.pool }

// Close closes the pool and removes it.
func (s *Stored) Close(ctx context.Context) error {
	var err error
	if s.pool != nil {
		err = s.pool.Close(context.WithoutCancel(ctx))
	}
	for _, dir := range s.content.Dirs {
		err = errors.Join(err, os.RemoveAll(dir), os.RemoveAll(beside(dir)))
	}
	return err
}

// beside is where a bare copy of a drive's files is written.
func beside(dir string) string { return filepath.Clean(dir) + "-copy" }

// sealed is the segments that are there to be read, as the names of their files.
func (s *Stored) sealed() []string {
	var names []string
	for _, id := range s.pool.Segments() {
		names = append(names, id.String())
	}
	return names
}

func segmentFile(dir, name string) string { return filepath.Join(dir, "segments", name) }

func segmentFiles(dir string) []string {
	paths, _ := filepath.Glob(filepath.Join(dir, "segments", "*")) // the pattern is good
	return paths
}

// parallel calls do for each of list at the same time.
func parallel[T any](list []T, do func(int, T) error) error {
	var g errgroup.Group
	for i, item := range list {
		g.Go(func() error { return do(i, item) })
	}
	return g.Wait()
}
