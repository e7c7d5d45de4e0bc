package limits

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/holdfast-storage/holdfast/bench"
)

const (
	// commitSpanBytes is where the files of commits begin anew: the size of a journal segment.
	commitSpanBytes = 64 << 20
	// overwriteBytes is the length of the files that commits overwrite again and again.
	overwriteBytes = 32 << 20
)

// Commits is the shape of a commit: how much of it goes to how many drives.
type Commits struct {
	Files int // that are written to and synced by each commit
	Bytes int // to each of them, whole pages
	// Overwrite writes to files that are as long as they will be, and were
	// written once: no block is allocated any more. Else files grow.
	Overwrite bool
	Direct    bool // past the page cache
}

// LoneCommit is the commit of one object of 4 KiB that comes alone: it lies whole in
// one column, and its record beside it, which is a little more than a page; so is each
// parity column.
//
// Source: the layout of batches (blockstore/FORMAT.md). A test holds it against a pool.
func LoneCommit(parity int) Commits {
	return Commits{Files: 1 + parity, Bytes: 2 * bench.PageBytes}
}

// Places is how many goroutines run at once while commits are measured: as many as in
// the daemon, where a test holds it against this. One that waits in a sync keeps its
// place for a while.
func Places(processors int) int { return max(processors, min(2*processors, 8)) }

// Commit writes to a few files in parallel, syncs each (fdatasync), and goes on
// when all are durable. From commit to commit it moves on by one drive, as the
// columns of stripes do; a file that is left out gets a hole.
func (f *Files) Commit(c Commits) bench.Side {
	if c.Files < 1 || c.Bytes < 1 || c.Bytes%bench.PageBytes != 0 {
		panic(fmt.Sprintf("limits: not a commit: %+v", c))
	}
	name := fmt.Sprintf("commit of %d × %d KiB", c.Files, c.Bytes>>10)
	if c.Overwrite {
		name += ", overwriting"
	}
	if c.Direct {
		name += ", direct"
	}
	run := func(ctx context.Context, span time.Duration) (s bench.Sample, err error) {
		log, err := f.openLog(c)
		if err != nil {
			return s, err
		}
		defer func() { err = errors.Join(err, log.close()) }()
		processors := runtime.GOMAXPROCS(0)
		defer runtime.GOMAXPROCS(processors)
		runtime.GOMAXPROCS(Places(processors))
		return log.run(ctx, span)
	}
	return bench.Side{Name: name, Run: run}
}

// log is what commits are written to: a file on each drive, and a goroutine for each.
type log struct {
	shape   Commits
	files   []*os.File
	queues  []chan int64 // offsets to write to and sync
	results chan error
	keep    bool // the files stay for the next run
}

func (f *Files) openLog(c Commits) (*log, error) {
	if c.Files > len(f.homes) {
		return nil, fmt.Errorf("a commit to %d files needs as many drives, there are %d", c.Files, len(f.homes))
	}
	l := &log{shape: c, keep: c.Overwrite, results: make(chan error, c.Files)}
	for _, home := range f.homes {
		name, flags := "grown", os.O_RDWR|os.O_CREATE|os.O_TRUNC
		if c.Overwrite {
			name, flags = "overwritten", os.O_RDWR
			path := filepath.Join(home, name)
			if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
				if err := writeFile(path, random(1<<20), overwriteBytes, false); err != nil {
					return nil, errors.Join(err, l.close())
				}
			}
		}
		file, err := open(filepath.Join(home, name), flags, c.Direct)
		if err != nil {
			return nil, errors.Join(err, l.close())
		}
		l.files = append(l.files, file)
	}
	blocks := bench.DirectBuffers(len(l.files), c.Bytes)
	for i, file := range l.files {
		queue := make(chan int64, 1)
		l.queues = append(l.queues, queue)
		block := blocks[i]
		copy(block, random(c.Bytes))
		go func() {
			for at := range queue {
				_, err := file.WriteAt(block, at)
				if err == nil {
					err = syncData(file)
				}
				l.results <- err
			}
		}()
	}
	return l, nil
}

// run commits, one after the other. A sample's bytes are those of one file:
// what is stored once.
func (l *log) run(ctx context.Context, span time.Duration) (s bench.Sample, err error) {
	end := int64(commitSpanBytes)
	if l.shape.Overwrite {
		end = overwriteBytes
	}
	var latencies []time.Duration
	at := int64(0)
	for n := 0; s.Elapsed < span && ctx.Err() == nil; n++ {
		if at+int64(l.shape.Bytes) > end {
			at = 0
			if err := l.restart(); err != nil {
				return s, err
			}
		}
		began := time.Now()
		for i := range l.shape.Files {
			l.queues[(n+i)%len(l.queues)] <- at
		}
		for range l.shape.Files {
			err = errors.Join(err, <-l.results)
		}
		if err != nil {
			return s, err
		}
		took := time.Since(began)
		latencies = append(latencies, took)
		s.Elapsed += took
		at += int64(l.shape.Bytes)
	}
	s.Ops = int64(len(latencies))
	s.Bytes = s.Ops * int64(l.shape.Bytes)
	s.Latencies(latencies)
	return s, ctx.Err()
}

// restart makes room, outside of what is timed.
func (l *log) restart() error {
	if l.shape.Overwrite {
		return nil
	}
	for _, file := range l.files {
		if err := errors.Join(file.Truncate(0), file.Sync()); err != nil {
			return err
		}
	}
	return nil
}

func (l *log) close() error {
	var errs []error
	for _, queue := range l.queues {
		close(queue)
	}
	for _, file := range l.files {
		errs = append(errs, file.Close())
		if !l.keep {
			errs = append(errs, os.Remove(file.Name()))
		}
	}
	return errors.Join(errs...)
}
