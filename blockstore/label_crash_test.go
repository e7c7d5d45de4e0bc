package blockstore

import (
	"testing"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// TestCrashBetweenLabels: the pool was killed, and the next opening, too, when
// the newest epoch stood on some drives and was reserved on the others. Those
// others took part all the same: nothing of what lies on them is in doubt.
func TestCrashBetweenLabels(t *testing.T) {
	for lagging := 1; lagging < 6; lagging++ {
		w := openWorld(t, shape{4, 2, 6})
		w.mustPut(t, "large", 600<<10) // in a bulk segment, which the kill leaves open
		w.crash(nil, killed)
		for i, dir := range w.dirs {
			d, err := drive.Open(drive.Options{FS: w.fs}, dir)
			must(t, err)
			l := d.Label()
			if l.Reserved++; i >= lagging {
				l.Epoch = l.Reserved
			}
			must(t, d.WriteLabel(l))
			must(t, d.Close())
		}
		w.mustOpen(t)
		w.mustCheck(t)
		s, err := w.p.Status(t.Context())
		must(t, err)
		if r := s.Redundancy; s.Pool.State != "ONLINE" || r.Missing["0"] != r.Stripes {
			t.Errorf("%d drives lag: the pool is %s, and of %d stripes %v lack columns", lagging, s.Pool.State, r.Stripes, r.Missing)
		}
		abandon(w.p, w.fs)
		w.p = nil
	}
}
