package drive

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// directWrite is what a test puts in the place of a write past the page cache. It is
// told how many there were before, and can have the real one, of the first n bytes.
type directWrite func(call int, real func(n int) (int, error)) (int, error)

// TestWriteThroughFaults: what goes wrong with one write past the page cache, of three
// tasks at once, is answered to those that it concerns and to nobody else. What was
// answered well lies where it should.
func TestWriteThroughFaults(t *testing.T) {
	const task = 2 * PageBytes
	first := func(fault directWrite) directWrite {
		return func(call int, real func(int) (int, error)) (int, error) {
			if call > 0 {
				return real(3 * task)
			}
			return fault(call, real)
		}
	}
	for name, c := range map[string]struct {
		write directWrite
		calls int   // for the three
		good  int   // tasks that are well done
		err   error // of the others
		lost  bool  // the drive takes no more writes
		way   directState
	}{
		"short, whole pages": {first(func(_ int, real func(int) (int, error)) (int, error) {
			return real(PageBytes)
		}), 2, 3, nil, false, directOpen},
		"short, a task and more": {first(func(_ int, real func(int) (int, error)) (int, error) {
			return real(task + PageBytes)
		}), 2, 3, nil, false, directOpen},
		"short, within a page": {first(func(_ int, real func(int) (int, error)) (int, error) {
			_, err := real(PageBytes)
			return PageBytes + 512, err // whatever became of the sector: it is written again
		}), 1, 3, nil, false, directOpen},
		"nothing": {first(func(int, func(int) (int, error)) (int, error) {
			return 0, nil
		}), 1, 3, nil, false, directOpen},
		"refused by the file system": {first(func(int, func(int) (int, error)) (int, error) {
			return 0, syscall.EINVAL
		}), 1, 3, nil, false, directRefused},
		"refused half way": {first(func(_ int, real func(int) (int, error)) (int, error) {
			n, _ := real(task)
			return n, syscall.EINVAL
		}), 1, 3, nil, false, directRefused},
		"not supported": {first(func(int, func(int) (int, error)) (int, error) {
			return 0, syscall.EOPNOTSUPP
		}), 1, 3, nil, false, directRefused},
		"no memory half way": {first(func(_ int, real func(int) (int, error)) (int, error) {
			n, _ := real(task)
			return n, syscall.ENOMEM
		}), 1, 3, nil, false, directOpen},
		"an error": {first(func(int, func(int) (int, error)) (int, error) {
			return 0, syscall.EIO
		}), 1, 0, syscall.EIO, true, directOpen},
		"an error in the second": {first(func(_ int, real func(int) (int, error)) (int, error) {
			n, _ := real(task + PageBytes)
			return n, syscall.EIO
		}), 1, 1, syscall.EIO, true, directOpen},
		"an error after a short one": {func(call int, real func(int) (int, error)) (int, error) {
			if call == 0 {
				return real(task)
			}
			return 0, syscall.EIO
		}, 2, 1, syscall.EIO, true, directOpen},
		"a full disk": {first(func(_ int, real func(int) (int, error)) (int, error) {
			n, _ := real(task)
			return n, syscall.ENOSPC
		}), 1, 1, syscall.ENOSPC, false, directOpen},
	} {
		t.Run(name, func(t *testing.T) {
			d, f := directFile(t)
			calls := 0
			f.direct.write = func(fd int, of [][]byte, off int64) (int, error) {
				calls++
				return c.write(calls-1, func(n int) (int, error) { return writeDirect(fd, firstOf(of, n), off) })
			}
			want, errs := writeThree(f, task)
			good := 0
			for i, err := range errs {
				if err == nil {
					good++
				} else if i < c.good || !errors.Is(err, c.err) {
					t.Errorf("task %d: %v, want %v", i, err, c.err)
				}
			}
			if good != c.good || calls != c.calls || f.direct.state != c.way {
				t.Errorf("%d tasks well done with %d writes past the cache, the way is %d; want %d, %d, %d",
					good, calls, f.direct.state, c.good, c.calls, c.way)
			}
			_, counted, _ := d.Errors()
			if failed := d.Failed() != nil; failed != c.lost || (counted == 1) != c.lost {
				t.Errorf("the drive: %v, %d errors counted", d.Failed(), counted)
			}
			got := make([]byte, good*task)
			if err := f.ReadAt(context.Background(), got, FirstBlock, nil); err != nil || !bytes.Equal(got, want[:good*task]) {
				t.Errorf("what was written reads back otherwise: %v", err)
			}
			if _, again := writeThree(f, task); (again[0] != nil) != c.lost {
				t.Errorf("the next write: %v", again[0])
			}
		})
	}
}

