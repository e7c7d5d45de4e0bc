package blockstore

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// failing has the drive in a slot fail while it stays where it is, and waits until it is left out.
func failing(t *testing.T, p *Pool, slot int) {
	t.Helper()
	for _, m := range p.members.now().label.Members {
		if m.Slot == slot {
			p.members.now().drives[m.ID].Fail(errors.New("it takes no writes"))
		}
	}
	waitFor(t, "the drive to be left out", func() bool { return stateOf(t, p, slot) == "FAULTED" })
}

// patientPool is a pool that waits for drives that are away for ever.
func patientPool(t *testing.T) (*Pool, Options) {
	t.Helper()
	p, o, _ := lifePool(t, 6, func(o *Options) { o.RebuildAfter, o.PresencePeriod = -1, 5*time.Millisecond })
	return p, o
}

// TestReplaceFailingDrive: a drive that is replaced fails, before or while it hands its files over, and stays
// where it is. All of it is made anew, though a drive that merely failed is waited for for ever, and it leaves the
// pool; a restart in between changes nothing.
func TestReplaceFailingDrive(t *testing.T) {
	for _, c := range []struct {
		name              string
		meanwhile, reopen bool
	}{{"before", false, false}, {"meanwhile", true, false}, {"meanwhile, then a restart", true, true}} {
		t.Run(c.name, func(t *testing.T) {
			p, o := patientPool(t)
			if !c.meanwhile {
				failing(t, p, 3)
			}
			_, err := p.ReplaceDrive(t.Context(), "3", "/pool/new", ChangeOptions{})
			must(t, err)
			if c.meanwhile {
				failing(t, p, 3)
			}
			if c.reopen {
				p = reopened(t, p, o, append(slices.Clone(o.Dirs), "/pool/new")...)
			}
			mended(t, p)
			wantWhole(t, p)
			if n := len(status(t, p).Drives); n != 6 {
				t.Errorf("%d drives are members", n)
			}
			dirs := append(slices.Delete(slices.Clone(o.Dirs), 2, 3), "/pool/new")
			p = reopened(t, p, o, dirs[2:]...)
			wantSizes(t, p, "old")
		})
	}
}

// TestEvacuatedDriveFails: it is made anew elsewhere and leaves the pool. Taken out for a while it is waited for,
// and once it is used again a failure is one like any other.
func TestEvacuatedDriveFails(t *testing.T) {
	p, _ := patientPool(t)
	_, err := p.AddDrives(t.Context(), []string{"/pool/new"}, false, ChangeOptions{})
	must(t, err)
	id := p.members.now().label.Members[2].ID
	did := func(_ ChangeReport, err error) { t.Helper(); must(t, err) }
	want := func(when, state string, fate fileFate) {
		t.Helper()
		if got := stateOf(t, p, 3); got != state || p.fate(p.members.now(), id) != fate {
			t.Errorf("%s: the drive is %s, its files' fate %d; want %s and %d", when, got, p.fate(p.members.now(), id), state, fate)
		}
	}
	did(p.EvacuateDrive(t.Context(), "3", ChangeOptions{}))
	want("being emptied", "EVACUATING", fileMoves)
	did(p.OfflineDrive(t.Context(), "3", ChangeOptions{}))
	want("taken out for a while", "OFFLINE", fileWaits)
	did(p.FailDrive(t.Context(), "3", ChangeOptions{}))
	want("given up", "FAULTED", fileMoves)
	did(p.ClearDrive(t.Context(), "3", ChangeOptions{}))
	failing(t, p, 3)
	want("failed after it was used again", "FAULTED", fileWaits)
	did(p.ClearDrive(t.Context(), "3", ChangeOptions{}))
	did(p.EvacuateDrive(t.Context(), "3", ChangeOptions{}))
	did(p.OnlineDrive(t.Context(), "3", ChangeOptions{}))
	failing(t, p, 3)
	want("failed after that was called off", "FAULTED", fileWaits)
	did(p.ClearDrive(t.Context(), "3", ChangeOptions{}))
	did(p.EvacuateDrive(t.Context(), "3", ChangeOptions{}))
	failing(t, p, 3)
	want("failed", "FAULTED", fileMoves)
	mended(t, p)
	wantWhole(t, p)
	if s := stateOf(t, p, 3); s != "" {
		t.Errorf("the drive is %s still", s)
	}
	if value, err := p.Setting(t.Context(), emptyingName(id)); err != nil || value != nil {
		t.Errorf("of a drive that left it is noted %q, %v", value, err)
	}
}
