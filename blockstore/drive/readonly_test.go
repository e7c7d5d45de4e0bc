package drive

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestReadOnly: a drive that is opened to be looked at changes nothing, the
// lock's file included, and still keeps others away and is kept away.
func TestReadOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	l := sampleLabel()
	d, err := Create(Options{}, dir, l)
	if err != nil {
		t.Fatal(err)
	}
	f, err := d.CreateSegment(ownHeader(1))
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	look := Options{ReadOnly: true}
	if _, err := Open(look, dir); !errors.Is(err, ErrLocked) {
		t.Fatalf("a drive that is in use: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}

	d, err = Open(look, dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{}, dir); !errors.Is(err, ErrLocked) {
		t.Fatalf("a drive that is looked at: %v", err)
	}
	f, _, err = d.OpenSegment(NewSegmentID(7, 1))
	if err != nil {
		t.Fatal(err)
	}
	_, catalog := d.CatalogDir()
	_, another := d.CreateSegment(ownHeader(2))
	for i, err := range []error{
		write(t, f, []byte{1}, 4096), syncFile(t, f), d.WriteLabel(d.Label()), another,
		d.SyncDir(), d.RemoveSegment(NewSegmentID(7, 1)), catalog,
	} {
		if !errors.Is(err, ErrReadOnly) {
			t.Errorf("operation %d: %v", i, err)
		}
	}
	if err := errors.Join(d.Failed(), d.Present(), f.ReadAt(t.Context(), make([]byte, 4), 0, nil), d.Close()); err != nil {
		t.Error(err)
	}

	// A copy has no lock's file, and gets none.
	if err := os.Remove(filepath.Join(dir, lockName)); err != nil {
		t.Fatal(err)
	}
	d, err = Open(look, dir)
	if err == nil {
		err = d.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := vfs.Default.Stat(filepath.Join(dir, lockName)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the lock's file was made: %v", err)
	}
}
