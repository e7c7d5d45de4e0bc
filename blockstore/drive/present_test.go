package drive

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func TestPresent(t *testing.T) {
	readAll := func(t *testing.T, path string) []byte {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, c := range []struct {
		name string
		do   func(t *testing.T, dir string)
	}{
		{"removed", func(t *testing.T, dir string) {
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		}},
		{"moved", func(t *testing.T, dir string) {
			if err := os.Rename(dir, dir+"-elsewhere"); err != nil {
				t.Fatal(err)
			}
		}},
		{"replaced by an empty directory", func(t *testing.T, dir string) {
			if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)); err != nil {
				t.Fatal(err)
			}
		}},
		{"replaced by a file", func(t *testing.T, dir string) {
			if err := errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600)); err != nil {
				t.Fatal(err)
			}
		}},
		{"replaced by a copy", func(t *testing.T, dir string) {
			b := readAll(t, filepath.Join(dir, labelName))
			err := errors.Join(os.RemoveAll(dir), os.MkdirAll(filepath.Join(dir, segmentsName), 0o700),
				os.WriteFile(filepath.Join(dir, labelName), b, 0o600))
			if err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "d0")
			d := create(t, vfs.Default, dir)
			if err := d.Present(); err != nil {
				t.Fatal(err)
			}
			if err := d.WriteLabel(d.Label()); err != nil {
				t.Fatal(err)
			}
			f, err := d.CreateSegment(ownHeader(1))
			if err != nil {
				t.Fatal(err)
			}
			c.do(t, dir)
			if err := d.Present(); !errors.Is(err, ErrRemoved) {
				t.Fatalf("Present: %v", err)
			}
			if _, err := d.CreateSegment(ownHeader(2)); !errors.Is(err, ErrRemoved) {
				t.Fatalf("CreateSegment: %v", err)
			}
			if err := d.WriteLabel(d.Label()); !errors.Is(err, ErrRemoved) {
				t.Fatalf("WriteLabel: %v", err)
			}
			if _, err := d.CatalogDir(); !errors.Is(err, ErrRemoved) {
				t.Fatalf("CatalogDir: %v", err)
			}
			// Open descriptors go on working, which proves nothing.
			if err := write(t, f, make([]byte, 4096), 4096); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestPresentWithoutInodes(t *testing.T) {
	mem := vfs.NewMem()
	d := create(t, mem, "/d0")
	if err := d.Present(); err != nil {
		t.Fatal(err)
	}
	if err := mem.Remove("/d0/label"); err != nil {
		t.Fatal(err)
	}
	if err := d.Present(); !errors.Is(err, ErrRemoved) {
		t.Fatal(err)
	}
	f, err := mem.Create("/d0/label", vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	l := sampleLabel()
	l.Drive = id(0x99)
	if _, err := io.Copy(f, bytes.NewReader(l.Encode())); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := d.Present(); !errors.Is(err, ErrRemoved) {
		t.Fatal(err)
	}
}

// TestPresentWhileLabelsChange must not take a label of our own for another's.
func TestPresentWhileLabelsChange(t *testing.T) {
	d := create(t, vfs.Default, filepath.Join(t.TempDir(), "d0"))
	stop, done := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-stop:
				done <- nil
				return
			default:
				if err := d.Present(); err != nil {
					done <- err
					return
				}
			}
		}
	}()
	for i := range 50 {
		l := d.Label()
		l.Epoch = uint32(100 + i)
		if err := d.WriteLabel(l); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// TestDesertedButForACatalog: a replica of the catalog may go on being made where
// a disk was mounted. That is no drive, and none is made over it.
func TestDesertedButForACatalog(t *testing.T) {
	fsys := vfs.NewMem()
	for _, path := range []string{"d/catalog/MANIFEST-000001", "e/segments/00000001-00000001", "f/strange"} {
		if err := fsys.MkdirAll(fsys.PathDir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		f, err := fsys.Create(path, vfs.WriteCategoryUnspecified)
		if err == nil {
			err = f.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for dir, want := range map[string][2]bool{"none": {true, true}, "d": {false, true}, "e": {false, false}, "f": {false, false}} {
		vacant, err := Vacant(fsys, dir)
		deserted, err2 := Deserted(fsys, dir)
		if err != nil || err2 != nil || [2]bool{vacant, deserted} != want {
			t.Errorf("%s: vacant %v, deserted %v, %v, %v; want %v", dir, vacant, deserted, err, err2, want)
		}
	}
}
