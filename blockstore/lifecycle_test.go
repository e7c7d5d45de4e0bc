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
	for range 4 {
		must(t, mendRound(t.Context(), p))
	}
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

// TestSpare: a spare is used for a loss by itself, once, and the drive is a spare
// when it is back after all that it held was moved.
func TestSpare(t *testing.T) {
	p, o, fsys := lifePool(t, 6, nil)
	_, err := p.AddDrives(t.Context(), []string{"/pool/s1", "/pool/s2"}, true, ChangeOptions{})
	must(t, err)
	if s := status(t, p); s.Pool.State != "ONLINE" || s.Drives[6].State != "SPARE" || s.Pool.Data != 4 {
		t.Errorf("with spares: %+v, %+v", s.Pool, s.Drives[6])
	}
	p = reopened(t, p, o, append(slices.Clone(o.Dirs), "/pool/s1", "/pool/s2")...)
	fsys.Unplug(o.Dirs[1])
	waitFor(t, "the drive to be missed", func() bool { return stateOf(t, p, 2) == "REMOVED" })
	for range 3 {
		must(t, p.UseSpares(t.Context()))
	}
	spares := func() (n int) {
		for _, d := range status(t, p).Drives {
			if d.State == "SPARE" {
				n++
			}
		}
		return n
	}
	if n := spares(); n != 1 {
		t.Errorf("%d spares are left", n)
	}
	mended(t, p)
	wantWhole(t, p)
	if v := p.members.now(); v.voters() != 6 || v.away() != 0 {
		t.Errorf("%d voters, %d away", v.voters(), v.away())
	}
	fsys.Plug(o.Dirs[1])
	waitFor(t, "the drive to be back", func() bool { return stateOf(t, p, 2) == "SPARE" })
	if n := spares(); n != 2 {
		t.Errorf("%d spares in the end", n)
	}
	wantWhole(t, p)
	p = reopened(t, p, o, append(slices.Clone(o.Dirs), "/pool/s1", "/pool/s2")...)
	wantWhole(t, p)
}

// TestSparesHaveNoVote: spares make no quorum, neither together nor with others.
func TestSparesHaveNoVote(t *testing.T) {
	p, o, _ := lifePool(t, 4, nil)
	_, err := p.AddDrives(t.Context(), []string{"/pool/s1", "/pool/s2", "/pool/s3"}, true, ChangeOptions{})
	must(t, err)
	must(t, p.Close(t.Context()))
	o.Init, o.Dirs = false, []string{o.Dirs[0], o.Dirs[1], "/pool/s1", "/pool/s2", "/pool/s3"}
	if p, err := Open(t.Context(), o); err == nil {
		if p.readOnly() == nil {
			t.Error("two drives of four, and spares, opened the pool")
		}
		_ = p.Close(t.Context())
	} else if !errors.Is(err, ErrQuorum) {
		t.Error(err)
	}
}

