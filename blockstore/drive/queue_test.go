package drive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// hang gives a hook that blocks one operation on paths with prefix until the
// channel is closed.
func hang(op, prefix string, until <-chan struct{}, started chan<- struct{}) func(string, string) error {
	var once sync.Once
	return func(o, path string) error {
		if o == op && strings.HasPrefix(path, prefix) {
			once.Do(func() { close(started) })
			<-until
		}
		return nil
	}
}

// pair makes two drives on one file system, with a segment each.
func pair(t *testing.T, h *hookFS, opts Options) (a, b *Drive, fa, fb *File) {
	t.Helper()
	opts.FS = h
	open := func(dir string) (*Drive, *File) {
		d, err := Create(opts, dir, sampleLabel())
		if err != nil {
			t.Fatal(err)
		}
		f, err := d.CreateSegment(ownHeader(1))
		if err != nil {
			t.Fatal(err)
		}
		return d, f
	}
	a, fa = open("/a")
	b, fb = open("/b")
	return a, b, fa, fb
}

func TestHungDriveHangsNoOther(t *testing.T) {
	for _, op := range []string{"write", "sync", "read"} {
		t.Run(op, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHookFS(vfs.NewMem())
				a, b, fa, fb := pair(t, h, Options{Readers: 1})
				until, started := make(chan struct{}), make(chan struct{})
				h.set(hang(op, "/a/segments", until, started))
				answered := make(chan error, 100)
				done := func(err error) { answered <- err }
				switch op {
				case "write":
					fa.WriteAt(make([]byte, 4096), 4096, done)
				case "sync":
					fa.Sync(done)
				case "read":
					go func() { done(fa.ReadAt(context.Background(), make([]byte, 10), 0, nil)) }()
				}
				<-started
				// The other one works.
				if err := errors.Join(write(t, fb, make([]byte, 4096), 4096), syncFile(t, fb),
					fb.ReadAt(t.Context(), make([]byte, 4096), 4096, nil)); err != nil {
					t.Fatal(err)
				}
				if op != "read" { // and so does reading from this one
					if err := fa.ReadAt(t.Context(), make([]byte, 4096), 0, nil); err != nil {
						t.Fatal(err)
					}
				}
				if err := b.Close(); err != nil {
					t.Fatal(err)
				}
				from := time.Now()
				if err := a.Close(); !errors.Is(err, ErrHung) || time.Since(from) != closeWait {
					t.Fatalf("Close: %v after %v", err, time.Since(from))
				}
				// The lock is not given up while something may still write.
				if _, err := Open(Options{FS: h}, "/a"); !errors.Is(err, ErrLocked) {
					t.Fatalf("Open: %v", err)
				}
				close(until)
				if err := <-answered; err != nil {
					t.Fatal(err)
				}
				if err := a.Close(); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

type countingHold struct{ held, released atomic.Int32 }

func (h *countingHold) Hold()    { h.held.Add(1) }
func (h *countingHold) Release() { h.released.Add(1) }

func TestReadOutlivesItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHookFS(vfs.NewMem())
		a, b, fa, _ := pair(t, h, Options{Readers: 1, QueueDepth: 1})
		defer a.Close()
		defer b.Close()
		until, started := make(chan struct{}), make(chan struct{})
		h.set(hang("read", "/a/segments", until, started))

		var running, queued, waiting countingHold
		buffers := [3][]byte{}
		var wg sync.WaitGroup
		for i, hold := range []*countingHold{&running, &queued, &waiting} {
			buffers[i] = bytes.Repeat([]byte{9}, 8)
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				err := fa.ReadAt(ctx, buffers[i], 0, hold)
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("read %d: %v", i, err)
				}
			})
			synctest.Wait() // in the disk, in the queue, before the queue
		}
		wg.Wait()
		if running.held.Load() != 1 || running.released.Load() != 0 {
			t.Fatal("a buffer was let go while a read may still fill it")
		}
		for i, hold := range []*countingHold{&queued, &waiting} {
			if hold.held.Load() != 1 || hold.released.Load() != 1 {
				t.Fatalf("read %d, which the disk never saw, keeps its buffer", i+1)
			}
		}
		if a.StuckReading() < time.Second || b.StuckReading() != 0 {
			t.Fatalf("the drives are stuck in a read for %v and %v", a.StuckReading(), b.StuckReading())
		}
		close(until)
		synctest.Wait()
		if running.released.Load() != 1 || queued.released.Load() != 1 {
			t.Fatal("a buffer is kept after the read, or given back twice")
		}
		if a.StuckReading() != 0 {
			t.Fatal("the drive is still stuck")
		}
		if string(buffers[0][:4]) != fileMagic {
			t.Fatalf("the read that was under way was not finished: %q", buffers[0])
		}
		if buffers[1][0] != 9 || buffers[2][0] != 9 {
			t.Fatal("a read that nobody waited for any more was carried out")
		}
		// Ended before it began.
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var none countingHold
		if err := fa.ReadAt(ctx, buffers[0], 0, &none); !errors.Is(err, context.Canceled) || none.held.Load() != 0 {
			t.Fatal(err)
		}
	})
}

