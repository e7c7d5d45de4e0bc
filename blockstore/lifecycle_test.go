package blockstore

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/blockstore/faultfs"
)

// lifePool is a pool of n drives with objects of all sizes in it.
func lifePool(t *testing.T, n int, change func(*Options)) (*Pool, Options, *faultfs.FS) {
	t.Helper()
	p, o, fsys := poolWithBucket(t, n, func(o *Options) {
		o.PresencePeriod, o.RebuildAfter = 20*time.Millisecond, time.Nanosecond
		if change != nil {
			change(o)
		}
	})
	storeSizes(t, p, "old")
	return p, o, fsys
}

// mended goes on until nothing is due any more.
func mended(t *testing.T, p *Pool) {
	t.Helper()
	mendUntil(t, p, "nothing to be due any more", func() bool {
		left, err := unfinished(t.Context(), p)
		must(t, err)
		return left == ""
	})
}

// stateOf is the state of the drive in a slot; empty if there is none.
func stateOf(t *testing.T, p *Pool, slot int) string {
	t.Helper()
	for _, d := range status(t, p).Drives {
		if d.Slot == slot {
			return d.State
		}
	}
	return ""
}

// wantWhole wants every stripe to have all its columns, and the pool well.
func wantWhole(t *testing.T, p *Pool) {
	t.Helper()
	s := status(t, p)
	for n, count := range s.Redundancy.Missing {
		if n != "0" && count != 0 {
			t.Errorf("%d stripes lack %s columns", count, n)
		}
	}
	if s.Pool.State != "ONLINE" {
		t.Errorf("the pool is %s: %s; drives %+v", s.Pool.State, s.Pool.Reason, s.Drives)
	}
	wantSizes(t, p, "old")
}

// reopened opens the pool again over these directories.
func reopened(t *testing.T, p *Pool, o Options, dirs ...string) *Pool {
	t.Helper()
	must(t, p.Close(t.Context()))
	o.Init, o.Dirs = false, dirs
	return openPool(t, o)
}

// TestReplaceFailedDrive: fail, replace, rebuild; then any two others may go.
func TestReplaceFailedDrive(t *testing.T) {
	for _, same := range []bool{false, true} {
		p, o, fsys := lifePool(t, 6, nil)
		dir := "/pool/new"
		if same {
			dir = o.Dirs[2]
			fsys.Wipe(dir) // pulled, and an empty one put in
		} else {
			_, err := p.FailDrive(t.Context(), "3", ChangeOptions{})
			must(t, err)
		}
		rep, err := p.ReplaceDrive(t.Context(), "3", dir, ChangeOptions{})
		must(t, err)
		if rep.Slot != 3 || rep.State != "REBUILDING" || rep.BytesToMove == 0 || rep.Path != dir || rep.ID == (uuid.UUID{}) {
			t.Errorf("the report: %+v", rep)
		}
		if s := status(t, p); s.Pool.State != "DEGRADED" || s.Pool.Spare != 1 || stateOf(t, p, 3) != "REBUILDING" {
			t.Errorf("while it is filled: %+v", s.Pool)
		}
		if l, err := drive.ReadLabel(fsys, o.Dirs[2]); !same && (err != nil || !l.Retired()) {
			t.Errorf("the label of the one that failed: %+v, %v", l, err)
		}
		storeSizes(t, p, "new")
		mended(t, p)
		wantWhole(t, p)
		if s := stateOf(t, p, 3); s != "ONLINE" {
			t.Errorf("the new drive is %s", s)
		}
		dirs := slices.Clone(o.Dirs)
		dirs[2] = dir
		p = reopened(t, p, o, slices.Delete(dirs, 0, 2)...) // without drives 1 and 2
		wantSizes(t, p, "old")
		wantSizes(t, p, "new")
	}
}

