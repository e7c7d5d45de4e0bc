package limits

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/holdfast-storage/holdfast/bench"
	"github.com/holdfast-storage/holdfast/blockstore"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

func drives(t *testing.T, n int) []string {
	dirs := make([]string, n)
	for i := range dirs {
		dirs[i] = filepath.Join(t.TempDir(), fmt.Sprint("d", i+1))
		if err := os.Mkdir(dirs[i], 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dirs
}

func TestLines(t *testing.T) {
	dirs := drives(t, 6)
	files, err := NewFiles(Shape{Dirs: dirs, Data: 4, Parity: 2, Bytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	turns := bench.Turns{Rounds: 2, Span: time.Millisecond, Told: func(string, int, int) { told++ }}
	lines, err := Lines(t.Context(), turns, files)
	if err != nil {
		t.Fatal(err)
	}
	want := 13
	if files.CanDirect() {
		want += 6
	}
	if len(lines) != want || told != 2*want {
		t.Errorf("%d lines, told %d times, want %d and twice as many", len(lines), told, want)
	}
	names := make(map[string]bool)
	for _, line := range lines {
		if line.Value <= 0 || line.Least > line.Value || line.Most < line.Value || line.About == "" || names[line.Name] {
			t.Errorf("a line like no other, with figures, is wanted: %+v", line)
		}
		names[line.Name] = true
	}
	if err := files.Close(); err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%s was left in %s", left[0].Name(), dir)
		}
	}
}

// TestVolume holds what is counted against what is written.
func TestVolume(t *testing.T) {
	files, err := NewFiles(Shape{Dirs: drives(t, 6), Data: 4, Parity: 2, Bytes: 16 * BlockBytes})
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	for volume, perDrive := range map[Volume]int64{Redundant: 4 * BlockBytes, Bodies: 3 * BlockBytes} {
		if got := files.perDrive(volume); got != perDrive {
			t.Errorf("volume %d: %d bytes per drive, want %d", volume, got, perDrive)
		}
		sample, err := files.Read(volume, false).Run(t.Context(), 1)
		if err != nil || sample.Ops != 1 || sample.Bytes != files.bodies(volume) {
			t.Errorf("volume %d: %+v, %v", volume, sample, err)
		}
	}
	if got := files.bodies(Redundant); got != 16*BlockBytes {
		t.Errorf("%d bytes of bodies, want %d", got, 16*BlockBytes)
	}
}

func TestAllocations(t *testing.T) {
	encode, err := Encode(4, 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, side := range []bench.Side{XXHash(), MD5(), OwnMD5(), SHA256(), encode} {
		t.Run(side.Name, func(t *testing.T) {
			var ops int64
			allocs := testing.AllocsPerRun(3, func() {
				sample, err := side.Run(t.Context(), 5*time.Millisecond)
				if err != nil {
					t.Fatal(err)
				}
				ops = sample.Ops
			})
			if allocs > float64(ops)/2 {
				t.Errorf("%v allocations in a run of %d operations", allocs, ops)
			}
		})
	}
}

// TestBlockBytes holds the constants against the format.
func TestBlockBytes(t *testing.T) {
	if got := drive.BlockBytes(drive.Bulk, 4, 2, columnBytes); got != BlockBytes {
		t.Errorf("a full bulk block of 4+2 has %d bytes", got)
	}
	if RunBlocks != drive.RunMax {
		t.Errorf("a drive writes %d blocks at a time", drive.RunMax)
	}
}

// TestLoneCommit compares with what a pool writes for an object of 4 KiB.
func TestLoneCommit(t *testing.T) {
	dirs := drives(t, 6)
	pool, err := blockstore.Open(t.Context(), blockstore.Options{Dirs: dirs, Init: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := pool.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	if err := pool.CreateBucket(t.Context(), "bench"); err != nil {
		t.Fatal(err)
	}
	put := func(key string) map[string]int64 {
		body := bytes.NewReader(random(4 << 10))
		if _, err := pool.Put(t.Context(), "bench", key, body, blockstore.PutOptions{Size: 4 << 10}); err != nil {
			t.Fatal(err)
		}
		return segmentSizes(t, dirs)
	}
	want := LoneCommit(2)
	before := put("first")
	after := put("second")
	grown := 0
	for path, size := range after {
		if size == before[path] {
			continue
		}
		grown++
		// A file that earlier commits left out, two of them at most, grows by their holes, too.
		if by := size - before[path]; by%int64(want.Bytes) != 0 || by > 3*int64(want.Bytes) {
			t.Errorf("%s has grown by %d bytes, want %d", path, by, want.Bytes)
		}
	}
	if grown != want.Files {
		t.Errorf("%d files have grown, want %d", grown, want.Files)
	}
}

func segmentSizes(t *testing.T, dirs []string) map[string]int64 {
	sizes := make(map[string]int64)
	for _, dir := range dirs {
		err := filepath.WalkDir(filepath.Join(dir, "segments"), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := d.Info()
			if err == nil {
				sizes[path] = info.Size()
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return sizes
}
