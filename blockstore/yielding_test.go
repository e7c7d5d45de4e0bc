package blockstore

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/blockstore/faultfs"
	"github.com/holdfast-storage/holdfast/blockstore/yield"
)

// largestOp has the largest read or write of a segment's file noted, in bytes.
func (w *world) largestOp() *atomic.Int64 {
	most := new(atomic.Int64)
	w.fs.SetHook(func(op faultfs.Op) (f faultfs.Fault) {
		if (op.Kind == faultfs.Read || op.Kind == faultfs.Write) && strings.Contains(op.Path, "/segments/") {
			for n := most.Load(); op.Length > n && !most.CompareAndSwap(n, op.Length); n = most.Load() {
			}
		}
		return f
	})
	return most
}

// TestMendYields: while a client wants something, mending reads and writes small pieces,
// and makes the same of it.
func TestMendYields(t *testing.T) {
	w := filled(t, shape{4, 2, 6}, 24)
	was := w.segmentFiles(t, w.dirs...)
	for path := range w.segmentFiles(t, w.dirs[1]) {
		must(t, w.fs.Remove(path))
	}
	for _, seg := range w.p.segments.all() {
		seg.closeFiles()
	}
	w.p.opt.unyielding = false
	end := w.p.gate.Client().End
	most := w.largestOp()
	r := mendAll(t, w.p, MendOptions{Records: true})
	end()
	w.fs.SetHook(nil)
	if r.MendedBlocks == 0 || len(r.Findings) != 0 || len(r.Doubtful) != 0 {
		t.Errorf("mended %d blocks, findings %v, doubtful %v", r.MendedBlocks, r.Findings, r.Doubtful)
	}
	if n := most.Load(); n == 0 || n > yield.Piece+drive.PageBytes {
		t.Errorf("an operation of %d bytes beside clients, not %d at most", n, yield.Piece)
	}
	wantFiles(t, was, w.segmentFiles(t, w.dirs...))
	w.mustCheck(t)
}

// TestWhatYields: a walk that moves nothing is routine; one that does repairs, and is
// urgent where a further loss may be one of data.
func TestWhatYields(t *testing.T) {
	w := filled(t, shape{4, 2, 6}, 8)
	seg := w.p.segments.get(w.p.Segments()[0])
	want := func(when string, o MendOptions, kind yield.Kind) {
		t.Helper()
		if got := w.p.workKind(seg, o); got != kind {
			t.Errorf("%s: kind %d, not %d", when, got, kind)
		}
	}
	for lost, kind := range []yield.Kind{yield.Repair, yield.Repair, yield.Urgent} {
		if lost > 0 {
			seg.markBad(lost, 0, 4)
		}
		want("a move", MendOptions{Move: true}, kind)
		want("a scrub", MendOptions{}, yield.Routine)
	}
}

// beside has do run while a client wants something, and gives the turns on disks that it took.
func (w *world) beside(do func()) (turns int64) {
	before := w.p.gate.Turns()
	w.p.opt.unyielding = false
	end := w.p.gate.Client().End
	do()
	end()
	w.p.opt.unyielding = true
	return w.p.gate.Turns() - before
}

// TestVerifyYields: while a client wants something, verify reads each column in a turn of its own, those of stripes
// that it knows too, and comes to the same.
func TestVerifyYields(t *testing.T) {
	w := filled(t, shape{4, 2, 6}, 24)
	bucket, o := w.entry(t, "k007") // another object of the same stripes
	w.forge(t, &catalog.Put{Bucket: bucket, Key: "k007-too", Object: catalog.Object{Size: o.Size, Checksum: o.Checksum}, Body: catalog.Body{Extents: o.Extents}})
	list, err := listAll(t.Context(), w.p, "bucket")
	must(t, err)
	want, again := int64(0), 0
	seen := make(map[stripeID]bool)
	for _, info := range list {
		o, err := w.p.Get(t.Context(), "bucket", info.Key)
		must(t, err)
		o.parts(0, info.Size, func(part stripePart) bool {
			if id := (stripeID{part.at.seg.id, part.at.no}); seen[id] {
				want, again = want+1, again+1
			} else {
				seen[id] = true
				want += int64(part.at.d + part.at.seg.m)
			}
			return true
		})
		o.Close()
	}
	whole := w.verify(t, "")
	var r VerifyReport
	turns := w.beside(func() { r = w.verify(t, "") })
	if again == 0 || turns < want {
		t.Errorf("%d turns were taken, for %d reads, %d of them of known stripes", turns, want, again)
	}
	if !r.Whole() || r.VerifyProgress != whole.VerifyProgress {
		t.Errorf("beside a client: %+v, else %+v", r, whole)
	}
}

