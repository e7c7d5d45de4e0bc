package blockstore

import (
	"errors"
	"testing"

	"github.com/holdfast-storage/holdfast/blockstore/faultfs"
)

// TestInterruptedCreation: a crash at any moment while a pool is made leaves
// directories that the next start with Init makes a pool of.
func TestInterruptedCreation(t *testing.T) {
	o, fsys := memOptions(t, 4)
	var images []*faultfs.FS
	fsys.AfterSync(func(faultfs.Op) { images = append(images, fsys.PowerCut(nil, 0), fsys.Kill()) })
	if err := create(mustDefault(t, o)); err != nil {
		t.Fatal(err)
	}
	fsys.AfterSync(nil)
	for i, image := range images {
		o.FS = image
		p, err := Open(t.Context(), o)
		if err != nil {
			t.Fatalf("image %d of %d: %v", i, len(images), err)
		}
		if s, err := p.Status(t.Context()); err != nil || s.Pool.State != "ONLINE" || len(s.Drives) != 4 {
			t.Errorf("image %d: %+v, %v", i, s.Pool, err)
		}
		if err := p.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(images) < 20 {
		t.Errorf("only %d images", len(images))
	}
}

// TestNothingIsCreatedWithoutInit: all mounts missing at boot.
func TestNothingIsCreatedWithoutInit(t *testing.T) {
	o, fsys := memOptions(t, 4)
	o.Init = false
	before := fsys.Ops()
	if _, err := Open(t.Context(), o); !errors.Is(err, ErrNoPool) {
		t.Fatalf("open: %v", err)
	}
	if list, err := fsys.List("/pool"); err != nil || len(list) != 0 {
		t.Errorf("%v, %v after %d operations", list, err, fsys.Ops()-before)
	}
}

func mustDefault(t *testing.T, o Options) Options {
	t.Helper()
	o, err := o.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	return o
}
