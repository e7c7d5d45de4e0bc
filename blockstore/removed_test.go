package blockstore

import (
	"syscall"
	"testing"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// TestRemovedByFailedWrite: what shows that a drive was taken away is often a
// write that fails. As FAULTED it would not count when it is back.
func TestRemovedByFailedWrite(t *testing.T) {
	w := openWorld(t, shape{4, 2, 6})
	w.mustPut(t, "before", 300)
	var id uuid.UUID
	for drive, d := range w.p.members.now().drives {
		if d.Dir() == w.dirs[1] {
			id = drive
		}
	}
	w.fs.Detach(w.dirs[1])
	must(t, w.p.exclude(t.Context(), map[uuid.UUID]error{id: syscall.EIO}))
	if m, _ := w.p.members.now().member(id); m.State != drive.Removed {
		t.Errorf("the drive is %v, want %v", m.State, drive.Removed)
	}
	w.mustCheck(t)
}
