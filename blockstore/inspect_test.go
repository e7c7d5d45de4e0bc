package blockstore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// inspectAll gives the documents that Inspect makes.
func inspectAll(ctx context.Context, fsys vfs.FS, paths ...string) (docs []any, err error) {
	err = Inspect(ctx, fsys, paths, func(doc any) error {
		docs = append(docs, doc)
		return nil
	})
	return docs, err
}

func docsOf[T any](docs []any) (list []T) {
	for _, d := range docs {
		if d, ok := d.(T); ok {
			list = append(list, d)
		}
	}
	return list
}

// TestInspectGoldenPool: of all three drives together every batch can be read,
// of one drive those that one column is enough for; every document is JSON.
func TestInspectGoldenPool(t *testing.T) {
	docs, err := inspectAll(t.Context(), nil, dirsOf(3, goldenPool)...)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(docsOf[InspectedLabel](docs)); n != 3 {
		t.Errorf("%d labels", n)
	}
	blocks := 0
	for _, s := range docsOf[InspectedSum](docs) {
		blocks += int(s.Blocks)
		if s.BadBlocks+s.WrongBlocks+s.DamagedBytes+s.UnreadableBytes != 0 {
			t.Errorf("damage in a good pool: %+v", s)
		}
	}
	if n := len(docsOf[InspectedBlock](docs)); n != blocks || n != 31 {
		t.Errorf("%d blocks, %d good ones", n, blocks)
	}
	batches := docsOf[InspectedBatch](docs)
	for i, b := range batches {
		if b.LSN != uint64(i+1) || b.Error != "" || b.Records == 0 || int64(b.Shown) != b.Records {
			t.Errorf("batch %+v", b)
		}
	}
	if len(batches) != 13 {
		t.Errorf("%d batches", len(batches))
	}
	var deletes, entries int
	for _, r := range docsOf[InspectedRecord](docs) {
		if r.Record == "delete" {
			deletes++
		}
	}
	for _, e := range docsOf[InspectedEntry](docs) {
		entries++
		if e.Error != "" {
			t.Errorf("entry %+v", e)
		}
	}
	if deletes != 1 || entries != 9 {
		t.Errorf("%d deletes, %d entries restated", deletes, entries)
	}
	for _, d := range docs {
		var back struct{ Type string }
		text, err := json.Marshal(d)
		if err != nil || json.Unmarshal(text, &back) != nil || back.Type == "" {
			t.Fatalf("%T as JSON: %s, %v", d, text, err)
		}
	}

	docs, err = inspectAll(t.Context(), nil, filepath.Join(goldenPool, "d1"))
	if err != nil {
		t.Fatal(err)
	}
	readable := 0
	for _, b := range docsOf[InspectedBatch](docs) {
		if b.Error == "" {
			readable++
		} else if b.DataColumns == 1 {
			t.Errorf("one column is enough for batch %+v", b)
		}
	}
	if readable != 8 {
		t.Errorf("%d batches can be read from one drive", readable)
	}
}

// TestInspectDamage: what is damaged is shown as such, and what is behind it is
// shown all the same.
func TestInspectDamage(t *testing.T) {
	const name = "00000002-00000001"
	good, err := os.ReadFile(filepath.Join(goldenPool, "d1", "segments", name))
	if err != nil {
		t.Fatal(err)
	}
	other, err := os.ReadFile(filepath.Join(goldenPool, "d2", "segments", name))
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name   string
		file   string // its name; empty: the segment's
		change func(b []byte) []byte
		want   InspectedSum
		fails  error
	}{
		{"none", "", func(b []byte) []byte { return b }, InspectedSum{Blocks: 10, HoleBytes: 3 * 4096}, nil},
		{"a copy of another name", "copy", func(b []byte) []byte { return b }, InspectedSum{Blocks: 10, HoleBytes: 3 * 4096}, nil},
		{"first page", "", func(b []byte) []byte { clear(b[:4096]); return b }, InspectedSum{Blocks: 10, HoleBytes: 3 * 4096}, nil},
		{"first page of a copy", "copy", func(b []byte) []byte { b[20] ^= 1; return b }, InspectedSum{Blocks: 10, HoleBytes: 3 * 4096}, nil},
		{"a header", "", func(b []byte) []byte { b[12288+50] ^= 1; return b }, InspectedSum{Blocks: 9, DamagedBytes: 4096, HoleBytes: 3 * 4096}, nil},
		{"a payload", "", func(b []byte) []byte { b[16384+9000] ^= 1; return b }, InspectedSum{Blocks: 9, BadBlocks: 1, HoleBytes: 3 * 4096}, nil},
		{"a page zeroed", "", func(b []byte) []byte { clear(b[4096:8192]); return b }, InspectedSum{Blocks: 9, HoleBytes: 4 * 4096}, nil},
		{"another file's block", "", func(b []byte) []byte { copy(b[4096:8192], other[4096:]); return b }, InspectedSum{Blocks: 9, WrongBlocks: 1, HoleBytes: 3 * 4096}, nil},
		{"a block elsewhere", "", func(b []byte) []byte { copy(b[8192:12288], b[4096:8192]); return b }, InspectedSum{Blocks: 10, WrongBlocks: 1, HoleBytes: 2 * 4096}, nil},
		{"cut in a block", "", func(b []byte) []byte { return b[:50_000] }, InspectedSum{Blocks: 5, BadBlocks: 1, HoleBytes: 2 * 4096}, nil},
		{"cut in the first page", "", func(b []byte) []byte { return b[:100] }, InspectedSum{}, nil},
		{"nothing", "", func([]byte) []byte { return nil }, InspectedSum{}, nil},
		{"no segment", "readme", func([]byte) []byte { return []byte("hello") }, InspectedSum{}, ErrNotHoldfast},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if c.file == "" {
				c.file = name
			}
			path := filepath.Join(t.TempDir(), c.file)
			if err := os.WriteFile(path, c.change(bytes.Clone(good)), 0o600); err != nil {
				t.Fatal(err)
			}
			docs, err := inspectAll(t.Context(), nil, path)
			if !errors.Is(err, c.fails) {
				t.Fatal(err)
			}
			if c.fails != nil {
				return
			}
			sums := docsOf[InspectedSum](docs)
			c.want.Type, c.want.Path = "sum", path
			if len(sums) != 1 || sums[0] != c.want {
				t.Errorf("got %+v, want %+v", sums, c.want)
			}
		})
	}
}

