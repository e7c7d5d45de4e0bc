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
	p, dirs := realPool(t)
	for _, dir := range dirs {
		r := &faultRun{pool: p, want: make(map[string][]byte)}
		for i := range 20 {
			if err := r.put(fmt.Sprintf("%s/%d", filepath.Base(dir), i), uint64(i), 300+200*i)(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range segmentsIn(t, dir) {
			changeFile(t, name, func(b []byte) { clear(b[min(len(b), 4096):]) })
		}
		if err := r.whole(t.Context()); err != nil {
			t.Errorf("without the blocks of %s: %v", filepath.Base(dir), err)
		}
	}
}

// TestCachedReadsAreVerified: what a drive has wrong, as if a write past the page cache
// had been torn or gone elsewhere, is given to nobody because the page cache has it too.
func TestCachedReadsAreVerified(t *testing.T) {
	for name, damage := range map[string]func(page, before []byte){
		"a bit":          func(page, _ []byte) { page[100] ^= 1 },
		"torn":           func(page, _ []byte) { clear(page[512:]) },
		"a page too far": func(page, before []byte) { copy(page, before) },
	} {
		for i := range 3 {
			t.Run(fmt.Sprintf("%s, drive %d", name, i+1), func(t *testing.T) {
				p, dirs := realPool(t)
				r := &faultRun{pool: p, want: make(map[string][]byte)}
				for i, size := range []int{100, 5000, 70_000, 900_000} {
					if err := r.put(fmt.Sprint(i), uint64(i), size)(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				if err := r.whole(t.Context()); err != nil { // and all of it is in the page cache
					t.Fatal(err)
				}
				for _, name := range segmentsIn(t, dirs[i]) {
					changeFile(t, name, func(b []byte) {
						was := append([]byte(nil), b...)
						for at := 2 * 4096; at+4096 <= len(b); at += 4096 { // the first block and its header are as they were
							damage(b[at:at+4096], was[at-4096:at])
						}
					})
				}
				if err := r.whole(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// realPool is a pool of three drives with one parity column on the file system of the machine.
func realPool(t *testing.T) (p *Pool, dirs []string) {
	t.Helper()
	root := t.TempDir()
	o := Options{Init: true, Parity: 1, MemoryBytes: 16 << 20, Logger: testLogger()}
	for i := range 3 {
		o.Dirs = append(o.Dirs, filepath.Join(root, fmt.Sprintf("d%d", i+1)))
	}
	p, err := Open(t.Context(), o)
	must(t, err)
	t.Cleanup(func() { _ = p.Close(context.Background()) })
	must(t, p.CreateBucket(t.Context(), faultBucket))
	return p, o.Dirs
}

func segmentsIn(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "segments", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%v: %d segment files", err, len(files))
	}
	return files
}

// changeFile writes a file's bytes anew in place.
func changeFile(t *testing.T, name string, how func([]byte)) {
	t.Helper()
	b, err := os.ReadFile(name)
	must(t, err)
	how(b)
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	must(t, err)
	defer f.Close()
	_, err = f.WriteAt(b, 0)
	must(t, err)
}
