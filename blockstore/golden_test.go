package blockstore

import (
	"bytes"
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

var update = flag.Bool("update", false, "write the golden files anew")

// For each version of the format on the drives, and each feature that came to it, there
// is a small pool as a daemon of then left it: labels and segments only. OBJECTS lists
// what is in it: key, size, SHA-256.
const (
	goldenPool   = "../testdata/pool-v1"
	goldenLeaves = "../testdata/pool-v1-leaves" // the newest
)

// TestGoldenPool: what was written once can be read for ever, with any one
// drive missing too, and held against its own checksum.
func TestGoldenPool(t *testing.T) {
	if *update {
		makeGoldenPool(t, goldenLeaves)
	}
	for pool, features := range map[string]drive.Features{goldenPool: 0, goldenLeaves: drive.Leaves} {
		t.Run(filepath.Base(pool), func(t *testing.T) { checkGoldenPool(t, pool, features) })
	}
}

func checkGoldenPool(t *testing.T, goldenPool string, features drive.Features) {
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
			for _, d := range dirsOf(3, dir) {
				if l, err := drive.ReadLabel(vfs.Default, d); err == nil && l.Features != features {
					t.Errorf("%s has features %#x", d, l.Features)
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
				if o, err := p.lookUp(t.Context(), "golden", key); err != nil || len(o.Parts) == 0 && o.Checksum != checksumOf(got, features&drive.Leaves != 0) {
					t.Errorf("%s: checksum %v, %v", key, o.Checksum, err)
				}
				if len(got) != size || fmt.Sprintf("%x", sha256.Sum256(got)) != sum {
					t.Errorf("%s: %d bytes that are not what was stored", key, len(got))
				}
			}
			page, err := p.List(t.Context(), "golden", ListOptions{Max: 1000})
			if err != nil || len(page.Objects) != len(lines) {
				t.Errorf("%d objects listed of %d: %v", len(page.Objects), len(lines), err)
			}
			if r, err := p.Verify(t.Context(), "golden", "", nil); err != nil || r.Bad > 0 || without == 0 && !r.Whole() || r.Objects != int64(len(lines)) {
				t.Errorf("verify: %+v, %v", r, err)
			}
			finishGoldenUploads(t, p)
		})
	}
}

// finishGoldenUploads ends the uploads that were left under way, each of one part.
func finishGoldenUploads(t *testing.T, p *Pool) {
	page, err := p.Uploads(t.Context(), "golden", UploadsOptions{Max: 10})
	must(t, err)
	for _, u := range page.Uploads {
		_, err := p.CompleteUpload(t.Context(), "golden", u.Key, u.ID, CompleteOptions{Numbers: []int{1}})
		must(t, err)
		wantBytes(t, p, "golden", u.Key, randomBody(11, 5000))
	}
}

// makeGoldenPool writes a pool with objects of every way to store them, an
// overwrite, deletions, a checkpoint, and an upload under way.
func makeGoldenPool(t *testing.T, goldenPool string) {
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
	put("bulk", 7, 270_001)
	put("overwritten", 8, 700)
	if _, err := p.Delete(t.Context(), "golden", "deleted", Condition{}); err != nil {
		t.Fatal(err)
	}
	part := func(key, id string, number int, body []byte) {
		_, err := p.PutPart(t.Context(), "golden", key, id, number, bytes.NewReader(body), PartOptions{Size: int64(len(body))})
		must(t, err)
	}
	id, err := p.CreateUpload(t.Context(), "golden", "parts", UploadOptions{})
	must(t, err)
	bodies := [][]byte{randomBody(9, 50_001), randomBody(10, 4097)}
	for i, body := range bodies {
		part("parts", id, i+1, body)
	}
	_, err = p.CompleteUpload(t.Context(), "golden", "parts", id, CompleteOptions{Numbers: []int{1, 2}})
	must(t, err)
	all := slices.Concat(bodies...)
	fmt.Fprintf(&list, "parts %d %x\n", len(all), sha256.Sum256(all))
	id, err = p.CreateUpload(t.Context(), "golden", "upload", UploadOptions{})
	must(t, err)
	part("upload", id, 1, randomBody(11, 5000))
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