func TestQueueIsBoundedAndOrdered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHookFS(vfs.NewMem())
		a, b, fa, _ := pair(t, h, Options{QueueDepth: 3})
		defer a.Close()
		defer b.Close()
		until, started := make(chan struct{}), make(chan struct{})
		h.set(hang("write", "/a/segments", until, started))
		var order []int // only the writer appends
		var accepted atomic.Int32
		var wg sync.WaitGroup
		wg.Go(func() {
			for i := range 10 {
				done := func(err error) {
					if err != nil {
						t.Error(err)
					}
					order = append(order, i)
				}
				if i%2 == 0 {
					fa.WriteAt(make([]byte, 512), int64(4096+512*i), done)
				} else {
					fa.Sync(done)
				}
				accepted.Add(1)
			}
		})
		synctest.Wait()
		if n := accepted.Load(); n != 4 { // one in the disk, three in the queue
			t.Fatalf("%d operations accepted", n)
		}
		close(until)
		wg.Wait()
		synctest.Wait()
		if !slices.Equal(order, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}) {
			t.Fatalf("order %v", order)
		}
	})
}

// TestFailAnswersWhatWaits: a drive is given up because it hangs; who waits
// behind the operation that hangs, in the queue or before it, must be told.
func TestFailAnswersWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHookFS(vfs.NewMem())
		a, b, fa, _ := pair(t, h, Options{QueueDepth: 2})
		defer a.Close()
		defer b.Close()
		until, started := make(chan struct{}), make(chan struct{})
		h.set(hang("sync", "/a/segments", until, started))
		first := make(chan error, 1)
		fa.Sync(func(err error) { first <- err })
		<-started
		var refused atomic.Int32
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				fa.WriteAt(nil, 4096, func(err error) {
					if errors.Is(err, ErrFailed) {
						refused.Add(1)
					}
				})
			})
		}
		synctest.Wait()
		reason := errors.New("too slow")
		a.Fail(reason)
		a.Fail(errors.New("a second reason"))
		wg.Wait()
		synctest.Wait()
		if refused.Load() != 5 {
			t.Fatalf("%d of 5 answered", refused.Load())
		}
		if err := a.Failed(); !errors.Is(err, ErrFailed) || !errors.Is(err, reason) {
			t.Fatal(err)
		}
		close(until)
		if err := <-first; err != nil {
			t.Fatalf("the sync that came back in the end: %v", err)
		}
	})
}

