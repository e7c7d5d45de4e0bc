package blockstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/blockstore/faultfs"
)

// spoilStripe spoils a byte in each of the first n blocks of an object's stripe,
// and returns the blocks.
func (w *world) spoilStripe(t *testing.T, key string, stripe, n int) []blockPlace {
	t.Helper()
	list := w.blocksOfObject(t, key)[stripe][:n]
	for _, b := range list {
		must(t, w.fs.Corrupt(b.path, b.off+b.start, 1, func(p []byte) { p[0] ^= 1 }))
	}
	return list
}

// precious is a pool of 4+2 that was verified, with an object of four stripes in
// one segment.
func precious(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, shape{4, 2, 6}, 8<<20, 1)
	w.mustOpen(t)
	t.Cleanup(func() { abandon(w.p, w.fs) })
	must(t, w.createBucket(t.Context(), "bucket", fuss{}))
	w.mustPut(t, "small", 300)
	putBytes(t, w.p, "bucket", "precious", randomBody(1, 4*4*drive.MaxColumnBytes))
	must(t, w.p.SealOpen(t.Context()))
	mendAll(t, w.p, MendOptions{})
	return w
}

// TestLostStripeIsNotWhole: all was verified, then a stripe is lost. The status says
// so, and nothing calls the pool whole (R16).
func TestLostStripeIsNotWhole(t *testing.T) {
	w := precious(t)
	if s := status(t, w.p); s.Pool.State != "ONLINE" || !s.Verified.RedundancyFull {
		t.Fatalf("before: %+v, %+v", s.Pool, s.Verified)
	}
	w.spoilStripe(t, "precious", 1, 3)
	mendAll(t, w.p, MendOptions{})
	s := status(t, w.p)
	if s.Redundancy.Missing["3"] != 1 || s.Pool.State != "DEGRADED" || s.Pool.Stage != "reduced" || s.Verified.RedundancyFull {
		t.Errorf("with a stripe lost: %+v, %+v, %+v", s.Redundancy, s.Pool, s.Verified)
	}
	// What is lost hides nothing of what else may be (R24).
	for _, slot := range []string{"1", "2"} {
		_, err := w.p.FailDrive(t.Context(), slot, ChangeOptions{Force: slot == "1"})
		must(t, err)
	}
	if _, err := w.p.FailDrive(t.Context(), "3", ChangeOptions{DryRun: true}); !errors.Is(err, ErrUnsafe) {
		t.Errorf("a third drive: %v", err)
	}
}

// TestLostStripeHidesNoOther: in files that lack their block of a lost stripe another
// block goes bad. It is mended, and then there is no more work.
func TestLostStripeHidesNoOther(t *testing.T) {
	w := precious(t)
	lost := w.spoilStripe(t, "precious", 0, 3)
	mendAll(t, w.p, MendOptions{})
	was := w.segmentFiles(t, w.dirs...)
	for _, b := range w.blocksOfObject(t, "precious")[2] {
		if b.path == lost[0].path {
			must(t, w.fs.Corrupt(b.path, b.off+b.start, 1, func(p []byte) { p[0] ^= 1 }))
		}
	}
	_, err := w.p.Verify(t.Context(), "bucket", "", nil) // it marks what is bad
	must(t, err)
	if work, err := w.p.Work(t.Context()); err != nil || len(work) != 1 || work[0].Blocked != "" {
		t.Fatalf("work: %+v, %v", work, err)
	}
	must(t, mendRound(t.Context(), w.p))
	wantFiles(t, was, w.segmentFiles(t, w.dirs...))
	if work, err := w.p.Work(t.Context()); err != nil || len(work) != 0 {
		t.Errorf("work is left: %+v, %v", work, err)
	}
}

// TestLostStripeBlocksEvacuation: a drive that is emptied keeps the file whose block
// of a lost stripe nobody can make. It is not called done (R16), and goes on when
// the object is gone.
func TestLostStripeBlocksEvacuation(t *testing.T) {
	w := filled(t, shape{2, 1, 6}, 1)
	putBytes(t, w.p, "bucket", "precious", randomBody(1, 400_000))
	must(t, w.p.SealOpen(t.Context()))
	lost := w.spoilStripe(t, "precious", 0, 2)
	slot := 1 + slices.IndexFunc(w.dirs, func(dir string) bool { return strings.HasPrefix(lost[0].path, dir+"/") })
	_, err := w.p.EvacuateDrive(t.Context(), fmt.Sprint(slot), ChangeOptions{})
	must(t, err)
	id := w.p.members.now().label.Members[slot-1].ID
	var work []Work
	mendUntil(t, w.p, "nothing but the lost stripe to hold it", func() bool {
		work, err = w.p.Work(t.Context())
		must(t, err)
		v := w.p.members.now()
		return len(work) == 1 && work[0].Blocked == waitingForColumns && !w.p.pinned(id) && w.p.catalogWithout(v, id)
	})
	must(t, mendRound(t.Context(), w.p))
	if state := stateOf(t, w.p, slot); state != "EVACUATING" {
		t.Fatalf("drive %d is %q", slot, state)
	}
	_, err = w.p.Delete(t.Context(), "bucket", "precious", Condition{})
	must(t, err)
	_, err = mendOne(t.Context(), w.p, work[0].Segment, MendOptions{}) // as scrub does with what is blocked
	must(t, err)
	mendUntil(t, w.p, "the drive to leave", func() bool { return stateOf(t, w.p, slot) == "" })
}

