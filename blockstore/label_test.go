package blockstore

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/blockstore/faultfs"
)

// TestFullDriveTakesNoLabel: a drive too full for the label that leaves another
// one out takes no part from then on, but is not called faulted, also not when
// a third is left out; it is used again by the next opening.
func TestFullDriveTakesNoLabel(t *testing.T) {
	p, o, fsys := poolWithBucket(t, 8, func(o *Options) { o.Parity, o.PresencePeriod = 3, time.Hour })
	storeSizes(t, p, "old")
	fsys.SetHook(func(op faultfs.Op) faultfs.Fault {
		if op.Below(o.Dirs[0]) && strings.HasSuffix(op.Path, "label.new") {
			return faultfs.Fault{Err: syscall.ENOSPC}
		}
		return faultfs.Fault{}
	})
	for _, slot := range []string{"3", "5"} {
		if _, err := p.FailDrive(t.Context(), slot, ChangeOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	storeSizes(t, p, "new")
	wantSizes(t, p, "old")
	if live := len(p.members.now().live); live != 5 {
		t.Errorf("%d drives take part", live)
	}
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	fsys.SetHook(nil)
	l, err := drive.ReadLabel(fsys, o.Dirs[1])
	if err != nil || l.Members[0].State != drive.Online || l.Members[2].State != drive.Faulted {
		t.Fatalf("a label says %+v, %v", l.Members, err)
	}
	o.Init = false
	p = openPool(t, o)
	if s := status(t, p).Drives[0]; s.State != "ONLINE" {
		t.Errorf("after it was opened again the drive is %s: %s", s.State, s.Reason)
	}
	wantSizes(t, p, "old")
	wantSizes(t, p, "new")
}
