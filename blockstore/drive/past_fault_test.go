package drive

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// pastFile makes a file of a real drive whose reads go past the page cache, with n bytes from FirstBlock on.
func pastFile(t *testing.T, n int) (d *Drive, f *File, want []byte) {
	t.Helper()
	d = create(t, vfs.Default, filepath.Join(t.TempDir(), "d0"))
	f, err := d.CreateSegment(ownHeader(1))
	if err != nil {
		t.Fatal(err)
	}
	want = make([]byte, n)
	for i := range want {
		want[i] = byte(i/PageBytes + i + 1)
	}
	if err := errors.Join(write(t, f, want, FirstBlock), syncFile(t, f), f.PastCache()); err != nil {
		t.Fatal(err)
	}
	if !f.ReadsPastCache() {
		t.Skip("this file system has no way past the page cache")
	}
	return d, f, want
}

// TestReadPastFaults: whatever goes wrong with a read past the page cache, what ReadAt gives without an error is what
// the drive has, zeros stand only behind the end of the file, and only what the drive cannot read counts as its error.
func TestReadPastFaults(t *testing.T) {
	const all = 4 * PageBytes
	for name, c := range map[string]struct {
		n     int   // bytes of the first read
		err   error // of it
		then  error // of the second one, if there is one; else it reads the rest
		calls int
		fails error // ReadAt
		way   bool  // later reads go past the page cache
	}{
		"short, whole pages":                {PageBytes, nil, nil, 2, nil, true},
		"short, whole pages, then an error": {PageBytes, nil, syscall.EIO, 2, syscall.EIO, true},
		"short, within a page":              {PageBytes + 512, nil, nil, 1, nil, true},
		"interrupted":                       {-1, syscall.EINTR, nil, 2, nil, true},
		"refused":                           {-1, syscall.EINVAL, nil, 1, nil, false},
		"refused half way":                  {PageBytes, nil, syscall.EINVAL, 2, nil, false},
		"not supported":                     {-1, syscall.EOPNOTSUPP, nil, 1, nil, false},
		"no memory":                         {-1, syscall.ENOMEM, nil, 1, nil, true},
		"no memory half way":                {PageBytes, nil, syscall.ENOMEM, 2, nil, true},
		"an error":                          {-1, syscall.EIO, nil, 1, syscall.EIO, true},
	} {
		t.Run(name, func(t *testing.T) {
			d, f, want := pastFile(t, all)
			calls := 0
			f.past.read = func(fd int, p []byte, off int64) (int, error) {
				switch calls++; {
				case calls == 1:
					if c.n > 0 {
						if _, err := syscall.Pread(fd, p, off); err != nil {
							return -1, err
						}
						clear(p[c.n:])
					}
					return c.n, c.err
				case c.then != nil:
					return -1, c.then
				}
				return syscall.Pread(fd, p, off)
			}
			got := pages(all)
			err := f.ReadAt(context.Background(), got, FirstBlock, nil)
			if !errors.Is(err, c.fails) || (err == nil) != (c.fails == nil) {
				t.Errorf("it gave %v, want %v", err, c.fails)
			}
			if err == nil && !bytes.Equal(got, want) {
				t.Error("what was read is not what the drive has")
			}
			if calls != c.calls || f.ReadsPastCache() != c.way {
				t.Errorf("%d reads, the way is open: %v; want %d, %v", calls, f.ReadsPastCache(), c.calls, c.way)
			}
			if read, _, _ := d.Errors(); (read == 1) != (c.fails != nil) || d.Failed() != nil {
				t.Errorf("%d errors counted, the drive: %v", read, d.Failed())
			}
			f.past.read = syscall.Pread
			if err := f.ReadAt(context.Background(), got, FirstBlock, nil); err != nil || !bytes.Equal(got, want) {
				t.Errorf("the next read: %v", err)
			}
		})
	}
}

