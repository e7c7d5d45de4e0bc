package blockstore

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/blockstore/faultfs"
)

// loseFiles removes the files of a drive from a pool, which then mends with small writes, and proves each. It says
// which segments are to be mended.
func (w *world) loseFiles(t *testing.T, dir string) (segments []drive.SegmentID) {
	t.Helper()
	segments = w.p.Segments()
	for path := range w.segmentFiles(t, dir) {
		must(t, w.fs.Remove(path))
	}
	for _, seg := range w.p.segments.all() {
		seg.closeFiles()
	}
	w.p.opt.proveEvery = 1
	w.p.opt.unyielding = false
	t.Cleanup(w.p.gate.Client().End)
	return segments
}

// TestMendProvesPartByPart: a long file is synced and read back in parts, and is the same in the end.
func TestMendProvesPartByPart(t *testing.T) {
	w := filled(t, shape{4, 2, 6}, 48)
	was := w.segmentFiles(t, w.dirs...)
	w.loseFiles(t, w.dirs[1])
	var mu sync.Mutex
	syncs := make(map[string]int)
	w.fs.SetHook(func(op faultfs.Op) (f faultfs.Fault) {
		if op.Kind == faultfs.Sync && strings.Contains(op.Path, "/segments/") {
			mu.Lock()
			syncs[op.Path]++
			mu.Unlock()
		}
		return f
	})
	r := mendAll(t, w.p, MendOptions{})
	w.fs.SetHook(nil)
	w.p.opt.unyielding = true
	most := 0
	for _, n := range syncs {
		most = max(most, n)
	}
	if r.MendedBlocks == 0 || most < 4 { // one as the file is made, one at the end
		t.Errorf("%d blocks mended, at most %d syncs of a file", r.MendedBlocks, most)
	}
	wantFiles(t, was, w.segmentFiles(t, w.dirs...))
	w.crash(newRand(1), 0)
	w.mustOpen(t)
	w.mustCheck(t)
}

// TestMendProvesEveryPart: of all that is written, the drive has lost one write, whichever it is. The file does not
// count, though all other parts are good.
func TestMendProvesEveryPart(t *testing.T) {
	w := filled(t, shape{4, 2, 6}, 48)
	for nth := range 3 {
		segments := w.loseFiles(t, w.dirs[1])
		among := func(path string) bool {
			return slices.ContainsFunc(segments, func(id drive.SegmentID) bool { return strings.HasSuffix(path, id.String()) })
		}
		var mu sync.Mutex
		writes := make(map[string]int)
		lost := ""
		w.fs.SetHook(func(op faultfs.Op) (f faultfs.Fault) {
			if op.Kind != faultfs.Write || op.Offset < drive.FirstBlock || !op.Below(w.dirs[1]+"/segments") || !among(op.Path) {
				return f
			}
			mu.Lock()
			defer mu.Unlock()
			if writes[op.Path]++; writes[op.Path] == nth+1 && lost == "" {
				lost, f.Lost = op.Path, true
			}
			return f
		})
		unmended := 0
		for _, id := range segments {
			_, err := mendOne(t.Context(), w.p, id, MendOptions{})
			if is := lost != "" && strings.HasSuffix(lost, id.String()); is != errors.Is(err, errReadBack) {
				t.Errorf("write %d was lost: %v, segment %v: %v", nth, is, id, err)
			}
			if err != nil {
				unmended++
				break // the drive is left out
			}
		}
		w.fs.SetHook(nil)
		w.p.opt.unyielding = true
		if lost == "" || unmended != 1 {
			t.Errorf("write %d: %d segments are not mended, lost in %q", nth, unmended, lost)
		}
		_, err := w.p.ClearDrive(t.Context(), "2", ChangeOptions{})
		must(t, err)
		waitFor(t, "the drive to be back", func() bool { return stateOf(t, w.p, 2) == "ONLINE" })
		mendUntil(t, w.p, "no work to be left", func() bool { return noWork(t, w.p) })
		must(t, w.p.SealOpen(t.Context()))
	}
	w.mustCheck(t)
}