// TestReconcileYields: while a client wants something, each file of a drive is looked at, and each page of one of
// which the end is looked for is read, in a turn of its own.
func TestReconcileYields(t *testing.T) {
	w := filled(t, shape{4, 2, 6}, 24)
	w.settled(t)
	d := w.p.members.now().drives[w.p.members.now().label.Members[1].ID]
	w.p.distrusted.against(d.ID(), noEpoch)
	var reads atomic.Int64
	w.fs.SetHook(func(op faultfs.Op) (f faultfs.Fault) {
		if op.Kind == faultfs.Read && op.Below(w.dirs[1]+"/segments") {
			reads.Add(1)
		}
		return f
	})
	turns := w.beside(func() { must(t, w.p.reconcile(t.Context(), d)) })
	w.fs.SetHook(nil)
	if n := reads.Load(); n == 0 || turns < n+int64(len(w.p.Segments())) {
		t.Errorf("%d turns were taken, for %d reads and %d files", turns, n, len(w.p.Segments()))
	}
	if n := suspectOn(w.p, 1); n != 0 {
		t.Errorf("%d files are said to lack blocks", n)
	}
	w.mustCheck(t)
}

// TestWhatReconcilingYields: of a drive that takes part it can wait; of one that does not, the less the fewer may fail.
func TestWhatReconcilingYields(t *testing.T) {
	w := filled(t, shape{4, 2, 6}, 1)
	for i, kind := range []yield.Kind{yield.Repair, yield.Urgent} {
		id := w.p.members.now().label.Members[i].ID
		if got := w.p.lookKind(id); got != yield.Routine {
			t.Errorf("drive %d takes part: kind %d", i+1, got)
		}
		_, err := w.p.FailDrive(t.Context(), id.String(), ChangeOptions{})
		must(t, err)
		if got := w.p.lookKind(id); got != kind {
			t.Errorf("%d drives away: kind %d, not %d", i+1, got, kind)
		}
	}
}

// TestReconcileBecomesUrgent: a drive that is held against the table when the last others that may fail do waits for
// clients no longer.
func TestReconcileBecomesUrgent(t *testing.T) {
	w := openWorld(t, shape{4, 2, 6})
	for i := range 16 {
		w.mustPut(t, fmt.Sprintf("k%03d", i), 70_000)
		must(t, w.p.SealOpen(t.Context()))
	}
	members := w.p.members.now().label.Members
	_, err := w.p.FailDrive(t.Context(), members[1].ID.String(), ChangeOptions{})
	must(t, err)
	must(t, w.p.closeDrive(members[1].ID, w.p.members.now().drives[members[1].ID]))
	d, err := drive.Open(drive.Options{FS: w.fs}, w.dirs[1])
	must(t, err)
	defer d.Close()
	reached, second := make(chan struct{}), make(chan struct{})
	var first sync.Once
	w.fs.SetHook(func(op faultfs.Op) (f faultfs.Fault) {
		if op.Below(w.dirs[1] + "/segments/") {
			first.Do(func() {
				close(reached)
				<-second
			})
		}
		return f
	})
	go func() {
		defer close(second)
		<-reached
		if _, err := w.p.FailDrive(t.Context(), members[2].ID.String(), ChangeOptions{}); err != nil {
			t.Error(err)
		}
	}()
	turns := w.beside(func() { must(t, w.p.reconcile(t.Context(), d)) })
	w.fs.SetHook(nil)
	if files := int64(len(w.p.Segments())); turns >= files {
		t.Errorf("%d turns were taken, for %d files", turns, files)
	}
}
