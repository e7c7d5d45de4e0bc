package blockstore

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestCachedDegradedReads damages what one drive after the other has of the journal
// and reads everything: what is computed instead comes from columns that are there
// the moment they are asked for, since the page cache of a real file system has them.
func TestCachedDegradedReads(t *testing.T) {
	root := t.TempDir()
	o := Options{Init: true, Parity: 1, MemoryBytes: 16 << 20, Logger: testLogger()}
	for i := range 3 {
		o.Dirs = append(o.Dirs, filepath.Join(root, fmt.Sprintf("d%d", i+1)))
	}
	p, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close(context.Background())
	if err := p.CreateBucket(t.Context(), faultBucket); err != nil {
		t.Fatal(err)
	}
	for _, dir := range o.Dirs {
		r := &faultRun{pool: p, want: make(map[string][]byte)}
		for i := range 20 {
			if err := r.put(fmt.Sprintf("%s/%d", filepath.Base(dir), i), uint64(i), 300+200*i)(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		files, err := filepath.Glob(filepath.Join(dir, "segments", "*"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%v: %d segment files", err, len(files))
		}
		for _, name := range files {
			zeroFrom(t, name, 4096)
		}
		if err := r.whole(t.Context()); err != nil {
			t.Errorf("without the blocks of %s: %v", filepath.Base(dir), err)
		}
	}
}

// zeroFrom zeroes a file from an offset on.
func zeroFrom(t *testing.T, name string, from int64) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(make([]byte, max(0, info.Size()-from)), from); err != nil {
		t.Fatal(err)
	}
}
