package blockstore

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/blockstore/faultfs"
)

// TestOnlineWhileItCloses: a drive that was taken offline is let go, and a read of it is under way yet. Who takes it
// back then waits for that.
func TestOnlineWhileItCloses(t *testing.T) {
	p, o, fsys := lifePool(t, 6, nil)
	must(t, p.SealOpen(t.Context()))
	id := p.members.now().label.Members[1].ID
	d := p.members.now().drives[id]
	held, err := d.Segments()
	must(t, err)
	f, err := d.OpenFile(held[0])
	must(t, err)
	var once sync.Once
	fsys.SetHook(func(op faultfs.Op) (fault faultfs.Fault) {
		if op.Kind == faultfs.Read && op.Below(o.Dirs[1]+"/segments") {
			once.Do(func() { fault.Hang = true })
		}
		return fault
	})
	read := make(chan error)
	go func() { read <- f.ReadAt(t.Context(), make([]byte, drive.PageBytes), 0, nil) }()
	waitFor(t, "a read to hang", func() bool { return fsys.Hung() > 0 })
	_, err = p.OfflineDrive(t.Context(), "2", ChangeOptions{})
	must(t, err)
	waitFor(t, "the drive to be let go", func() bool { return p.members.now().drives[id] == nil })
	back := make(chan error)
	go func() {
		_, err := p.OnlineDrive(t.Context(), "2", ChangeOptions{})
		back <- err
	}()
	time.Sleep(20 * time.Millisecond) // it would fail at once
	fsys.ReleaseHung()
	must(t, <-read)
	must(t, <-back)
	if s := stateOf(t, p, 2); s != "ONLINE" {
		t.Errorf("the drive is %s", s)
	}
}

// TestOfflineOnlineClear: out and back in, while the pool runs.
func TestOfflineOnlineClear(t *testing.T) {
	p, o, fsys := lifePool(t, 6, nil)
	reps, err := p.AddDrives(t.Context(), []string{"/pool/s"}, true, ChangeOptions{})
	must(t, err)
	_, err = p.OfflineDrive(t.Context(), "2", ChangeOptions{})
	must(t, err)
	_, err = p.FailDrive(t.Context(), "5", ChangeOptions{})
	must(t, err)
	if _, err := p.FailDrive(t.Context(), "6", ChangeOptions{}); !errors.Is(err, ErrUnsafe) {
		t.Errorf("a third drive: %v", err)
	}
	storeSizes(t, p, "new")
	if _, err := p.OnlineDrive(t.Context(), "5", ChangeOptions{}); !errors.Is(err, ErrDriveState) {
		t.Errorf("a FAULTED drive online: %v", err)
	}
	if _, err := p.ClearDrive(t.Context(), "2", ChangeOptions{}); !errors.Is(err, ErrDriveState) {
		t.Errorf("an OFFLINE drive cleared: %v", err)
	}
	rep, err := p.OnlineDrive(t.Context(), "2", ChangeOptions{DryRun: true})
	if err != nil || rep.State != "ONLINE" || stateOf(t, p, 2) != "OFFLINE" {
		t.Errorf("a dry run: %+v, %v", rep, err)
	}
	_, err = p.OnlineDrive(t.Context(), "2", ChangeOptions{})
	must(t, err)
	_, err = p.ClearDrive(t.Context(), "5", ChangeOptions{})
	must(t, err)
	if a, b := stateOf(t, p, 2), stateOf(t, p, 5); a != "ONLINE" || b != "ONLINE" {
		t.Errorf("they are %s and %s", a, b)
	}
	mended(t, p)
	wantWhole(t, p)
	if m, _ := p.members.now().member(reps[0].ID); !m.NonVoting {
		t.Error("a spare was used for drives that are back")
	}
	// One that is gone is used as soon as it is back, if the operator says so.
	_, err = p.FailDrive(t.Context(), "5", ChangeOptions{})
	must(t, err)
	fsys.Unplug(o.Dirs[4])
	rep, err = p.ClearDrive(t.Context(), "5", ChangeOptions{})
	if err != nil || rep.State != "UNAVAIL" || rep.Note == "" {
		t.Errorf("cleared while away: %+v, %v", rep, err)
	}
	fsys.Plug(o.Dirs[4])
	waitFor(t, "the drive to be back", func() bool { return stateOf(t, p, 5) == "ONLINE" })
	mended(t, p)
	wantWhole(t, p)
}