// TestStandInAfterCrash: the setting is durable before the spare has its vote;
// whoever goes on takes the same spare, and no other.
func TestStandInAfterCrash(t *testing.T) {
	p, _, _ := lifePool(t, 6, nil)
	reps, err := p.AddDrives(t.Context(), []string{"/pool/s1", "/pool/s2"}, true, ChangeOptions{})
	must(t, err)
	_, err = p.FailDrive(t.Context(), "2", ChangeOptions{})
	must(t, err)
	lost, err := p.findMember(p.members.now(), "2")
	must(t, err)
	must(t, p.SetSetting(t.Context(), standInName(lost.ID), []byte(reps[1].ID.String())))
	p.book.mu.Lock()
	clear(p.book.standIn)
	p.book.mu.Unlock()
	for range 2 {
		must(t, p.UseSpares(t.Context()))
	}
	if a, b := stateOf(t, p, 7), stateOf(t, p, 8); a != "SPARE" || b != "ONLINE" {
		t.Errorf("the spares are %s and %s", a, b)
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

// TestBadInput: what cannot be is refused in clear words, and nothing changes.
func TestBadInput(t *testing.T) {
	p, o, fsys := lifePool(t, 6, func(o *Options) { o.PresencePeriod = time.Hour })
	other, oo := func() (*Pool, Options) {
		oo := o
		oo.Dirs = []string{"/other/1", "/other/2"}
		must(t, fsys.MkdirAll("/other", 0o700))
		return openPool(t, oo), oo
	}()
	must(t, other.Close(t.Context()))
	must(t, fsys.MkdirAll("/pool/full", 0o700))
	writeFile(t, fsys, "/pool/full/file", []byte("x"))
	must(t, fsys.MkdirAll("/pool/small", 0o700))
	fsys.SetFree("/pool/small", 4096)
	v := p.members.now()
	add := func(dirs ...string) func(ChangeOptions) error {
		return func(o ChangeOptions) error { _, err := p.AddDrives(t.Context(), dirs, false, o); return err }
	}
	replace := func(ref, dir string) func(ChangeOptions) error {
		return func(o ChangeOptions) error { _, err := p.ReplaceDrive(t.Context(), ref, dir, o); return err }
	}
	before := namesAndLabels(t, fsys)
	for name, c := range map[string]struct {
		do   func(ChangeOptions) error
		want error
	}{
		"add a member":            {add(o.Dirs[0]), ErrDirInUse},
		"add the same twice":      {add("/pool/n", "/pool/n/"), ErrDirInUse},
		"add another pool's":      {add(oo.Dirs[0]), ErrDirInUse},
		"add what is not empty":   {add("/pool/full"), ErrDirInUse},
		"add nothing":             {add(), ErrOptions},
		"add one good, one bad":   {add("/pool/n", o.Dirs[1]), ErrDirInUse},
		"replace nobody":          {replace("17", "/pool/n"), ErrNoDrive},
		"replace by itself":       {replace("1", o.Dirs[0]), ErrDirInUse},
		"replace by a member":     {replace("1", o.Dirs[1]), ErrDirInUse},
		"replace by another pool": {replace("1", oo.Dirs[1]), ErrDirInUse},
		"replace by a small one":  {replace("1", "/pool/small"), ErrTooSmall},
		"evacuate to nowhere":     {func(o ChangeOptions) error { _, err := p.EvacuateDrive(t.Context(), "1", o); return err }, ErrNowhere},
		"remove what holds":       {func(o ChangeOptions) error { _, err := p.RemoveDrive(t.Context(), "1", o); return err }, ErrHoldsColumns},
		"fail nobody":             {func(o ChangeOptions) error { _, err := p.FailDrive(t.Context(), "/nowhere", o); return err }, ErrNoDrive},
	} {
		for _, o := range []ChangeOptions{{}, {DryRun: true}, {Force: true}} {
			if err := c.do(o); !errors.Is(err, c.want) {
				t.Errorf("%s, %+v: %v, want %v", name, o, err, c.want)
			}
		}
	}
	for name, do := range map[string]func(ChangeOptions) error{
		"fail":    func(o ChangeOptions) error { _, err := p.FailDrive(t.Context(), "1", o); return err },
		"offline": func(o ChangeOptions) error { _, err := p.OfflineDrive(t.Context(), "1", o); return err },
		"add":     add("/pool/n"),
		"spare": func(o ChangeOptions) error {
			_, err := p.AddDrives(t.Context(), []string{"/pool/n"}, true, o)
			return err
		},
		"replace": replace("1", "/pool/n"),
	} {
		if err := do(ChangeOptions{DryRun: true}); err != nil {
			t.Errorf("a dry run of %s: %v", name, err)
		}
	}
	after := namesAndLabels(t, fsys)
	for path := range after {
		if was, ok := before[path]; !ok || was != after[path] {
			t.Errorf("%s has changed", path)
		}
	}
	if now := p.members.now(); now.label.Epoch != v.label.Epoch {
		t.Errorf("epoch %d became %d", v.label.Epoch, now.label.Epoch)
	}
}

// namesAndLabels is every name but those of the catalogs, and what the labels say.
func namesAndLabels(t *testing.T, fsys *faultfs.FS) map[string]string {
	t.Helper()
	all := tree(t, fsys)
	for path, what := range all {
		if strings.Contains(path, "/"+drive.CatalogName+"/") {
			delete(all, path)
		} else if !strings.HasSuffix(path, "/label") && what != "directory" {
			all[path] = "file" // events are written as they come
		}
	}
	return all
}