// TestReplaceLiveDrive: the old one hands its files over and leaves; its label
// opens nothing, and a list of directories that has it still is passed over.
func TestReplaceLiveDrive(t *testing.T) {
	p, o, fsys := lifePool(t, 6, nil)
	rep, err := p.ReplaceDrive(t.Context(), o.Dirs[0], "/pool/new", ChangeOptions{})
	must(t, err)
	if rep.Slot != 7 || rep.State != "ONLINE" || stateOf(t, p, 1) != "EVACUATING" {
		t.Errorf("the report: %+v; drive 1 is %s", rep, stateOf(t, p, 1))
	}
	if s := status(t, p); s.Pool.Spare != 2 {
		t.Errorf("%d drives may fail meanwhile", s.Pool.Spare)
	}
	mended(t, p)
	wantWhole(t, p)
	if len(status(t, p).Drives) != 6 || stateOf(t, p, 1) != "" {
		t.Errorf("the old drive is a member still: %+v", status(t, p).Drives)
	}
	l, err := drive.ReadLabel(fsys, o.Dirs[0])
	if err != nil || !l.Retired() {
		t.Errorf("the old drive's label: %+v, %v", l, err)
	}
	p = reopened(t, p, o, append(slices.Clone(o.Dirs), "/pool/new")...)
	wantWhole(t, p)
	must(t, p.Close(t.Context()))
	o.Dirs, o.Init = o.Dirs[:1], false
	if _, err := Open(t.Context(), o); !errors.Is(err, ErrForeign) {
		t.Errorf("the drive that left, alone: %v", err)
	}
}

// TestReplaceGoneDrive: the directory of the drive that is replaced is gone, unnoticed, or
// goes while it hands its files over. All of it is made anew, though a drive that is
// merely away is waited for for ever.
func TestReplaceGoneDrive(t *testing.T) {
	for name, meanwhile := range map[string]bool{"before": false, "meanwhile": true} {
		t.Run(name, func(t *testing.T) {
			p, o, fsys := lifePool(t, 6, func(o *Options) {
				o.RebuildAfter = -1
				o.PresencePeriod = time.Hour // nobody looks
				if meanwhile {
					o.PresencePeriod = 5 * time.Millisecond
				}
			})
			if !meanwhile {
				fsys.Wipe(o.Dirs[2])
			}
			rep, err := p.ReplaceDrive(t.Context(), "3", "/pool/new", ChangeOptions{})
			must(t, err)
			if want := map[bool]string{false: "REBUILDING", true: "ONLINE"}[meanwhile]; rep.State != want {
				t.Errorf("the new drive is %s, want %s", rep.State, want)
			}
			if meanwhile {
				fsys.Wipe(o.Dirs[2])
				waitFor(t, "the drive to be missed", func() bool { return stateOf(t, p, 3) == "REMOVED" })
			}
			mended(t, p)
			wantWhole(t, p)
			if n := len(status(t, p).Drives); n != 6 {
				t.Errorf("%d drives are members", n)
			}
			wantSizes(t, p, "old")
			dirs := append(slices.Delete(slices.Clone(o.Dirs), 2, 3), "/pool/new")
			p = reopened(t, p, o, dirs[2:]...)
			wantSizes(t, p, "old")
		})
	}
}

// TestReplaceThree: of three drives that are gone before what they held was made anew
// elsewhere, the third is given up only with force. Once it is back, all is mended.
func TestReplaceThree(t *testing.T) {
	p, o, fsys := lifePool(t, 6, func(o *Options) { o.RebuildAfter = -1 })
	for i := range 3 {
		fsys.Unplug(o.Dirs[i])
		ref, dir := fmt.Sprint(i+1), fmt.Sprintf("/pool/n%d", i+1)
		dry, err := p.ReplaceDrive(t.Context(), ref, dir, ChangeOptions{DryRun: true})
		rep, err2 := p.ReplaceDrive(t.Context(), ref, dir, ChangeOptions{})
		if i == 2 {
			for _, err := range []error{err, err2} {
				if !errors.Is(err, ErrUnsafe) || !strings.Contains(err.Error(), "does not start again") {
					t.Errorf("the third is replaced: %v", err)
				}
			}
			continue
		}
		must(t, errors.Join(err, err2))
		if rep.State != "REBUILDING" || rep.MayStillFail != 1-i || dry.MayStillFail != 1-i {
			t.Errorf("drive %d: the report %+v, before it %+v", i+1, rep, dry)
		}
	}
	if why := p.writable(); why != nil {
		t.Errorf("no writes: %v", why)
	}
	fsys.Plug(o.Dirs[2])
	waitFor(t, "the drive to be back", func() bool { return stateOf(t, p, 3) == "ONLINE" })
	dirs := append(slices.Clone(o.Dirs[2:]), "/pool/n1", "/pool/n2")
	p = reopened(t, p, o, dirs...) // all replicas of the catalog may have been on the three
	mended(t, p)
	wantWhole(t, p)
	p = reopened(t, p, o, dirs[2:]...) // without two others
	wantSizes(t, p, "old")
}

