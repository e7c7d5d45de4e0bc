package blockstore

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// TestFailDrivesAtOnce: of operators who fail a drive each at the same time, no
// more are obeyed than is safe (R24).
func TestFailDrivesAtOnce(t *testing.T) {
	p, _, _ := poolWithBucket(t, 6, nil)
	var wg sync.WaitGroup
	var done, refused atomic.Int64
	for slot := 1; slot <= 6; slot++ {
		wg.Go(func() {
			switch _, err := p.FailDrive(t.Context(), fmt.Sprint(slot), ChangeOptions{}); {
			case err == nil:
				done.Add(1)
			case errors.Is(err, ErrUnsafe):
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if done.Load() != 2 || refused.Load() != 4 {
		t.Errorf("%d drives of 6 with parity 2 were failed, %d refused", done.Load(), refused.Load())
	}
}

// TestFailAbsentDrive: what the operator says of a drive that is away is kept,
// and stands when the drive is back.
func TestFailAbsentDrive(t *testing.T) {
	p, o, fsys := poolWithBucket(t, 6, func(o *Options) { o.PresencePeriod = 20 * time.Millisecond })
	fsys.Unplug(o.Dirs[3])
	waitFor(t, "the drive to be missed", func() bool { return status(t, p).Drives[3].State == "REMOVED" })
	if _, err := p.FailDrive(t.Context(), "4", ChangeOptions{}); err != nil {
		t.Fatal(err)
	}
	if s := status(t, p).Drives[3].State; s != "FAULTED" {
		t.Errorf("the drive is %s", s)
	}
	if err := p.Close(t.Context()); err != nil {
		t.Log(err)
	}
	l, err := drive.ReadLabel(fsys, o.Dirs[0])
	if err != nil || l.Members[3].State != drive.Faulted {
		t.Fatalf("the labels say %v, %v", l.Members[3].State, err)
	}
	fsys.Plug(o.Dirs[3])
	o.Init = false
	if s := status(t, openPool(t, o)).Drives[3].State; s != "FAULTED" {
		t.Errorf("after it came back the drive is %s", s)
	}
}

// TestNarrowStripesAreCountedAsSuch: a bad column of a stripe with fewer data
// columns than the segment has is taken from the stripes of its own kind.
func TestNarrowStripesAreCountedAsSuch(t *testing.T) {
	p, _, _ := poolWithBucket(t, 6, nil)
	putBytes(t, p, "bucket", "x", randomBody(1, 300))
	before := status(t, p).Redundancy
	seg := p.journal.seg
	id := seg.drives[seg.fileOf(3, 0)] // a data column that stripe 0, with d = 1, does not have
	if err := p.exclude(t.Context(), map[uuid.UUID]error{id: errHung}); err != nil {
		t.Fatal(err)
	}
	seg.markBad(0, 0, 1)
	for n, c := range status(t, p).Redundancy.Missing {
		if c < 0 {
			t.Errorf("%d stripes miss %s columns", c, n)
		}
	}
	if after := status(t, p).Redundancy; after.Stripes != before.Stripes {
		t.Errorf("%d stripes, %d before", after.Stripes, before.Stripes)
	}
}