func TestInspectRefusals(t *testing.T) {
	o := Options{Dirs: dirsOf(2, t.TempDir()), Init: true}
	p := openPool(t, o)
	if err := errors.Join(p.CreateBucket(t.Context(), "bucket"), replicated(t.Context(), p)); err != nil {
		t.Fatal(err)
	}
	if _, err := inspectAll(t.Context(), nil, o.Dirs[0]); !errors.Is(err, drive.ErrLocked) {
		t.Errorf("a drive in use: %v", err)
	}
	if docs, err := inspectAll(t.Context(), nil, filepath.Join(o.Dirs[0], "label")); err != nil || len(docs) != 1 {
		t.Errorf("a label in use: %v", err)
	}
	if _, err := inspectAll(t.Context(), nil, t.TempDir()); !errors.Is(err, ErrNotHoldfast) {
		t.Errorf("an empty directory: %v", err)
	}
	if _, err := inspectAll(t.Context(), nil, filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("nothing: %v", err)
	}
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}

	before := treeOf(t, o.Dirs...)
	docs, err := inspectAll(t.Context(), nil, o.Dirs...)
	if err != nil {
		t.Fatal(err)
	}
	catalogs := docsOf[InspectedCatalog](docs)
	if len(catalogs) != 2 || catalogs[0].Digest != catalogs[1].Digest || catalogs[0].Entries["bucket"] != 1 || catalogs[0].Malformed != 0 {
		t.Errorf("catalogs %+v", catalogs)
	}
	if after := treeOf(t, o.Dirs...); after != before {
		t.Error("inspecting has changed the drives")
	}
	if err := os.WriteFile(filepath.Join(o.Dirs[1], "label"), []byte("HFLABEL\x00 and no more"), 0o600); err != nil {
		t.Fatal(err)
	}
	docs, err = inspectAll(t.Context(), nil, o.Dirs...)
	if labels := docsOf[InspectedLabel](docs); err != nil || len(labels) != 2 || labels[1].Error == "" {
		t.Errorf("a damaged label: %+v, %v", labels, err)
	}
}

// treeOf is all that lies in directories, as one string: names, modes, times of
// change and bytes.
func treeOf(t *testing.T, dirs ...string) string {
	t.Helper()
	var b strings.Builder
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			fi, err := e.Info()
			if err != nil {
				return err
			}
			b.WriteString(path + " " + fi.Mode().String() + " " + fi.ModTime().String() + "\n")
			if e.IsDir() {
				return nil
			}
			text, err := os.ReadFile(path)
			b.Write(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

// walkBytes walks the bytes of a segment's file.
func walkBytes(t *testing.T, b []byte) {
	fsys := vfs.NewMem()
	f, err := fsys.Create("/00000002-00000001", vfs.WriteCategoryUnspecified)
	if err == nil {
		_, err = f.Write(bytes.Clone(b))
	}
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	docs, err := inspectAll(t.Context(), fsys, "/00000002-00000001")
	if err != nil {
		t.Fatal(err)
	}
	last := int64(0)
	forward := func(off, n int64) {
		if off <= last || n < 1 {
			t.Fatalf("%d bytes at %d behind %d", n, off, last)
		}
		last = off
	}
	for _, d := range docs {
		switch d := d.(type) {
		case InspectedBlock:
			forward(d.Offset, d.Bytes)
		case InspectedRange:
			forward(d.Offset, d.Bytes)
			if d.Offset+d.Bytes > int64(len(b)) {
				t.Fatalf("%+v in a file of %d bytes", d, len(b))
			}
		}
	}
}

// FuzzInspect walks any bytes as a segment's file: it goes forward, shows only
// what is there, and comes to an end.
func FuzzInspect(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, dir := range dirsOf(3, goldenPool) {
		b, err := os.ReadFile(filepath.Join(dir, "segments", "00000002-00000001"))
		if err != nil {
			f.Fatal(err)
		}
		// Short ones: the fuzzer takes long to minimize others.
		f.Add(b[:12288])
		f.Add(b[:r.IntN(12288)])
		flipped := bytes.Clone(b[:12288])
		for range 8 {
			flipped[r.IntN(len(flipped))] ^= byte(1 << r.IntN(8))
		}
		f.Add(flipped)
		f.Add(append(bytes.Clone(b[:4096]), b[8192:12288]...))
	}
	f.Fuzz(func(t *testing.T, b []byte) { walkBytes(t, b) })
}
