package blockstore

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/blockstore/faultfs"
)

// TestReadOnlyOption: a pool that is only looked at serves all that is settled,
// with its catalogs and without, and changes nothing on any drive.
func TestReadOnlyOption(t *testing.T) {
	o, fsys := memOptions(t, 6)
	p := openPool(t, o)
	if err := p.CreateBucket(t.Context(), "bucket"); err != nil {
		t.Fatal(err)
	}
	for i, n := range bodySizes {
		putBytes(t, p, "bucket", fmt.Sprint(n), randomBody(uint64(i), n))
	}
	if err := replicated(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	look := o
	look.ReadOnly, look.Init = true, false
	if _, err := Open(t.Context(), look); !errors.Is(err, drive.ErrLocked) {
		t.Fatalf("of a pool that is open: %v", err)
	}
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	look.Init = true
	if _, err := Open(t.Context(), look); !errors.Is(err, ErrOptions) {
		t.Fatalf("with Init: %v", err)
	}
	look.Init = false
	for _, catalogs := range []bool{true, false} {
		if !catalogs {
			wipeCatalogs(fsys, o.Dirs)
		}
		fsys.SetHook(func(op faultfs.Op) faultfs.Fault {
			if op.Kind.Changes() && op.Kind != faultfs.Lock {
				t.Errorf("a pool that is looked at does %v %s", op.Kind, op.Path)
			}
			return faultfs.Fault{}
		})
		p, err := Open(t.Context(), look)
		if err != nil {
			t.Fatal(err)
		}
		for i, n := range bodySizes[:len(bodySizes)-1] { // the last is settled by a catalog only
			wantBytes(t, p, "bucket", fmt.Sprint(n), randomBody(uint64(i), n))
		}
		if _, err := p.Put(t.Context(), "bucket", "new", bytes.NewReader(nil), PutOptions{}); !errors.Is(err, ErrReadOnly) {
			t.Errorf("put: %v", err)
		}
		if _, err := Open(t.Context(), o); !errors.Is(err, drive.ErrLocked) {
			t.Errorf("a second opening: %v", err)
		}
		if err := p.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		fsys.SetHook(nil)
	}
	p = openPool(t, o)
	for i, n := range bodySizes {
		wantBytes(t, p, "bucket", fmt.Sprint(n), randomBody(uint64(i), n))
	}
}
