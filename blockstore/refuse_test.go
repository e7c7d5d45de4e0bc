package blockstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/blockstore/faultfs"
)

// tree is every file of a file system with its bytes, and every directory.
func tree(t *testing.T, fsys *faultfs.FS) map[string]string {
	t.Helper()
	all := make(map[string]string)
	var walk func(dir string)
	walk = func(dir string) {
		names, err := fsys.List(dir)
		if err != nil {
			t.Fatal(err)
		}
		all[dir] = "directory"
		for _, name := range names {
			p := path.Join(dir, name)
			// The catalog of another daemon goes on while this looks.
			busy := path.Base(dir) == drive.CatalogName
			fi, err := fsys.Stat(p)
			if busy && errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if fi.IsDir() {
				walk(p)
				continue
			}
			b, err := readAll(fsys, p)
			if err != nil && !(busy && errors.Is(err, fs.ErrNotExist)) {
				t.Fatal(err)
			}
			all[p] = string(b)
		}
	}
	walk("/")
	return all
}

func readFile(t *testing.T, fsys *faultfs.FS, name string) []byte {
	t.Helper()
	b, err := readAll(fsys, name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func readAll(fsys *faultfs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(f)
	return b, errors.Join(err, f.Close())
}

func writeFile(t *testing.T, fsys *faultfs.FS, name string, b []byte) {
	t.Helper()
	f, err := fsys.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Write(slices.Clone(b))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// refused demands that Open refuses, says why, and changes nothing.
func refused(t *testing.T, o Options, fsys *faultfs.FS, want error, says string) {
	t.Helper()
	before := tree(t, fsys)
	p, err := Open(t.Context(), o)
	if err == nil {
		_ = p.Close(context.Background())
		t.Fatal("it was opened")
	}
	if !errors.Is(err, want) {
		t.Errorf("%v, want one that wraps %q", err, want)
	}
	after := tree(t, fsys)
	if errors.Is(want, drive.ErrLocked) { // the catalogs are the first daemon's, and busy
		for _, all := range []map[string]string{before, after} {
			maps.DeleteFunc(all, func(name, _ string) bool { return strings.Contains(name, "/catalog") })
		}
	}
	if !strings.Contains(err.Error(), says) {
		t.Errorf("%q does not say %q", err, says)
	}
	for name, was := range before {
		if now, ok := after[name]; !ok {
			t.Errorf("%s is gone", name)
		} else if now != was {
			t.Errorf("%s was changed", name)
		}
	}
	for name := range after {
		if _, ok := before[name]; !ok {
			t.Errorf("%s was made", name)
		}
	}
}

// closedPool is a pool of n drives that was used and closed.
func closedPool(t *testing.T, n int) (Options, *faultfs.FS) {
	t.Helper()
	p, o, fsys := poolWithBucket(t, n, nil)
	putBytes(t, p, "bucket", "key", []byte("value"))
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return o, fsys
}

// TestOpenRefuses: what Open refuses, with and without Init, and that a refusal
// changes nothing on any drive.
func TestOpenRefuses(t *testing.T) {
	mkdir := func(t *testing.T, fsys *faultfs.FS, dir string) {
		t.Helper()
		if err := fsys.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	cases := map[string]struct {
		want error
		says string
		set  func(t *testing.T, o *Options, fsys *faultfs.FS)
	}{
		"two directories with one identity": {ErrForeign, "/pool/copy", func(t *testing.T, o *Options, fsys *faultfs.FS) {
			fsys.Restore("/pool/copy", fsys.Snapshot(o.Dirs[1]))
			o.Dirs = append(o.Dirs, "/pool/copy")
		}},
		"a copy in place of another drive": {ErrForeign, "/pool/d2", func(t *testing.T, o *Options, fsys *faultfs.FS) {
			fsys.Restore(o.Dirs[0], fsys.Snapshot(o.Dirs[1]))
		}},
		"a directory of another pool": {ErrForeign, "/other/d1", func(t *testing.T, o *Options, fsys *faultfs.FS) {
			mkdir(t, fsys, "/other")
			other := Options{Init: true, FS: fsys, Dirs: dirsOf(4, "/other")}
			if err := openPool(t, other).Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			o.Dirs = append(o.Dirs[:3:3], "/other/d1")
		}},
		"an empty directory beside a whole pool": {ErrForeign, "drive add", func(t *testing.T, o *Options, fsys *faultfs.FS) {
			mkdir(t, fsys, "/pool/extra")
			o.Dirs = append(o.Dirs, "/pool/extra")
		}},
		"an absent directory beside a whole pool": {ErrForeign, "/pool/extra", func(t *testing.T, o *Options, fsys *faultfs.FS) {
			o.Dirs = append(o.Dirs, "/pool/extra")
		}},
		"a directory with something else in it": {ErrForeign, "/pool/photos", func(t *testing.T, o *Options, fsys *faultfs.FS) {
			mkdir(t, fsys, "/pool/photos")
			writeFile(t, fsys, "/pool/photos/cat.jpg", []byte("meow"))
			o.Dirs = append(o.Dirs[:3:3], "/pool/photos")
		}},
		"a directory given twice": {ErrOptions, "twice", func(t *testing.T, o *Options, fsys *faultfs.FS) {
			o.Dirs = append(o.Dirs, o.Dirs[0]+"/")
		}},
		"another parity": {ErrOptions, "parity 2", func(t *testing.T, o *Options, fsys *faultfs.FS) { o.Parity = 1 }},
		"a segment size that cannot be": {ErrOptions, "64 KiB", func(t *testing.T, o *Options, fsys *faultfs.FS) {
			o.SegmentBytes = 100
		}},
		"no directory": {ErrOptions, "no directory", func(t *testing.T, o *Options, fsys *faultfs.FS) { o.Dirs = nil }},
		"three of four drives missing": {ErrQuorum, "missing", func(t *testing.T, o *Options, fsys *faultfs.FS) {
			for _, dir := range o.Dirs[1:] {
				fsys.Detach(dir)
			}
		}},
		"a second daemon": {drive.ErrLocked, "in use", func(t *testing.T, o *Options, fsys *faultfs.FS) {
			first := *o
			first.Init = false
			openPool(t, first)
		}},
		"a directory that may not be read": {syscall.EACCES, "/pool/d3", func(t *testing.T, o *Options, fsys *faultfs.FS) {
			fsys.SetHook(func(op faultfs.Op) faultfs.Fault {
				if op.Below("/pool/d3") && op.Kind == faultfs.Open {
					return faultfs.Fault{Err: syscall.EACCES}
				}
				return faultfs.Fault{}
			})
			t.Cleanup(func() { fsys.SetHook(nil) })
		}},
	}
	for name, c := range cases {
		for _, init := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, init %v", name, init), func(t *testing.T) {
				o, fsys := closedPool(t, 4)
				o.Init = init
				c.set(t, &o, fsys)
				if name == "a directory that may not be read" {
					refusedQuietly(t, o, c.want, c.says)
					return
				}
				refused(t, o, fsys, c.want, c.says)
			})
		}
	}
}

// refusedQuietly is refused where the files cannot be compared meanwhile.
func refusedQuietly(t *testing.T, o Options, want error, says string) {
	t.Helper()
	p, err := Open(t.Context(), o)
	if err == nil {
		_ = p.Close(context.Background())
		t.Fatal("it was opened")
	}
	if !errors.Is(err, want) || !strings.Contains(err.Error(), says) {
		t.Errorf("%v, want one that wraps %q and says %q", err, want, says)
	}
}

// TestInitRefuses: what no pool is made of.
func TestInitRefuses(t *testing.T) {
	cases := map[string]struct {
		drives, parity int
		want           error
		says           string
	}{
		"one drive":            {1, 0, ErrOptions, "at least 2"},
		"parity of all drives": {3, 3, ErrOptions, "parity 3"},
		"parity beyond drives": {3, 5, ErrOptions, "parity 5"},
		"parity beyond all":    {12, 9, ErrOptions, "from 1 to 8"},
		"negative parity":      {4, -1, ErrOptions, "parity -1"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			o, fsys := memOptions(t, c.drives)
			o.Parity = c.parity
			refused(t, o, fsys, c.want, c.says)
		})
	}
	t.Run("not asked for", func(t *testing.T) {
		o, fsys := memOptions(t, 4)
		o.Init = false
		refused(t, o, fsys, ErrNoPool, "--init")
	})
	t.Run("unwritable directories", func(t *testing.T) {
		for _, errno := range []error{syscall.EACCES, syscall.EROFS} {
			o, fsys := memOptions(t, 4)
			fsys.SetHook(func(op faultfs.Op) faultfs.Fault {
				if op.Kind.Changes() {
					return faultfs.Fault{Err: errno}
				}
				return faultfs.Fault{}
			})
			refused(t, o, fsys, errno, "/pool/d1")
		}
	})
}