// TestReadOnlySaysWhatBringsItBack: drives that hand over their files and are gone count
// for the quorum. Without it nothing is written, which drives are missed is said, and
// one of them is enough.
func TestReadOnlySaysWhatBringsItBack(t *testing.T) {
	p, o, fsys := lifePool(t, 6, nil)
	for i := range 3 {
		_, err := p.ReplaceDrive(t.Context(), fmt.Sprint(i+1), fmt.Sprintf("/pool/n%d", i+1), ChangeOptions{})
		must(t, err)
	}
	for i := range 3 {
		fsys.Unplug(o.Dirs[i])
	}
	waitFor(t, "the quorum to be lost", func() bool { return p.readOnly() != nil })
	want := "reached 6 of 9 drives and needs 7; bring back 1 of the drives in slots 1, 2, 3"
	if why := p.readOnly(); !strings.Contains(why.Error(), want) {
		t.Errorf("it says %q, want %q", why, want)
	}
	if err := p.Close(t.Context()); err != nil {
		t.Log(err)
	}
	o.Init, o.Dirs = false, append(slices.Clone(o.Dirs), "/pool/n1", "/pool/n2", "/pool/n3")
	fsys.Plug(o.Dirs[1])
	p = openPool(t, o)
	mended(t, p)
	wantWhole(t, p)
	if n := len(status(t, p).Drives); n != 6 {
		t.Errorf("%d drives are members", n)
	}
}

// TestAddDrives: added drives get new segments at once, with a full quorum.
func TestAddDrives(t *testing.T) {
	p, o, _ := lifePool(t, 3, nil)
	reps, err := p.AddDrives(t.Context(), []string{"/pool/a", "/pool/b"}, false, ChangeOptions{})
	must(t, err)
	if len(reps) != 2 || reps[0].Slot != 4 || reps[1].Slot != 5 || reps[0].Note == "" {
		t.Errorf("the reports: %+v", reps)
	}
	must(t, p.SealOpen(t.Context()))
	storeSizes(t, p, "new")
	if bytes, _ := p.heldBytes(reps[0].ID); bytes == 0 {
		t.Error("the new drive holds nothing")
	}
	wantWhole(t, p)
	if v := p.members.now(); v.label.Old != nil || v.voters() != 5 || v.label.Width != 3 {
		t.Errorf("the label: %+v", v.label)
	}
	must(t, p.Close(t.Context()))
	// Five drives with one parity column: four are a quorum, three are none.
	o.Init, o.Dirs = false, append(slices.Clone(o.Dirs), "/pool/a")
	p = openPool(t, o)
	wantSizes(t, p, "new")
	must(t, p.Close(t.Context()))
	o.Dirs = o.Dirs[:3]
	if p, err := Open(t.Context(), o); err == nil {
		t.Errorf("three of five drives opened the pool")
		_ = p.Close(t.Context())
	}
}

// TestEvacuate: a drive is emptied onto others and leaves.
func TestEvacuate(t *testing.T) {
	p, o, _ := lifePool(t, 6, nil)
	_, err := p.EvacuateDrive(t.Context(), "4", ChangeOptions{})
	if !errors.Is(err, ErrNowhere) {
		t.Fatalf("evacuated to nowhere: %v", err)
	}
	_, err = p.AddDrives(t.Context(), []string{"/pool/g"}, false, ChangeOptions{})
	must(t, err)
	_, err = p.EvacuateDrive(t.Context(), "4", ChangeOptions{})
	must(t, err)
	storeSizes(t, p, "new")
	id, err := p.findMember(p.members.now(), "4")
	must(t, err)
	before, _ := p.heldBytes(id.ID)
	must(t, p.SettleDrives(t.Context()))
	if stateOf(t, p, 4) != "EVACUATING" || before == 0 {
		t.Errorf("it is %s and holds %d bytes", stateOf(t, p, 4), before)
	}
	mended(t, p)
	wantWhole(t, p)
	if stateOf(t, p, 4) != "" {
		t.Errorf("it is %s in the end", stateOf(t, p, 4))
	}
	dirs := append(slices.Clone(o.Dirs), "/pool/g")
	p = reopened(t, p, o, dirs...)
	wantWhole(t, p)
	wantSizes(t, p, "new")
	// It holds nothing and may come again.
	_, err = p.AddDrives(t.Context(), []string{o.Dirs[3]}, false, ChangeOptions{})
	must(t, err)
	if stateOf(t, p, 4) != "ONLINE" {
		t.Errorf("added again it is %s", stateOf(t, p, 4))
	}
}

