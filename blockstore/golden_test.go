package blockstore

import (
	"bytes"
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// goldenPool holds, for each version of the format on the drives, a small pool
// as a daemon of that version left it: labels and segments only. OBJECTS lists
// what is in it: key, size, SHA-256.
const goldenPool = "../testdata/pool-v1"

// TestGoldenPool: what was written once can be read for ever, with any one
// drive missing too.
func TestGoldenPool(t *testing.T) {
	if *update {
		makeGoldenPool(t)
	}
	list, err := os.ReadFile(filepath.Join(goldenPool, "OBJECTS"))
	if err != nil {
		t.Fatal(err)
	}
	for without := range 4 {
		t.Run(fmt.Sprintf("without %d", without), func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(goldenPool)); err != nil {
				t.Fatal(err)
			}
			if without > 0 {
				if err := os.RemoveAll(filepath.Join(dir, fmt.Sprintf("d%d", without))); err != nil {
					t.Fatal(err)
				}
			}
			p := openPool(t, Options{Dirs: dirsOf(3, dir)})
			lines := strings.Split(strings.TrimSpace(string(list)), "\n")
			for _, line := range lines {
				var key, sum string
				var size int
				if _, err := fmt.Sscan(line, &key, &size, &sum); err != nil {
					t.Fatal(err)
				}
				got, err := getBytes(t.Context(), p, "golden", key)
				if err != nil {
					t.Fatal(err)
				}
				if len(got) != size || fmt.Sprintf("%x", sha256.Sum256(got)) != sum {
					t.Errorf("%s: %d bytes that are not what was stored", key, len(got))
				}
			}
			page, err := p.List(t.Context(), "golden", ListOptions{Max: 1000})
			if err != nil || len(page.Objects) != len(lines) {
				t.Errorf("%d objects listed of %d: %v", len(page.Objects), len(lines), err)
			}
		})
	}
}

// makeGoldenPool writes a pool with objects of every way to store them, an
// overwrite, deletions and a checkpoint.
func makeGoldenPool(t *testing.T) {
	if err := os.RemoveAll(goldenPool); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(goldenPool, 0o755); err != nil {
		t.Fatal(err)
	}
	p, err := Open(t.Context(), Options{Init: true, Dirs: dirsOf(3, goldenPool)})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.CreateBucket(t.Context(), "golden"); err != nil {
		t.Fatal(err)
	}
	var list bytes.Buffer
	put := func(key string, seed uint64, n int) {
		body := randomBody(seed, n)
		putBytes(t, p, "golden", key, body)
		fmt.Fprintf(&list, "%s %d %x\n", key, n, sha256.Sum256(body))
	}
	putBytes(t, p, "golden", "overwritten", randomBody(1, 500))
	putBytes(t, p, "golden", "deleted", randomBody(2, 9000))
	put("empty", 3, 0)
	put("small", 4, 300)
	put("page", 5, 4096)
	put("inline", 6, 40_000)
	if err := p.checkpoint(); err != nil {
		t.Fatal(err)
	}
	put("bulk", 7, 150_001)
	put("overwritten", 8, 700)
	if _, err := p.Delete(t.Context(), "golden", "deleted", Condition{}); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirsOf(3, goldenPool) {
		for _, name := range []string{"lock", "catalog"} {
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.WriteFile(filepath.Join(goldenPool, "OBJECTS"), list.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
