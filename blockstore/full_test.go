package blockstore

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"
)

// TestOneDriveFull: a full disk is no fault of the drive (R7). New data goes to
// the others, at full redundancy, and nobody is left out.
func TestOneDriveFull(t *testing.T) {
	p, o, fsys := poolWithBucket(t, 6, func(o *Options) { o.PresencePeriod = 10 * time.Millisecond; o.SegmentBytes = 4 << 20 })
	storeSizes(t, p, "old")
	fsys.SetFree(o.Dirs[2], 100<<10)
	for round := range 3 {
		storeSizes(t, p, fmt.Sprint("new", round))
	}
	wantSizes(t, p, "old")
	wantSizes(t, p, "new0")
	wantSizes(t, p, "new2")
	s := status(t, p)
	for i, d := range s.Drives {
		if d.State != "ONLINE" {
			t.Errorf("drive %d is %s: %s", i+1, d.State, d.Reason)
		}
	}
	if s.Drives[2].WriteErrors != 0 {
		t.Errorf("%d write errors on the full drive", s.Drives[2].WriteErrors)
	}
	if s.Pool.ReadOnly {
		t.Errorf("the pool is read-only: %s", s.Pool.Reason)
	}
	// What was stored since stands two more losses.
	fsys.Unplug(o.Dirs[0])
	fsys.Unplug(o.Dirs[1])
	wantSizes(t, p, "new2")
}

// TestAllDrivesFull: puts are refused for lack of room, deletes go on, and so
// does everything once there is room (R19).
func TestAllDrivesFull(t *testing.T) {
	p, o, fsys := poolWithBucket(t, 6, func(o *Options) { o.PresencePeriod = 5 * time.Millisecond; o.SegmentBytes = 1 << 20 })
	storeSizes(t, p, "old")
	for _, dir := range o.Dirs {
		fsys.SetFree(dir, 24<<20)
	}
	var last error
	stored := 0
	for i := 0; last == nil && i < 10_000; i++ {
		body := randomBody(uint64(i), 100_000)
		if _, last = p.Put(t.Context(), "bucket", fmt.Sprint("fill", i), bytes.NewReader(body), PutOptions{Size: int64(len(body))}); last == nil {
			stored++
		}
	}
	if !errors.Is(last, ErrNoSpace) {
		t.Fatalf("after %d objects: %v", stored, last)
	}
	t.Logf("%d objects stored: %v", stored, last)
	for i := range stored {
		wantBytes(t, p, "bucket", fmt.Sprint("fill", i), randomBody(uint64(i), 100_000))
	}
	for i := range 50 {
		if existed, err := p.Delete(t.Context(), "bucket", fmt.Sprint("fill", i), Condition{}); err != nil || !existed {
			t.Fatalf("delete %d of %d on a full pool: %v, %v", i, stored, existed, err)
		}
	}
	wantSizes(t, p, "old")
	for i, d := range status(t, p).Drives {
		if d.State != "ONLINE" {
			t.Errorf("drive %d is %s: %s", i+1, d.State, d.Reason)
		}
	}
	for _, dir := range o.Dirs {
		fsys.SetFree(dir, -1)
	}
	waitFor(t, "room to be noticed", func() bool {
		_, err := p.Put(t.Context(), "bucket", "again", bytes.NewReader(nil), PutOptions{})
		return err == nil
	})
	storeSizes(t, p, "new")
	wantSizes(t, p, "new")
}

// TestFullByOneBody: a body larger than the pool is refused before the reserve
// is used up, even one that the pool knew nothing of since its last look. On the
// full pool objects are deleted, and it is closed and opened again (R19).
func TestFullByOneBody(t *testing.T) {
	p, o, fsys := poolWithBucket(t, 6, func(o *Options) { o.PresencePeriod, o.SegmentBytes = time.Hour, 4<<20 })
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, dir := range o.Dirs {
		fsys.SetFree(dir, 20<<20)
	}
	o.Init = false
	p = openPool(t, o)
	for i := range 10 {
		putBytes(t, p, "bucket", fmt.Sprint(i), randomBody(1, 1000))
	}
	for _, n := range []int{100 << 20, 100} { // in this order
		if _, err := p.Put(t.Context(), "bucket", "body", bytes.NewReader(randomBody(2, n)), PutOptions{Size: int64(n)}); !errors.Is(err, ErrNoSpace) {
			t.Errorf("the body of %d bytes: %v", n, err)
		}
	}
	for i := range 5 {
		if _, err := p.Delete(t.Context(), "bucket", fmt.Sprint(i), Condition{}); err != nil {
			t.Errorf("delete: %v", err)
		}
	}
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	p = openPool(t, o)
	for i := range 10 {
		if existed, err := p.Delete(t.Context(), "bucket", fmt.Sprint(i), Condition{}); err != nil || existed != (i >= 5) {
			t.Errorf("delete %d after opening again: %v, %v", i, existed, err)
		}
	}
	for i, d := range status(t, p).Drives {
		if d.State != "ONLINE" {
			t.Errorf("drive %d is %s: %s", i+1, d.State, d.Reason)
		}
		if d.FreeBytes < 1<<20 {
			t.Errorf("drive %d has %d bytes left", i+1, d.FreeBytes)
		}
	}
}
