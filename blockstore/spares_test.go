package blockstore

import (
	"errors"
	"slices"
	"testing"
)

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
