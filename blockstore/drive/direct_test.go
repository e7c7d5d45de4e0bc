package drive

import (
	"bytes"
	"context"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"unsafe"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// pages gives n bytes that begin at a page of memory.
func pages(n int) []byte {
	b := make([]byte, n+PageBytes)
	skip := int(-uintptr(unsafe.Pointer(&b[0])) % PageBytes)
	return b[skip:][:n:n]
}

// TestWriteThrough: whatever goes past the page cache and whatever does not, on end
// or not, lies where it should, and each write is answered once.
func TestWriteThrough(t *testing.T) {
	for name, refused := range map[string]bool{"past the cache": false, "refused": true} {
		t.Run(name, func(t *testing.T) {
			d := create(t, vfs.Default, filepath.Join(t.TempDir(), "d0"))
			f, err := d.CreateSegment(ownHeader(1))
			if err != nil {
				t.Fatal(err)
			}
			if refused {
				f.direct.state = directRefused
			}
			rng := rand.New(rand.NewPCG(1, 2))
			want := make([]byte, 0, 4<<20)
			var wg sync.WaitGroup
			for range 100 {
				n := PageBytes * (1 + rng.IntN(6))
				p := pages(n)
				switch rng.IntN(8) {
				case 0: // no whole pages
					p = p[:n-100]
				case 1: // not at a page
					p = p[1:]
				case 2: // not on end
					want = append(want, make([]byte, PageBytes)...)
				}
				for i := range p {
					p[i] = byte(rng.Uint32())
				}
				wg.Add(1)
				f.WriteThrough(p, FirstBlock+int64(len(want)), func(err error) {
					if err != nil {
						t.Error(err)
					}
					wg.Done()
				})
				want = append(want, p...)
				want = append(want, make([]byte, -len(want)&(PageBytes-1))...)
			}
			wg.Wait()
			if err := syncFile(t, f); err != nil {
				t.Fatal(err)
			}
			got := make([]byte, len(want))
			if err := f.ReadAt(context.Background(), got, FirstBlock, nil); err != nil || !bytes.Equal(got, want) {
				t.Errorf("what was written reads back otherwise: %v", err)
			}
		})
	}
}

// TestWriteThroughShowsFaults: on a file system that stands before the operating
// system's, which may be one that injects faults, every write is seen.
func TestWriteThroughShowsFaults(t *testing.T) {
	h := newHookFS(vfs.Default)
	d := create(t, h, filepath.Join(t.TempDir(), "d0"))
	f, err := d.CreateSegment(ownHeader(1))
	if err != nil {
		t.Fatal(err)
	}
	h.log()
	for i := range int64(3) {
		done := make(chan error, 1)
		f.WriteThrough(pages(PageBytes), FirstBlock+i*PageBytes, func(err error) { done <- err })
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	if ops := h.log(); len(ops) != 3 {
		t.Errorf("of 3 writes %d were seen: %v", len(ops), ops)
	}
}

// TestReadCached: what was just read is in the page cache, and is what ReadAt gives;
// what is not there is not made up.
func TestReadCached(t *testing.T) {
	d := create(t, vfs.Default, filepath.Join(t.TempDir(), "d0"))
	f, err := d.CreateSegment(ownHeader(1))
	if err != nil {
		t.Fatal(err)
	}
	want := bytes.Repeat([]byte("holdfast"), 8<<10)
	if err := write(t, f, want, FirstBlock); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(want))
	if !f.ReadCached(got, FirstBlock) {
		t.Skip("the file system does not say what is in the page cache")
	}
	if !bytes.Equal(got, want) {
		t.Error("it gives something else")
	}
	if f.ReadCached(got, FirstBlock+PageBytes) {
		t.Error("it gives bytes from behind the end of the file")
	}
	f.Close()
	if f.ReadCached(got, FirstBlock) {
		t.Error("it reads from a file that was closed")
	}
}

// directFile makes a segment file on a real drive, to which writes go past the page cache. Not every file system has a
// way for that; what holds where there is none is TestWriteThrough's.
func directFile(t *testing.T) (*Drive, *File) {
	t.Helper()
	d := create(t, vfs.Default, filepath.Join(t.TempDir(), "d0"))
	f, err := d.CreateSegment(ownHeader(1))
	if err != nil {
		t.Fatal(err)
	}
	if !f.hasDirect() {
		t.Skip("this file system has no way past the page cache")
	}
	return d, f
}

// TestWriteThroughWithoutMemory: where the system cannot hold the pages of a write past the page cache, the write goes
// through it, the drive is none the worse for it, and later ones go past it again.
func TestWriteThroughWithoutMemory(t *testing.T) {
	d, f := directFile(t)
	tries := 0
	f.direct.write = func(fd int, pages [][]byte, off int64) (int, error) {
		if tries++; tries == 2 {
			return 0, syscall.ENOMEM
		}
		return writeDirect(fd, pages, off)
	}
	want := make([]byte, 0, 3*PageBytes)
	for i := range 3 {
		p := pages(PageBytes)
		for j := range p {
			p[j] = byte(i + 1)
		}
		done := make(chan error, 1)
		f.WriteThrough(p, FirstBlock+int64(len(want)), func(err error) { done <- err })
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		want = append(want, p...)
	}
	if tries != 3 || d.Failed() != nil {
		t.Errorf("%d writes past the page cache, the drive: %v", tries, d.Failed())
	}
	got := make([]byte, len(want))
	if err := f.ReadAt(context.Background(), got, FirstBlock, nil); err != nil || !bytes.Equal(got, want) {
		t.Errorf("what was written reads back otherwise: %v", err)
	}
}
