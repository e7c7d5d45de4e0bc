package drive

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func create(t *testing.T, fsys vfs.FS, dir string) *Drive {
	t.Helper()
	d, err := Create(Options{FS: fsys, Logger: slog.New(slog.DiscardHandler)}, dir, sampleLabel())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// ownHeader is the header of a segment file of the sample drive.
func ownHeader(counter uint32) FileHeader {
	h := sampleFileHeader()
	h.Index, h.Drive, h.Segment = 0, h.Drives[0], NewSegmentID(7, counter)
	return h
}

func write(t *testing.T, f *File, p []byte, off int64) error {
	t.Helper()
	done := make(chan error, 2)
	f.WriteAt(p, off, func(err error) { done <- err })
	return <-done
}

func syncFile(t *testing.T, f *File) error {
	t.Helper()
	done := make(chan error, 2)
	f.Sync(func(err error) { done <- err })
	return <-done
}

func TestLifeOnEveryFS(t *testing.T) {
	for _, real := range []bool{false, true} {
		name, fsys, dir := "mem", vfs.FS(vfs.NewMem()), "/pool/d0"
		if real {
			name, fsys, dir = "real", vfs.Default, filepath.Join(t.TempDir(), "a", "d0")
		}
		t.Run(name, func(t *testing.T) {
			if _, err := Open(Options{FS: fsys}, dir); !errors.Is(err, ErrNotFound) {
				t.Fatalf("open of nothing: %v", err)
			}
			d := create(t, fsys, dir)
			if _, err := Open(Options{FS: fsys}, dir); !errors.Is(err, ErrLocked) {
				t.Fatalf("second open: %v", err)
			}
			if _, err := Create(Options{FS: fsys}, dir, sampleLabel()); !errors.Is(err, ErrNotEmpty) {
				t.Fatalf("create over a drive: %v", err)
			}
			f, err := d.CreateSegment(ownHeader(1))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := d.CreateSegment(ownHeader(1)); !errors.Is(err, fs.ErrExist) {
				t.Fatalf("the same segment again: %v", err)
			}
			b := bytes.Repeat([]byte("holdfast"), 512)
			if err := write(t, f, b, 8192); err != nil {
				t.Fatal(err)
			}
			if err := syncFile(t, f); err != nil {
				t.Fatal(err)
			}
			if err := f.Uncached(); err != nil {
				t.Fatal(err)
			}
			got := bytes.Repeat([]byte{1}, 16384)
			if err := f.ReadAt(t.Context(), got, 4096, nil); err != nil {
				t.Fatal(err)
			}
			if want := slices.Concat(make([]byte, 4096), b, make([]byte, 8192)); !bytes.Equal(got, want) {
				t.Fatal("a hole, the data and what is behind the end do not read back")
			}
			if n, err := f.Size(); n != 12288 || err != nil {
				t.Fatalf("size %d, %v", n, err)
			}
			l := d.Label()
			l.Epoch, l.Old = 8, nil
			if err := d.WriteLabel(l); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(d.Present(), d.SyncDir()); err != nil {
				t.Fatal(err)
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			if err := write(t, f, b, 4096); !errors.Is(err, ErrClosed) {
				t.Fatalf("write after close: %v", err)
			}
			if err := d.WriteLabel(l); !errors.Is(err, ErrClosed) {
				t.Fatalf("label after close: %v", err)
			}

			d, err = Open(Options{FS: fsys}, dir)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			if got := d.Label(); got.Epoch != 8 || got.Old != nil || d.ID() != sampleLabel().Drive {
				t.Fatalf("label %+v", got)
			}
			if ids, err := d.Segments(); err != nil || !slices.Equal(ids, []SegmentID{NewSegmentID(7, 1)}) {
				t.Fatalf("segments %v, %v", ids, err)
			}
			f, h, err := d.OpenSegment(NewSegmentID(7, 1))
			if err != nil || h.Segment != f.Segment() || h.Kind != Bulk {
				t.Fatalf("%+v, %v", h, err)
			}
			if _, _, err := d.OpenSegment(NewSegmentID(7, 2)); !errors.Is(err, fs.ErrNotExist) {
				t.Fatalf("open of a segment that is not there: %v", err)
			}
			if err := d.RemoveSegment(NewSegmentID(7, 1)); err != nil {
				t.Fatal(err)
			}
			if err := f.ReadAt(t.Context(), got, 0, nil); err != nil {
				t.Fatalf("read of a file that is open and removed: %v", err)
			}
			if ids, err := d.Segments(); err != nil || len(ids) != 0 {
				t.Fatalf("segments %v, %v", ids, err)
			}
			if r, w, c := d.Errors(); r+w+c != 0 {
				t.Fatalf("errors %d %d %d", r, w, c)
			}
		})
	}
}

func TestModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d0")
	d := create(t, vfs.Default, dir)
	if _, err := d.CreateSegment(ownHeader(1)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, CatalogName)); err != nil {
		t.Fatal(err)
	}
	if got, err := d.CatalogDir(); err != nil || got != filepath.Join(dir, CatalogName) {
		t.Fatal(got, err)
	}
	var names []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := e.Info()
		want := fs.FileMode(0o600)
		if e.IsDir() {
			want = 0o700
		}
		if fi.Mode().Perm() != want {
			t.Errorf("%s: mode %v", path, fi.Mode())
		}
		rel, _ := filepath.Rel(dir, path)
		names = append(names, rel)
		return err
	})
	want := []string{".", "catalog", "label", "lock", "segments", "segments/00000007-00000001"}
	if err != nil || !slices.Equal(names, want) {
		t.Fatalf("%v, %v", names, err)
	}
	if free, total, err := d.FreeBytes(); err != nil || free == 0 || total < free {
		t.Fatalf("free %d of %d, %v", free, total, err)
	}
}