// writeThree writes three tasks that follow on each other and wait together. The file
// must have nothing else to do.
func writeThree(f *File, size int) (want []byte, errs []error) {
	ready, done := make(chan struct{}), make([]chan error, 3)
	f.WriteAt([]byte{0}, FirstBlock, func(err error) { // the writer stands still until all are queued
		if err == nil {
			<-ready
		}
	})
	for i := range done {
		p := pages(size)
		for j := range p {
			p[j] = byte(i + j/PageBytes + 1)
		}
		want = append(want, p...)
		done[i] = make(chan error, 1)
		f.WriteThrough(p, FirstBlock+int64(i*size), func(err error) { done[i] <- err })
	}
	close(ready)
	for _, d := range done {
		errs = append(errs, <-d)
	}
	return want, errs
}

// firstOf is the first n bytes of pages, or all of them.
func firstOf(pages [][]byte, n int) (first [][]byte) {
	for _, p := range pages {
		if n == 0 {
			break
		}
		p = p[:min(n, len(p))]
		first, n = append(first, p), n-len(p)
	}
	return first
}

// TestReadCachedFaults: whatever goes wrong with a read of the page cache, it says no,
// no error is counted, and ReadAt gives what the drive has.
func TestReadCachedFaults(t *testing.T) {
	want := bytes.Repeat([]byte("holdfast"), 1<<10)
	for name, c := range map[string]struct {
		n   int
		err error
		way cachedWay // afterwards
	}{
		"nothing is there":      {0, nil, cachedOpen},
		"a part is there":       {PageBytes, nil, cachedOpen},
		"it would have to wait": {0, syscall.EAGAIN, cachedOpen},
		"an error":              {0, syscall.EIO, cachedOpen},
		"no memory":             {0, syscall.ENOMEM, cachedOpen},
		"a part, then an error": {len(want), syscall.EIO, cachedOpen},
		"not supported":         {0, syscall.EOPNOTSUPP, cachedRefused},
		"no such call":          {0, syscall.ENOSYS, cachedRefused},
	} {
		t.Run(name, func(t *testing.T) {
			d := create(t, vfs.Default, filepath.Join(t.TempDir(), "d0"))
			f, err := d.CreateSegment(ownHeader(1))
			if err != nil {
				t.Fatal(err)
			}
			if err := write(t, f, want, FirstBlock); err != nil {
				t.Fatal(err)
			}
			got := make([]byte, len(want))
			if !f.ReadCached(got, FirstBlock) {
				t.Skip("the file system does not say what is in the page cache")
			}
			calls := 0
			f.cachedRead = func(uintptr, []byte, int64) (int, error) {
				calls++
				return c.n, c.err
			}
			for range 2 {
				if f.ReadCached(got, FirstBlock) {
					t.Error("it says that it read all of it")
				}
			}
			if way := cachedWay(f.cached.Load()); way != c.way || (calls == 1) != (c.way == cachedRefused) {
				t.Errorf("the way is %d after %d calls, want %d", way, calls, c.way)
			}
			if read, _, _ := d.Errors(); read != 0 || d.Failed() != nil {
				t.Errorf("%d errors counted, the drive: %v", read, d.Failed())
			}
			clear(got)
			if err := f.ReadAt(context.Background(), got, FirstBlock, nil); err != nil || !bytes.Equal(got, want) {
				t.Errorf("ReadAt gives something else: %v", err)
			}
		})
	}
}
