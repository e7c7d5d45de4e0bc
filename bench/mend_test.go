//go:build linux

package bench

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/holdfast-storage/holdfast/blockstore"
)

// TestMend reports how fast the files of a lost drive are made again, of large
// objects and of small ones, beside a bare copy with the same reads, writes and
// syncs. It asserts nothing: `make bench-mend` runs it.
//
// HOLDFAST_BENCH_MEND is how many MiB the lost drive holds each time.
func TestMend(t *testing.T) {
	mib, err := strconv.ParseInt(cmp.Or(os.Getenv("HOLDFAST_BENCH_MEND"), "0"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if mib == 0 {
		t.Skip("set HOLDFAST_BENCH_MEND to the MiB that the lost drive is to hold, or use make bench-mend")
	}
	var rates []float64
	for _, object := range []int{16 << 20, 4 << 10} {
		m := newMendBench(t, mib<<20, object)
		var mend, bare []float64
		for range 3 { // in turn
			bare = append(bare, m.copyFiles(t))
			mend = append(mend, m.mendFiles(t))
		}
		a, b := median(mend), median(bare)
		rates = append(rates, a)
		t.Logf("%8d-byte objects: rebuilt %.0f MB/s of column bytes, bare copy %.0f MB/s: %.0f %% of it", object, a/1e6, b/1e6, 100*a/b)
		m.end(t)
	}
	t.Logf("small objects are rebuilt at %.0f %% of the rate of large ones", 100*rates[1]/rates[0])
}

// mendBench is a pool of six directories, 4+2, and the files of one that will be lost.
type mendBench struct {
	dirs  []string
	pool  *blockstore.Pool
	round int
}

// workers is how many segments are mended at a time, as by the daemon.
const workers = 2

func newMendBench(t *testing.T, columns int64, object int) *mendBench {
	t.Helper()
	root := t.TempDir()
	var fs unix.Statfs_t
	if err := unix.Statfs(root, &fs); err != nil {
		t.Fatal(err)
	}
	if free, need := int64(fs.Bavail)*fs.Bsize, columns*9; free < need {
		t.Skipf("%s has %d MiB free, %d are needed", root, free>>20, need>>20)
	}
	m := &mendBench{}
	for i := range 6 {
		m.dirs = append(m.dirs, filepath.Join(root, fmt.Sprint("d", i+1)))
	}
	m.open(t, true)
	m.fill(t, columns, object)
	if err := m.pool.SealOpen(t.Context()); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *mendBench) open(t *testing.T, create bool) {
	t.Helper()
	var err error
	if m.pool, err = blockstore.Open(t.Context(), blockstore.Options{Dirs: m.dirs, Init: create}); err != nil {
		t.Fatal(err)
	}
}

func (m *mendBench) end(t *testing.T) {
	t.Helper()
	if err := m.pool.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	for _, dir := range m.dirs {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
}

// fill stores objects until the first drive holds that many bytes.
func (m *mendBench) fill(t *testing.T, columns int64, object int) {
	t.Helper()
	ctx := t.Context()
	if err := m.pool.CreateBucket(ctx, "bench"); err != nil {
		t.Fatal(err)
	}
	writers := 4
	if object < 1<<20 {
		writers = 256
	}
	var n atomic.Int64
	var full atomic.Bool
	var g errgroup.Group
	for w := range writers {
		body := make([]byte, object)
		rng := rand.New(rand.NewPCG(uint64(w), 1))
		for i := range body {
			body[i] = byte(rng.Uint32())
		}
		g.Go(func() error {
			for !full.Load() {
				i := n.Add(1)
				body[0], body[object-1] = byte(i), byte(i>>8)
				if _, err := m.pool.Put(ctx, "bench", fmt.Sprintf("%012d", i), bytes.NewReader(body), blockstore.PutOptions{Size: int64(object)}); err != nil {
					return err
				}
				if i%int64(max(1, 64<<20/object)) == 0 {
					full.Store(m.bytesOn(m.dirs[0]) >= columns)
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}

func (m *mendBench) bytesOn(dir string) (bytes int64) {
	for _, path := range segmentFiles(dir) {
		var st unix.Stat_t
		if unix.Stat(path, &st) == nil {
			bytes += st.Blocks * 512 // holes are no work
		}
	}
	return bytes
}

func segmentFiles(dir string) []string {
	paths, _ := filepath.Glob(filepath.Join(dir, "segments", "*"))
	return paths
}

// mendFiles loses the files of the next drive and has them made again. It
// returns column bytes per second.
func (m *mendBench) mendFiles(t *testing.T) float64 {
	t.Helper()
	drive := m.dirs[m.round%len(m.dirs)]
	m.round++
	if err := m.pool.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	m.open(t, false)
	if err := m.pool.SealOpen(t.Context()); err != nil {
		t.Fatal(err)
	}
	columns := m.bytesOn(drive)
	sealed := m.pool.Segments()
	for _, id := range sealed {
		if err := os.Remove(filepath.Join(drive, "segments", id.String())); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	began := time.Now()
	var g errgroup.Group
	g.SetLimit(workers)
	for _, id := range sealed {
		g.Go(func() error {
			_, err := m.pool.Mend(t.Context(), id, blockstore.MendOptions{})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	return float64(columns) / time.Since(began).Seconds()
}

// copyFiles reads all files of a segment past the page cache, in step, writes as
// many bytes as one of them has, syncs them and reads them back: what mending
// asks of the disk, and nothing else.
func (m *mendBench) copyFiles(t *testing.T) float64 {
	t.Helper()
	scratch := t.TempDir()
	drive := m.dirs[m.round%len(m.dirs)]
	columns := m.bytesOn(drive)
	began := time.Now()
	var g errgroup.Group
	g.SetLimit(workers)
	for _, id := range m.pool.Segments() {
		g.Go(func() error {
			var sources []string
			for _, dir := range m.dirs {
				if dir != drive {
					sources = append(sources, filepath.Join(dir, "segments", id.String()))
				}
			}
			return copySegment(sources, filepath.Join(scratch, id.String()))
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	rate := float64(columns) / time.Since(began).Seconds()
	if err := os.RemoveAll(scratch); err != nil {
		t.Fatal(err)
	}
	return rate
}

// copySegment reads the sources side by side and writes the first of them.
func copySegment(sources []string, to string) error {
	const chunk = 1 << 20
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer out.Close()
	var g errgroup.Group
	for i, path := range sources {
		g.Go(func() error {
			in, err := os.Open(path)
			if errors.Is(err, os.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			defer in.Close()
			if err := forget(in); err != nil {
				return err
			}
			buf := make([]byte, chunk)
			for {
				n, err := io.ReadFull(in, buf)
				if i == 0 && n > 0 {
					if _, err := out.Write(buf[:n]); err != nil {
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
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if err := unix.Fdatasync(int(out.Fd())); err != nil {
		return err
	}
	if err := forget(out); err != nil {
		return err
	}
	if _, err := out.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, out)
	return err
}

// forget drops a file's clean pages from the page cache.
func forget(f *os.File) error { return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED) }