func TestOpenChangesNothingWithoutLabel(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(Options{}, dir); !errors.Is(err, ErrNoLabel) {
		t.Fatal(err)
	}
	if names, _ := vfs.Default.List(dir); len(names) != 0 {
		t.Fatalf("left %v in a directory that is no drive", names)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{}, file); !errors.Is(err, syscall.ENOTDIR) {
		t.Fatalf("open of a file: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, labelName), make([]byte, maxLabel+10), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{}, dir); !errors.Is(err, ErrMalformed) {
		t.Fatalf("open with a label of zeros: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, lockName)); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("lock beside a label that is none: %v", err)
	}
}

func TestVacant(t *testing.T) {
	mem := vfs.NewMem()
	for _, c := range []struct {
		name  string
		paths []string // ending in / if directories
		want  bool
	}{
		{"absent", nil, true},
		{"empty", []string{"/"}, true},
		{"file system root", []string{"/lost+found/"}, true},
		{"interrupted create", []string{"/segments/", "/catalog/", "/lock", "/label.new"}, true},
		{"segment", []string{"/segments/", "/segments/00000001-00000000"}, false},
		{"catalog", []string{"/catalog/", "/catalog/MANIFEST"}, false},
		{"label", []string{"/label"}, false},
		{"other", []string{"/holiday.jpg"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := "/" + c.name
			for _, p := range c.paths {
				if p[len(p)-1] == '/' {
					p = p[:len(p)-1]
					if err := mem.MkdirAll(dir+p, 0o700); err != nil {
						t.Fatal(err)
					}
					continue
				}
				if err := mem.MkdirAll(dir, 0o700); err != nil {
					t.Fatal(err)
				}
				f, err := mem.Create(dir+p, vfs.WriteCategoryUnspecified)
				if err != nil {
					t.Fatal(err)
				}
				f.Close()
			}
			if got, err := Vacant(mem, dir); got != c.want || err != nil {
				t.Fatalf("%v, %v", got, err)
			}
			d, err := Create(Options{FS: mem}, dir, sampleLabel())
			if !c.want {
				if !errors.Is(err, ErrNotEmpty) {
					t.Fatalf("create: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			d.Close()
		})
	}
}

// TestStaleNewLabelIsReplaced: opening writes nothing, for a pool that is
// read-only writes nothing; the next label takes the stale one's place.
func TestStaleNewLabelIsReplaced(t *testing.T) {
	mem := vfs.NewMem()
	create(t, mem, "/d0").Close()
	f, err := mem.Create("/d0/label.new", vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	d, err := Open(Options{FS: mem}, "/d0")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.WriteLabel(d.Label()); err != nil {
		t.Fatal(err)
	}
	if _, err := mem.Stat("/d0/label.new"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
}

// TestOrderOfSyncs holds what must be durable before what.
func TestOrderOfSyncs(t *testing.T) {
	h := newHookFS(vfs.NewMem())
	d := create(t, h, "/pool/d0")
	want := []string{
		"mkdir /pool", "sync /", "mkdir /pool/d0", "sync /pool",
		"mkdir /pool/d0/segments", "mkdir /pool/d0/catalog",
		"sync /pool/d0/segments", "sync /pool/d0/catalog", "sync /pool/d0", "sync /pool",
		"create /pool/d0/label.new", "write /pool/d0/label.new", "sync /pool/d0/label.new",
		"rename /pool/d0/label", "sync /pool/d0",
	}
	if got := h.log(); !slices.Equal(got, want) {
		t.Fatalf("Create: %q", got)
	}
	if _, err := d.CreateSegment(ownHeader(1)); err != nil {
		t.Fatal(err)
	}
	file := "/pool/d0/segments/00000007-00000001"
	want = []string{"open " + file, "write " + file, "sync " + file, "sync /pool/d0/segments"}
	if got := h.log(); !slices.Equal(got, want) {
		t.Fatalf("CreateSegment: %q", got)
	}
	if err := d.WriteLabel(d.Label()); err != nil {
		t.Fatal(err)
	}
	want = []string{
		"create /pool/d0/label.new", "write /pool/d0/label.new", "sync /pool/d0/label.new",
		"rename /pool/d0/label", "sync /pool/d0",
	}
	if got := h.log(); !slices.Equal(got, want) {
		t.Fatalf("WriteLabel: %q", got)
	}
}

// TestCrashDuringCreateAndLabel cuts the power after every sync; a directory
// with a label must be a whole drive, and a label the old one or the new one.
func TestCrashDuringCreateAndLabel(t *testing.T) {
	mem := vfs.NewCrashableMem()
	h := newHookFS(mem)
	labelled := 0
	h.set(func(op, _ string) error {
		image := mem.CrashClone(vfs.CrashCloneCfg{})
		d, err := Open(Options{FS: image}, "/pool/d0")
		if errors.Is(err, ErrNotFound) || errors.Is(err, ErrNoLabel) {
			if vacant, err := Vacant(image, "/pool/d0"); !vacant || err != nil {
				t.Errorf("before %s: neither a drive nor vacant: %v", op, err)
			}
			if labelled > 0 {
				t.Errorf("before %s: the label is gone", op)
			}
			return nil
		}
		if err != nil {
			t.Errorf("before %s: %v", op, err)
			return nil
		}
		labelled++
		if _, err := d.Segments(); err != nil {
			t.Errorf("before %s: %v", op, err)
		}
		if e := d.Label().Epoch; e != 7 && e != 8 {
			t.Errorf("before %s: epoch %d", op, e)
		}
		return d.Close()
	})
	d := create(t, h, "/pool/d0")
	l := d.Label()
	l.Epoch = 8
	if err := d.WriteLabel(l); err != nil {
		t.Fatal(err)
	}
	h.set(nil)
	image := mem.CrashClone(vfs.CrashCloneCfg{})
	got, err := ReadLabel(image, "/pool/d0")
	if err != nil || got.Epoch != 8 || labelled == 0 {
		t.Fatalf("%+v, %v", got, err)
	}
}

func TestForeignSegments(t *testing.T) {
	mem := vfs.NewMem()
	d := create(t, mem, "/d0")
	other := ownHeader(1)
	other.Drive = id(0x77)
	if _, err := d.CreateSegment(other); !errors.Is(err, ErrForeign) {
		t.Fatalf("create: %v", err)
	}
	page := make([]byte, FileHeaderBytes)
	other.EncodeTo(page)
	put := func(b []byte) {
		f, err := mem.Create("/d0/segments/00000007-00000001", vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		f.Write(bytes.Clone(b)) // a vfs.File may change what it is given
		f.Close()
	}
	put(page)
	if _, _, err := d.OpenSegment(NewSegmentID(7, 1)); !errors.Is(err, ErrForeign) {
		t.Fatalf("open: %v", err)
	}
	put(page[:100])
	if _, _, err := d.OpenSegment(NewSegmentID(7, 1)); !errors.Is(err, ErrChecksum) {
		t.Fatalf("open of a cut file: %v", err)
	}
	f, err := d.OpenFile(NewSegmentID(7, 1))
	if err != nil {
		t.Fatalf("a damaged first page must not hide the blocks: %v", err)
	}
	f.Close()
	if err := f.ReadAt(t.Context(), page, 0, nil); !errors.Is(err, ErrClosed) {
		t.Fatalf("read of a closed file: %v", err)
	}
	wrong := d.Label()
	wrong.Drive = id(0x77)
	if err := d.WriteLabel(wrong); !errors.Is(err, ErrForeign) {
		t.Fatalf("label of another drive: %v", err)
	}
}