// TestEvacuateToSpare: where only a spare can take the files, it is used.
func TestEvacuateToSpare(t *testing.T) {
	p, _, _ := lifePool(t, 6, nil)
	_, err := p.AddDrives(t.Context(), []string{"/pool/s"}, true, ChangeOptions{})
	must(t, err)
	_, err = p.EvacuateDrive(t.Context(), "1", ChangeOptions{})
	must(t, err)
	if stateOf(t, p, 7) != "ONLINE" {
		t.Errorf("the spare is %s", stateOf(t, p, 7))
	}
	mended(t, p)
	wantWhole(t, p)
	// Called off before it is done, it stays.
	_, err = p.AddDrives(t.Context(), []string{"/pool/x"}, false, ChangeOptions{})
	must(t, err)
	_, err = p.EvacuateDrive(t.Context(), "2", ChangeOptions{})
	must(t, err)
	_, err = p.OnlineDrive(t.Context(), "2", ChangeOptions{})
	must(t, err)
	mended(t, p)
	if stateOf(t, p, 2) != "ONLINE" {
		t.Errorf("drive 2 is %s", stateOf(t, p, 2))
	}
	wantWhole(t, p)
}

// TestFourEvacuatedOfSix: drives that left the pool cannot open it together.
func TestFourEvacuatedOfSix(t *testing.T) {
	p, o, _ := lifePool(t, 6, nil)
	_, err := p.AddDrives(t.Context(), []string{"/pool/a", "/pool/b", "/pool/c", "/pool/d"}, false, ChangeOptions{})
	must(t, err)
	for slot := 1; slot <= 4; slot++ {
		_, err := p.EvacuateDrive(t.Context(), fmt.Sprint(slot), ChangeOptions{})
		must(t, err)
		mended(t, p)
	}
	if n := len(status(t, p).Drives); n != 6 {
		t.Fatalf("%d drives are left", n)
	}
	wantWhole(t, p)
	must(t, p.Close(t.Context()))
	o.Init = false
	left := o
	left.Dirs = o.Dirs[:4]
	if _, err := Open(t.Context(), left); !errors.Is(err, ErrForeign) {
		t.Errorf("four drives that left: %v", err)
	}
	o.Dirs = append(slices.Clone(o.Dirs), "/pool/a", "/pool/b", "/pool/c", "/pool/d")
	p = openPool(t, o)
	wantWhole(t, p)
}

// TestRemove: only what holds nothing leaves.
func TestRemove(t *testing.T) {
	p, o, _ := lifePool(t, 6, nil)
	if _, err := p.RemoveDrive(t.Context(), "1", ChangeOptions{Force: true}); !errors.Is(err, ErrHoldsColumns) {
		t.Errorf("removing a drive with columns: %v", err)
	}
	_, err := p.AddDrives(t.Context(), []string{"/pool/s"}, true, ChangeOptions{})
	must(t, err)
	_, err = p.AddDrives(t.Context(), []string{"/pool/v"}, false, ChangeOptions{})
	must(t, err)
	for _, slot := range []string{"7", "8"} {
		rep, err := p.RemoveDrive(t.Context(), slot, ChangeOptions{DryRun: true})
		if err != nil || !rep.DryRun || stateOf(t, p, rep.Slot) == "" {
			t.Errorf("a dry run: %+v, %v", rep, err)
		}
		_, err = p.RemoveDrive(t.Context(), slot, ChangeOptions{})
		must(t, err)
	}
	if n := len(status(t, p).Drives); n != 6 {
		t.Errorf("%d drives are left", n)
	}
	p = reopened(t, p, o, append(slices.Clone(o.Dirs), "/pool/s", "/pool/v")...)
	wantWhole(t, p)
}
