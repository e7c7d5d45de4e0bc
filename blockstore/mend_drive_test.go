package blockstore

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/blockstore/faultfs"
)

// TestMendReadsBackWhatItWrote: a drive takes the mended blocks, says that they
// are durable, and has lost them. They do not count.
func TestMendReadsBackWhatItWrote(t *testing.T) {
	w := filled(t, shape{4, 2, 6}, 16)
	b := blocksOf(t, w.p, w.segmentFiles(t, w.dirs[1]))[0]
	must(t, w.fs.Corrupt(b.path, b.off, 16, func(p []byte) { clear(p) }))
	w.fs.SetHook(func(op faultfs.Op) (f faultfs.Fault) {
		f.Lost = op.Kind == faultfs.Write && strings.Contains(op.Path, strings.TrimPrefix(b.path, "/"))
		return f
	})
	var failed error
	for _, id := range w.p.Segments() {
		if strings.HasSuffix(b.path, id.String()) {
			var r MendReport
			r, failed = mendOne(t.Context(), w.p, id, MendOptions{})
			if len(r.Findings) != 1 || r.Findings[0].Mended || r.MendedBlocks != 0 {
				t.Errorf("%d blocks mended, findings %+v", r.MendedBlocks, r.Findings)
			}
		}
	}
	w.fs.SetHook(nil)
	if !errors.Is(failed, ErrUnmended) || !errors.Is(failed, errReadBack) {
		t.Errorf("mending: %v", failed)
	}
	if s := status(t, w.p); s.Redundancy.Missing["0"] == s.Redundancy.Stripes {
		t.Error("nothing counts as missing")
	}
}

// TestMendReadsTheDrive: a sync failed, so that the page cache shows blocks which
// are not on the drive: clean pages, as on most file systems, or pages that are still
// dirty, which no sync was asked for again. When the drive is cleared they are mended
// all the same, and are there after a power cut.
func TestMendReadsTheDrive(t *testing.T) {
	for name, fault := range map[string]faultfs.Fault{
		"clean": {Err: syscall.EIO},
		"dirty": {Err: syscall.EIO, Done: true, Lost: true},
	} {
		t.Run(name, func(t *testing.T) { mendsWhatIsOnlyCached(t, fault) })
	}
}

func mendsWhatIsOnlyCached(t *testing.T, failedSync faultfs.Fault) {
	w := newWorld(t, shape{4, 2, 6}, smallSegment, 1)
	w.opt.PresencePeriod = 5 * time.Millisecond
	w.mustOpen(t)
	t.Cleanup(func() { abandon(w.p, w.fs) })
	must(t, w.createBucket(t.Context(), "bucket", fuss{}))
	// Only what has blocks: a file that was never made is missing whatever is read.
	var mu sync.Mutex
	written := make(map[string]bool)
	w.fs.SetHook(func(op faultfs.Op) (f faultfs.Fault) {
		if !op.Below(w.dirs[1] + "/segments") {
			return f
		}
		mu.Lock()
		defer mu.Unlock()
		switch {
		case op.Kind == faultfs.Write && op.Offset >= drive.FirstBlock && kindOf(w.p, op) == drive.Bulk:
			written[op.Path] = true
		case op.Kind == faultfs.Sync && written[op.Path]:
			f = failedSync
		}
		return f
	})
	w.mustPut(t, "large", 900_000)
	w.fs.SetHook(nil)
	must(t, w.p.SealOpen(t.Context()))
	if lost := w.onlyCached(t, w.dirs[1]); lost == 0 {
		t.Fatal("all that the page cache shows is on the drive")
	}
	if state := status(t, w.p).Drives[1].State; state != "FAULTED" {
		t.Fatalf("the drive is %s", state)
	}
	_, err := w.p.ClearDrive(t.Context(), "2", ChangeOptions{})
	must(t, err)
	waitFor(t, "the drive to be back", func() bool { return stateOf(t, w.p, 2) == "ONLINE" })
	mendUntil(t, w.p, "no work to be left", func() bool { return noWork(t, w.p) })
	if lost := w.onlyCached(t, w.dirs[1]); lost != 0 {
		t.Errorf("%d blocks are in the page cache alone", lost)
	}
	w.crash(newRand(1), 0)
	w.mustOpen(t)
	for _, dir := range []string{w.dirs[0], w.dirs[4]} {
		w.fs.Unplug(dir)
	}
	w.mustCheck(t)
}

// onlyCached counts the blocks of sealed segments that reads of a drive give and a
// power cut would not leave.
func (w *world) onlyCached(t *testing.T, dir string) (n int) {
	t.Helper()
	seen := w.segmentFiles(t, dir)
	left := (&world{p: w.p, fs: w.fs.PowerCut(nil, 0)}).segmentFiles(t, dir)
	for _, b := range blocksOf(t, w.p, seen) {
		end := b.off + b.n
		if now := left[b.path]; int64(len(now)) < end || !bytes.Equal(now[b.off:end], seen[b.path][b.off:end]) {
			n++
		}
	}
	return n
}