func TestFailures(t *testing.T) {
	segment := "/d0/segments/00000007-00000001"
	second := "/d0/segments/00000007-00000002"
	label := func(d *Drive, _ *File) error { return d.WriteLabel(d.Label()) }
	another := func(d *Drive, _ *File) error { _, err := d.CreateSegment(ownHeader(2)); return err }
	for _, c := range []struct {
		op, path string
		err      error
		do       func(*Drive, *File) error
		fails    bool // the drive takes no more writes
		counted  bool
	}{
		{"sync", segment, syscall.EIO, func(_ *Drive, f *File) error { return syncFile(t, f) }, true, true},
		{"sync", segment, syscall.ENOSPC, func(_ *Drive, f *File) error { return syncFile(t, f) }, true, true},
		{"write", segment, syscall.EIO, func(_ *Drive, f *File) error { return write(t, f, []byte{1}, 4096) }, true, true},
		{"write", segment, syscall.EROFS, func(_ *Drive, f *File) error { return write(t, f, []byte{1}, 4096) }, true, true},
		{"write", segment, syscall.ENOSPC, func(_ *Drive, f *File) error { return write(t, f, []byte{1}, 4096) }, false, false},
		{"write", segment, syscall.EDQUOT, func(_ *Drive, f *File) error { return write(t, f, []byte{1}, 4096) }, false, false},
		{"sync", "/d0/segments", syscall.EIO, func(d *Drive, _ *File) error { return d.SyncDir() }, true, true},
		{"sync", "/d0", syscall.EIO, func(d *Drive, _ *File) error { return d.SyncDir() }, true, true},
		{"remove", segment, syscall.EIO, func(d *Drive, _ *File) error { return d.RemoveSegment(NewSegmentID(7, 1)) }, true, true},
		{"open", second, syscall.EMFILE, another, false, false},
		{"write", segment, syscall.ENOMEM, func(_ *Drive, f *File) error { return write(t, f, []byte{1}, 4096) }, false, false},
		{"open", second, syscall.ENOSPC, another, false, false},
		{"write", second, syscall.ENOSPC, another, false, false},
		{"write", second, syscall.EIO, another, true, true},
		{"sync", second, syscall.EIO, another, true, true},
		{"sync", "/d0/segments", syscall.EIO, another, true, true},
		{"create", "/d0/label.new", syscall.ENOSPC, label, false, false},
		{"write", "/d0/label.new", syscall.ENOSPC, label, false, false},
		{"write", "/d0/label.new", syscall.EIO, label, true, true},
		{"sync", "/d0/label.new", syscall.EIO, label, true, true},
		{"rename", "/d0/label", syscall.EIO, label, true, true},
		{"sync", "/d0", syscall.EIO, label, true, true},
	} {
		t.Run(fmt.Sprintf("%s %s %v", c.op, c.path, c.err), func(t *testing.T) {
			h := newHookFS(vfs.NewMem())
			d := create(t, h, "/d0")
			f, err := d.CreateSegment(ownHeader(1))
			if err != nil {
				t.Fatal(err)
			}
			faults := 0
			h.set(func(op, path string) error {
				if op == c.op && path == c.path {
					faults++
					return c.err
				}
				return nil
			})
			if err := c.do(d, f); !errors.Is(err, c.err) {
				t.Fatalf("answered %v", err)
			}
			if faults != 1 {
				t.Fatalf("tried %d times", faults)
			}
			h.set(nil)
			if _, w, _ := d.Errors(); (w == 1) != c.counted {
				t.Fatalf("%d write errors", w)
			}
			if !c.fails {
				if err := errors.Join(d.Failed(), write(t, f, []byte{1}, 4096), syncFile(t, f), label(d, f), another(d, f)); err != nil {
					t.Fatalf("after it: %v", err)
				}
				return
			}
			_, catalogErr := d.CatalogDir()
			for i, err := range []error{
				d.Failed(), write(t, f, []byte{1}, 4096), syncFile(t, f), label(d, f), another(d, f),
				d.SyncDir(), d.RemoveSegment(NewSegmentID(7, 1)), catalogErr,
			} {
				if !errors.Is(err, ErrFailed) || !errors.Is(err, c.err) {
					t.Fatalf("operation %d on a failed drive: %v", i, err)
				}
			}
			if err := f.ReadAt(t.Context(), make([]byte, 4), 0, nil); err != nil {
				t.Fatalf("a failed drive must go on reading: %v", err)
			}
			if err := d.Present(); err != nil && c.op != "rename" {
				t.Fatalf("Present: %v", err)
			}
		})
	}
}

func TestReadErrorsAreCounted(t *testing.T) {
	h := newHookFS(vfs.NewMem())
	d := create(t, h, "/d0")
	f, err := d.CreateSegment(ownHeader(1))
	if err != nil {
		t.Fatal(err)
	}
	h.set(func(op, _ string) error {
		if op == "read" {
			return syscall.EIO
		}
		return nil
	})
	if err := f.ReadAt(t.Context(), make([]byte, 4), 0, nil); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	d.CountChecksum()
	if r, w, c := d.Errors(); r != 1 || w != 0 || c != 1 {
		t.Fatalf("errors %d %d %d", r, w, c)
	}
	if d.Failed() != nil {
		t.Fatal("a failed read is no reason to refuse writes")
	}
	h.log()
	if err := f.Uncached(); err != nil || len(h.log()) != 1 {
		t.Fatal("a file that can drop its cache was not asked to")
	}
}

// TestCloseWaitsForTheQueue: what was accepted is carried out.
func TestCloseWaitsForTheQueue(t *testing.T) {
	h := newHookFS(vfs.NewMem())
	d := create(t, h, "/d0")
	f, err := d.CreateSegment(ownHeader(1))
	if err != nil {
		t.Fatal(err)
	}
	var answered atomic.Int32
	for range 100 {
		f.WriteAt([]byte{1}, 4096, func(err error) {
			if err == nil {
				answered.Add(1)
			}
		})
	}
	f.Close() // the file stays open for what is queued
	if err := d.Close(); err != nil || answered.Load() != 100 {
		t.Fatalf("%d of 100 answered, %v", answered.Load(), err)
	}
}