// TestDriveReturnsDuringAWalk: the walk over a segment began without the drive that
// has what it lacks, and ends when that is back. Then it is tried again.
func TestDriveReturnsDuringAWalk(t *testing.T) {
	p, o, fsys, e := thinPool(t, func(o *Options) { o.Patience = time.Second })
	began, goOn := make(chan bool), make(chan bool)
	var once sync.Once
	ended := make(chan error)
	go func() {
		_, err := mendOne(t.Context(), p, e.Segment, MendOptions{Move: true, Pace: func(context.Context, int) error {
			once.Do(func() { began <- true; <-goOn })
			return nil
		}})
		ended <- err
	}()
	<-began
	fsys.Plug(o.Dirs[0])
	waitFor(t, "the drive to be back", func() bool { return stateOf(t, p, 1) == "ONLINE" })
	close(goOn)
	must(t, <-ended)
	mendUntil(t, p, "no work to be left", func() bool { return noWork(t, p) })
	wantWhole(t, p)
}

// TestGivenUpIsNotVerified: a file is made anew for a drive that left the pool, but
// for a block of a stripe that is lost with it. It is not called verified.
func TestGivenUpIsNotVerified(t *testing.T) {
	p, _, _, e := thinPool(t, nil)
	seg := p.segments.get(e.Segment)
	old := p.members.now().label.Members[0].ID
	index := slices.Index(seg.drives, old)
	_, err := p.ReplaceDrive(t.Context(), "1", "/pool/new", ChangeOptions{Force: true})
	must(t, err)
	mendUntil(t, p, "the file to move", func() bool {
		seg.mu.Lock()
		defer seg.mu.Unlock()
		return seg.drives[index] != old
	})
	must(t, mendRound(t.Context(), p))
	seg.mu.Lock()
	verified := seg.verified[index]
	seg.mu.Unlock()
	if verified != 0 {
		t.Error("a file that lacks a block is called verified")
	}
	if s := status(t, p); s.Redundancy.Missing["2"] != 1 {
		t.Errorf("the status: %+v", s.Redundancy)
	}
}

// TestLostTailBehindVoidStripes: a crash left stripes of an upload in the middle of
// a segment, which do not count. That the last one, which does, is nowhere to be
// found shows all the same.
func TestLostTailBehindVoidStripes(t *testing.T) {
	w := newWorld(t, shape{2, 1, 3}, 8<<20, 1)
	w.mustOpen(t)
	must(t, w.createBucket(t.Context(), "bucket", fuss{}))
	var mu sync.Mutex
	written := make(map[string]int64) // up to where, on each drive
	w.fs.SetHook(func(op faultfs.Op) (f faultfs.Fault) {
		if op.Kind == faultfs.Write && op.Offset >= drive.FirstBlock && kindOf(w.p, op) == drive.Bulk {
			mu.Lock()
			dir := op.Path[:len(w.dirs[0])-1]
			written[dir] = max(written[dir], op.Offset+op.Length)
			mu.Unlock()
			f.Lost = op.Below(w.dirs[1])
		}
		return f
	})
	r, body := io.Pipe()
	ended := make(chan error)
	go func() {
		_, err := w.p.Put(context.WithoutCancel(t.Context()), "bucket", "cut", r, PutOptions{Size: -1})
		ended <- err
	}()
	_, err := body.Write(randomBody(2, 5*2*drive.MaxColumnBytes+1000))
	must(t, err)
	waitFor(t, "the stripes to be written", func() bool {
		mu.Lock()
		defer mu.Unlock()
		for _, end := range written {
			if end < drive.FirstBlock+4*drive.MaxColumnBytes { // the last one waits for more to come
				return false
			}
		}
		return len(written) == 3
	})
	w.fs.SetHook(nil)
	for i := range bulkOpenMax {
		putBytes(t, w.p, "bucket", fmt.Sprint("after", i), randomBody(uint64(i), 400<<10))
	}
	w.settled(t)
	image := w.fs.Kill()
	must(t, body.CloseWithError(errors.New("the client is gone")))
	<-ended
	abandon(w.p, w.fs)
	w.fs = image
	w.mustOpen(t)
	t.Cleanup(func() { abandon(w.p, w.fs) })
	must(t, w.p.SealOpen(t.Context()))
	for i := range bulkOpenMax {
		key := fmt.Sprint("after", i)
		stripes := w.blocksOfObject(t, key)
		for _, b := range stripes[len(stripes)-1] {
			must(t, w.fs.Corrupt(b.path, b.off, b.n, func(p []byte) { clear(p) }))
		}
	}
	found := make(map[string]bool)
	for _, f := range mendAll(t, w.p, MendOptions{}).Findings {
		if f.Kind == FindingLost {
			for _, name := range f.Objects {
				found[name] = true
			}
		}
	}
	if len(found) != bulkOpenMax {
		t.Errorf("the last stripes of %d objects are gone; found: %v", bulkOpenMax, found)
	}
}