// TestDriveReturns: a drive that is back is used again while the pool runs, with
// all that was written before, at its path or at another one.
func TestDriveReturns(t *testing.T) {
	for _, way := range []string{"unplugged", "detached", "elsewhere"} {
		t.Run(way, func(t *testing.T) {
			p, o, fsys := lifePool(t, 6, func(o *Options) { o.RebuildAfter = time.Hour })
			if way == "unplugged" {
				fsys.Unplug(o.Dirs[2])
			} else {
				fsys.Detach(o.Dirs[2])
			}
			waitFor(t, "the drive to be missed", func() bool { return stateOf(t, p, 3) == "REMOVED" })
			storeSizes(t, p, "new")
			fsys.Plug(o.Dirs[2])
			if way == "elsewhere" { // in the place of another that is away
				waitFor(t, "the drive to be back", func() bool { return stateOf(t, p, 3) == "ONLINE" })
				snap := fsys.Snapshot(o.Dirs[2])
				fsys.Unplug(o.Dirs[2])
				fsys.Unplug(o.Dirs[5])
				waitFor(t, "both to be missed", func() bool { return stateOf(t, p, 3) == "REMOVED" && stateOf(t, p, 6) == "REMOVED" })
				fsys.Restore(o.Dirs[5], snap)
			}
			waitFor(t, "the drive to be back", func() bool { return stateOf(t, p, 3) == "ONLINE" })
			mended(t, p)
			if way != "elsewhere" {
				wantWhole(t, p)
			}
			// What was written meanwhile survives two others, and what was written before.
			o.Dirs = slices.Clone(o.Dirs)
			must(t, p.Close(t.Context()))
			o.Init = false
			if way == "elsewhere" {
				o.Dirs = slices.Delete(o.Dirs, 2, 3)
			} else {
				o.Dirs = slices.Delete(o.Dirs, 0, 2)
			}
			p = openPool(t, o)
			wantSizes(t, p, "old")
			wantSizes(t, p, "new")
		})
	}
}

// TestDriveNotInUseIsLetGo: a drive that is gone from its path, or that was taken
// offline, is closed while the pool runs, its lock too, so that its disk can be
// unmounted. One that failed and is there stays open, to be read from at need.
func TestDriveNotInUseIsLetGo(t *testing.T) {
	p, o, fsys := lifePool(t, 6, func(o *Options) { o.RebuildAfter = time.Hour })
	free := func(dir string) bool {
		d, err := drive.Open(drive.Options{FS: fsys}, dir)
		if err == nil {
			must(t, d.Close())
		}
		return err == nil
	}
	fsys.Detach(o.Dirs[2]) // what is open goes on working
	waitFor(t, "the drive to be missed", func() bool { return stateOf(t, p, 3) == "REMOVED" })
	waitFor(t, "it to be closed", func() bool { return len(p.members.now().drives) == 5 })
	if path := p.book.path(p.members.now().label.Members[2].ID); path != o.Dirs[2] {
		t.Errorf("its path is %q now", path)
	}
	fsys.Plug(o.Dirs[2])
	waitFor(t, "the drive to be back", func() bool { return stateOf(t, p, 3) == "ONLINE" })
	mended(t, p)

	_, err := p.OfflineDrive(t.Context(), "4", ChangeOptions{})
	must(t, err)
	_, err = p.FailDrive(t.Context(), "5", ChangeOptions{})
	must(t, err)
	waitFor(t, "the lock to be given up", func() bool { return free(o.Dirs[3]) })
	if free(o.Dirs[4]) {
		t.Error("a drive that failed is closed although it is there")
	}
	fsys.Detach(o.Dirs[4])
	waitFor(t, "it to be closed", func() bool { return len(p.members.now().drives) == 4 })
	fsys.Plug(o.Dirs[4])
	waitFor(t, "its lock to be given up", func() bool { return free(o.Dirs[4]) })
	_, err = p.OnlineDrive(t.Context(), "4", ChangeOptions{})
	must(t, err)
	_, err = p.ClearDrive(t.Context(), "5", ChangeOptions{})
	must(t, err)
	mended(t, p)
	wantWhole(t, p)
}

// TestGoneDriveThatHangsHoldsUpNobody: closing what is open on it does not end.
func TestGoneDriveThatHangsHoldsUpNobody(t *testing.T) {
	p, o, fsys := lifePool(t, 6, func(o *Options) { o.RebuildAfter, o.Patience = time.Hour, hangPatience })
	hangDrive(t, fsys, o.Dirs[2], func(op faultfs.Op) bool { return op.Kind == faultfs.Write || op.Kind == faultfs.Read })
	putBytes(t, p, "bucket", "while it hangs", randomBody(1, 300))
	fsys.Detach(o.Dirs[2])
	waitFor(t, "it to be let go", func() bool { return len(p.members.now().drives) == 5 })
	storeSizes(t, p, "new")
	wantSizes(t, p, "new")
	wantSizes(t, p, "old")
}
