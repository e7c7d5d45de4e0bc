package blockstore

import (
	"strings"
	"sync/atomic"
	"testing"

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
