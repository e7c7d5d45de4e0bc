package blockstore

import (
	"bytes"
	"fmt"
	"sync"
	"testing"

	"github.com/holdfast-storage/holdfast/blockstore/faultfs"
)

// TestFsckAfterCrash: what a crash leaves behind is no damage. A pool that was
// killed, or lost power, under load is well by looking, which changes nothing,
// and after a repair that has nothing to repair.
func TestFsckAfterCrash(t *testing.T) {
	seed := testSeed(t)
	w := newWorld(t, shape{4, 2, 6}, 1<<20, seed)
	if err := w.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.p.CreateBucket(t.Context(), "bucket"); err != nil {
		t.Fatal(err)
	}
	if err := replicated(t.Context(), w.p); err != nil {
		t.Fatal(err)
	}
	cam := &camera{w: w, rng: newRand(seed), sparse: 20, ways: 1}
	cam.start()
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for n := range 6 {
				size := []int{300, 20_000, 400_000, 900_000}[(i+n)%4]
				body := bytes.NewReader(randomBody(uint64(i*8+n), size))
				if _, err := w.p.Put(t.Context(), "bucket", fmt.Sprint(i, n), body, PutOptions{Size: int64(size)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	images := cam.take()
	abandon(w.p, w.fs)
	if len(images) == 0 {
		t.Fatal("no image was taken")
	}
	for _, im := range images {
		o := FsckOptions{Options: w.opt}
		o.FS = im.fs
		im.fs.SetHook(func(op faultfs.Op) faultfs.Fault {
			if op.Kind.Changes() && op.Kind != faultfs.Lock {
				t.Errorf("%s: looking does %v %s", im.what, op.Kind, op.Path)
			}
			return faultfs.Fault{}
		})
		for _, repair := range []bool{false, true, false} {
			if o.Repair = repair; repair {
				im.fs.SetHook(nil)
			}
			r, err := Fsck(t.Context(), o)
			if err != nil || !r.Well() {
				t.Errorf("%s: repair %v: %v; %+v", im.what, repair, err, r)
				break
			}
		}
	}
	t.Logf("%d images", len(images))
}