// damagedLabels is a label cut and changed at every byte.
func damagedLabels(label []byte) map[string][]byte {
	damaged := map[string][]byte{
		"longer": append(slices.Clone(label), 0),
		"zeros":  make([]byte, len(label)),
	}
	for i := range label {
		flipped := slices.Clone(label)
		flipped[i] ^= 1 << (i % 8)
		damaged[fmt.Sprint("flipped at ", i)] = flipped
		damaged[fmt.Sprint("cut at ", i)] = label[:i]
	}
	return damaged
}

// TestDamagedLabels: labels cut or changed at any byte on more drives than may
// be lost are refused, by the names of their directories, and nothing is changed.
func TestDamagedLabels(t *testing.T) {
	o, fsys := closedPool(t, 3)
	o.Init = false
	before := tree(t, fsys)
	names := []string{path.Join(o.Dirs[0], "label"), path.Join(o.Dirs[1], "label")}
	labels := [][]byte{readFile(t, fsys, names[0]), readFile(t, fsys, names[1])}
	for what, first := range damagedLabels(labels[0]) {
		writeFile(t, fsys, names[0], first)
		writeFile(t, fsys, names[1], damagedLabels(labels[1])[what])
		p, err := Open(t.Context(), o)
		if err == nil {
			_ = p.Close(context.Background())
			t.Fatalf("%s: it was opened", what)
		}
		if !strings.Contains(err.Error(), o.Dirs[0]) && !strings.Contains(err.Error(), o.Dirs[1]) {
			t.Errorf("%s: %q names neither directory", what, err)
		}
	}
	writeFile(t, fsys, names[0], labels[0])
	writeFile(t, fsys, names[1], labels[1])
	after := tree(t, fsys)
	for file, was := range before {
		if after[file] != was {
			t.Errorf("%s was changed by a refusal", file)
		}
	}
	if len(after) != len(before) {
		t.Errorf("%d files and directories, not %d", len(after), len(before))
	}
	p := openPool(t, o)
	wantBytes(t, p, "bucket", "key", []byte("value"))
}