// TestReadPastTheEnd: a file need not end with a page. Behind its end there are zeros.
func TestReadPastTheEnd(t *testing.T) {
	for _, n := range []int{1, 511, 512, PageBytes - 1, PageBytes, PageBytes + 513, 3*PageBytes + 7} {
		d, f, want := pastFile(t, n)
		got := pages(5 * PageBytes)
		for i := range got {
			got[i] = 0xff
		}
		if err := f.ReadAt(context.Background(), got, FirstBlock, nil); err != nil {
			t.Errorf("%d bytes: %v", n, err)
		}
		if !bytes.Equal(got, append(want, make([]byte, len(got)-n)...)) {
			t.Errorf("%d bytes: what was read is not those and zeros", n)
		}
		if err := f.ReadAt(context.Background(), got, FirstBlock+8*PageBytes, nil); err != nil || !bytes.Equal(got, make([]byte, len(got))) {
			t.Errorf("%d bytes, far behind them: not zeros, or %v", n, err)
		}
		if read, _, _ := d.Errors(); read != 0 {
			t.Errorf("%d bytes: %d errors counted", n, read)
		}
	}
}

// held counts who holds the memory of a read.
type held struct{ n atomic.Int64 }

func (h *held) Hold()    { h.n.Add(1) }
func (h *held) Release() { h.n.Add(-1) }

// TestReadPastHangs: who waits for a read that hangs may leave it, and close the file. Its memory and its descriptor
// stay until the drive comes back.
func TestReadPastHangs(t *testing.T) {
	_, f, want := pastFile(t, PageBytes)
	began, goOn := make(chan struct{}), make(chan struct{})
	f.past.read = func(fd int, p []byte, off int64) (int, error) {
		close(began)
		<-goOn
		return syscall.Pread(fd, p, off)
	}
	ctx, cancel := context.WithCancel(context.Background())
	got, hold := pages(PageBytes), new(held)
	left := make(chan error, 1)
	go func() { left <- f.ReadAt(ctx, got, FirstBlock, hold) }()
	<-began
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("who left was told %v", err)
	}
	f.Close()
	if hold.n.Load() != 1 {
		t.Error("the memory is free, and the drive may read into it yet")
	}
	close(goOn)
	for hold.n.Load() != 0 {
		time.Sleep(time.Millisecond)
	}
	if !bytes.Equal(got, want) { // through the descriptor that was kept
		t.Error("the read that hung read something else")
	}
}

// TestPastCacheWithoutAWay: where files stand before the operating system's there is no way past the page cache, every
// read is seen, and comes from the drive all the same.
func TestPastCacheWithoutAWay(t *testing.T) {
	h := newHookFS(vfs.Default)
	d := create(t, h, filepath.Join(t.TempDir(), "d0"))
	f, err := d.CreateSegment(ownHeader(1))
	if err != nil {
		t.Fatal(err)
	}
	want := bytes.Repeat([]byte("holdfast"), PageBytes/8)
	if err := errors.Join(write(t, f, want, FirstBlock), syncFile(t, f), f.PastCache()); err != nil || f.ReadsPastCache() {
		t.Fatalf("%v, past the page cache: %v", err, f.ReadsPastCache())
	}
	got := pages(PageBytes)
	if err := f.ReadAt(context.Background(), got, FirstBlock, nil); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the read: %v", err)
	}
}

// TestMayBeCached: what was just written is; past the page cache nobody asks. Of a file that is closed nothing is known.
func TestMayBeCached(t *testing.T) {
	d := create(t, vfs.Default, filepath.Join(t.TempDir(), "d0"))
	f, err := d.CreateSegment(ownHeader(1))
	if err != nil {
		t.Fatal(err)
	}
	const n = 4 * PageBytes
	if err := write(t, f, make([]byte, n), FirstBlock); err != nil {
		t.Fatal(err)
	}
	if !f.MayBeCached(FirstBlock, n) {
		t.Error("pages that were just written are said not to be there")
	}
	if err := errors.Join(syncFile(t, f), f.PastCache()); err != nil {
		t.Fatal(err)
	}
	if f.ReadsPastCache() && f.MayBeCached(FirstBlock, n) {
		t.Error("reads past the page cache are said to be answered from it")
	}
	f.Close()
	if !f.ReadsPastCache() && !f.MayBeCached(FirstBlock, n) {
		t.Error("of a file that is closed it is known")
	}
}
