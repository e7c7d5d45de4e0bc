package faultfs

import (
	"bytes"
	"flag"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

var seedFlag = flag.Uint64("seed", 0, "seed of the random tests; 0 takes one from the clock")

// random gives a source of randomness whose seed the test prints when it fails.
func random(t testing.TB) *rand.Rand {
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("repeat with: go test ./blockstore/faultfs -run '^%s$' -seed=%d", t.Name(), seed)
		}
	})
	return rand.New(rand.NewPCG(seed, 0))
}

const category = vfs.WriteCategoryUnspecified

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// openRW opens a file for writing, which is closed when the test ends.
func openRW(t testing.TB, fs *FS, name string) vfs.File {
	t.Helper()
	f, err := fs.OpenReadWrite(name, category)
	must(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func writeAt(t testing.TB, f vfs.File, off int64, p []byte) {
	t.Helper()
	n, err := f.WriteAt(p, off)
	if err != nil || n != len(p) {
		t.Fatalf("WriteAt: %d of %d, %v", n, len(p), err)
	}
}

func syncDir(t testing.TB, fs *FS, dir string) {
	t.Helper()
	d, err := fs.OpenDir(dir)
	must(t, err)
	must(t, d.Sync())
	must(t, d.Close())
}

// save writes a file whole and, if durable, syncs it and its directory.
func save(t testing.TB, fs *FS, name string, p []byte, durable bool) {
	t.Helper()
	f, err := fs.Create(name, category)
	must(t, err)
	writeAt(t, f, 0, p)
	if durable {
		must(t, f.Sync())
		syncDir(t, fs, fs.PathDir(name))
	}
	must(t, f.Close())
}

// load reads a file whole; a missing one is nil.
func load(t testing.TB, fs *FS, name string) []byte {
	t.Helper()
	f, err := fs.Open(name)
	if err != nil {
		return nil
	}
	p, err := io.ReadAll(f)
	must(t, err)
	must(t, f.Close())
	if p == nil {
		p = []byte{}
	}
	return p
}

// expect compares a file's bytes; want nil says that there is none.
func expect(t testing.TB, fs *FS, name string, want []byte) {
	t.Helper()
	got := load(t, fs, name)
	switch {
	case (got == nil) != (want == nil):
		t.Fatalf("%s: there: %v, want %v", name, got != nil, want != nil)
	case !bytes.Equal(got, want):
		t.Fatalf("%s: %s, want %s", name, brief(got), brief(want))
	}
}

func brief(p []byte) string {
	if len(p) > 32 {
		return string(p[:32]) + "…"
	}
	return string(p)
}

// pages is n pages filled with one letter.
func pages(n int, letter byte) []byte { return bytes.Repeat([]byte{letter}, n*pageBytes) }

// newTree makes a file system with the durable directory a/b.
func newTree(t testing.TB) *FS {
	t.Helper()
	fs := New()
	must(t, fs.MkdirAll("/a/b", 0o755))
	syncDir(t, fs, "/")
	syncDir(t, fs, "/a")
	return fs
}