// TestOneDamagedLabel: a drive whose label rotted counts as missing; nothing is
// changed on it, and the status says why. A label of another version is refused.
func TestOneDamagedLabel(t *testing.T) {
	o, fsys := closedPool(t, 3)
	o.Init = false
	label := readFile(t, fsys, path.Join(o.Dirs[1], "label"))
	for _, what := range []string{"zeros", "longer", "flipped at 0", "flipped at 30", "flipped at 100", "flipped at 200", "cut at 0", "cut at 50"} {
		t.Run(what, func(t *testing.T) {
			image := fsys.Kill()
			o := o
			o.FS = image
			writeFile(t, image, path.Join(o.Dirs[1], "label"), damagedLabels(label)[what])
			before := tree(t, image)
			p := openPool(t, o)
			wantBytes(t, p, "bucket", "key", []byte("value"))
			putBytes(t, p, "bucket", "new", []byte("new"))
			s := status(t, p)
			if d := s.Drives[1]; d.State == "ONLINE" || !strings.Contains(d.Reason, o.Dirs[1]) || s.Pool.State != "DEGRADED" {
				t.Errorf("the pool is %s, the drive %+v", s.Pool.State, d)
			}
			if err := p.Close(t.Context()); err != nil {
				t.Error(err)
			}
			after := tree(t, image)
			for name, was := range before {
				if strings.HasPrefix(name, o.Dirs[1]) && after[name] != was {
					t.Errorf("%s was changed", name)
				}
			}
		})
	}
}

// TestNewerFormatIsRefused: a newer version, and a feature that must be known.
func TestNewerFormatIsRefused(t *testing.T) {
	for what, change := range map[string]func([]byte){
		"version": func(b []byte) { b[8]++ },
		"feature": func(b []byte) { b[16] |= 2 },
	} {
		t.Run(what, func(t *testing.T) {
			o, fsys := closedPool(t, 3)
			name := path.Join(o.Dirs[2], "label")
			label := readFile(t, fsys, name)
			change(label)
			writeFile(t, fsys, name, resum(label))
			refused(t, o, fsys, drive.ErrVersion, o.Dirs[2])
		})
	}
}

// resum gives changed label bytes a checksum that holds.
func resum(b []byte) []byte {
	end := len(b) - 8
	binary.LittleEndian.PutUint64(b[end:], xxhash.Sum64(b[:end]))
	return b
}
