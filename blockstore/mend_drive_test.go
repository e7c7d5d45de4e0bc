package blockstore

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

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
			_, failed = mendOne(t.Context(), w.p, id, MendOptions{})
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
// are not on the drive. When the drive is cleared they are mended all the same,
// and are there after a power cut.
func TestMendReadsTheDrive(t *testing.T) {
	w := openWorld(t, shape{4, 2, 6})
	w.fs.SetHook(func(op faultfs.Op) (f faultfs.Fault) {
		if op.Kind == faultfs.Sync && op.Below(w.dirs[1]+"/segments") {
			f.Err = syscall.EIO
		}
		return f
	})
	w.mustPut(t, "large", 900_000)
	w.fs.SetHook(nil)
	w.p.opt.PresencePeriod = 5 * time.Millisecond
	if state := status(t, w.p).Drives[1].State; state != "FAULTED" {
		t.Fatalf("the drive is %s", state)
	}
	_, err := w.p.ClearDrive(t.Context(), "2", ChangeOptions{})
	must(t, err)
	waitFor(t, "the drive to be back", func() bool { return stateOf(t, w.p, 2) == "ONLINE" })
	for range 2 {
		must(t, mendRound(t.Context(), w.p))
	}
	if work, err := w.p.Work(t.Context()); err != nil || len(work) != 0 {
		t.Errorf("left to do: %v, %v", work, err)
	}
	w.crash(newRand(1), 0)
	w.mustOpen(t)
	for _, dir := range []string{w.dirs[0], w.dirs[4]} {
		w.fs.Unplug(dir)
	}
	w.mustCheck(t)
}
