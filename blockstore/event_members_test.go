package blockstore

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// eventKinds lists the kinds of all events, in order.
func eventKinds(t *testing.T, p *Pool) []string {
	t.Helper()
	var list []string
	for _, e := range eventsOf(t, p) {
		list = append(list, e.Kind)
	}
	return list
}

func ofKind(k string) func(Event) bool { return func(e Event) bool { return e.Kind == k } }

// TestEventsOfAHealthyPool shows that a pool that is well has nothing to tell
// but that it was opened, whatever is done with it.
func TestEventsOfAHealthyPool(t *testing.T) {
	p, o, _ := poolWithBucket(t, 6, func(o *Options) { o.SegmentBytes, o.CheckpointRecords = 1<<20, 50 })
	for round := range 3 {
		storeSizes(t, p, fmt.Sprint("round", round))
		wantSizes(t, p, fmt.Sprint("round", round))
	}
	if err := p.checkpoint(); err != nil {
		t.Fatal(err)
	}
	closeNow(t, p)
	p = openPool(t, o)
	wantSizes(t, p, "round1")
	waitEvent(t, p, "the second opening", func(e Event) bool { return e.Kind == "opened" && e.Seq == 2 })
	if got := eventKinds(t, p); !slices.Equal(got, []string{"opened", "opened"}) {
		t.Errorf("%q", got)
	}
}

// TestEventsOfLosses follows a pool down to where it takes no changes.
func TestEventsOfLosses(t *testing.T) {
	p, o, fsys := poolWithBucket(t, 6, func(o *Options) { o.PresencePeriod = 5 * time.Millisecond })
	if _, err := p.FailDrive(t.Context(), "2", ChangeOptions{}); err != nil {
		t.Fatal(err)
	}
	e := waitEvent(t, p, "the failed drive", ofKind("drive_faulted"))
	if e.Drive == nil || e.Drive.Slot != 2 || e.Drive.Path != o.Dirs[1] || e.Stage != StageMasked || e.Severity != SeverityError ||
		!strings.Contains(e.Text, "operator") || !strings.Contains(e.Done, "1 more may fail") {
		t.Errorf("%+v, %+v", e, e.Drive)
	}
	fsys.Unplug(o.Dirs[3])
	e = waitEvent(t, p, "the drive that was pulled", ofKind("drive_removed"))
	if e.Drive.Slot != 4 || e.Stage != StageMasked || !strings.Contains(e.Done, "no further drive may fail") {
		t.Errorf("%+v, %+v", e, e.Drive)
	}
	if _, err := p.FailDrive(t.Context(), "6", ChangeOptions{Force: true}); !errors.Is(err, ErrReadOnly) {
		t.Fatal(err)
	}
	if e = waitEvent(t, p, "the end of changes", ofKind("read_only")); e.Stage != StageReduced {
		t.Errorf("%+v", e)
	}
}

// TestEventsOfOpening shows that an opening tells which drives it misses, and
// the next one that they are back, each once.
func TestEventsOfOpening(t *testing.T) {
	p, o, fsys := poolWithBucket(t, 4, nil)
	closeNow(t, p)
	fsys.Unplug(o.Dirs[2])
	p = openPool(t, o)
	e := waitEvent(t, p, "the opening", func(e Event) bool { return e.Kind == "opened" && e.Stage == StageMasked })
	if !strings.Contains(e.Text, "3 of 4") || !strings.Contains(e.Done, "1 more may fail") {
		t.Errorf("%+v", e)
	}
	closeNow(t, p)
	p = openPool(t, o)
	closeNow(t, p)
	fsys.Plug(o.Dirs[2])
	p = openPool(t, o)
	waitEvent(t, p, "the return", ofKind("drive_returned"))
	count := func(k string) (n int) {
		for _, seen := range eventKinds(t, p) {
			if seen == k {
				n++
			}
		}
		return n
	}
	if gone, back := count("drive_unavail"), count("drive_returned"); gone != 1 || back != 1 {
		t.Errorf("told %d times that it is away, %d that it is back: %q", gone, back, eventKinds(t, p))
	}
}

// TestEventsOfRot shows that a block that rots is told of with its drive and
// segment, and what cannot be read with the object's name.
func TestEventsOfRot(t *testing.T) {
	p, o, fsys := poolWithBucket(t, 4, func(o *Options) { o.PresencePeriod = time.Hour })
	body := randomBody(1, 900_000)
	putBytes(t, p, "bucket", "rots", body)
	rot := func(drives ...int) {
		t.Helper()
		for _, i := range drives {
			rotted := 0
			names, err := fsys.List(o.Dirs[i] + "/segments")
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range names {
				path := o.Dirs[i] + "/segments/" + name
				fi, err := fsys.Stat(path)
				if err != nil || fi.Size() < 200_000 {
					continue
				}
				rotted++
				for at := int64(8192); at < fi.Size(); at += 16384 {
					if err := fsys.Corrupt(path, at, 1, func(b []byte) { b[0] ^= 1 }); err != nil {
						t.Fatal(err)
					}
				}
			}
			if rotted == 0 {
				t.Fatal("there is no large segment")
			}
		}
	}
	rot(0)
	wantBytes(t, p, "bucket", "rots", body)
	e := waitEvent(t, p, "the rot", ofKind("checksum"))
	if e.Segment == "" || e.Drive == nil || e.Drive.Slot != 1 || e.Stage != StageMasked {
		t.Errorf("%+v, %+v", e, e.Drive)
	}
	rot(1, 2, 3)
	if _, err := getBytes(t.Context(), p, "bucket", "rots"); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("all columns are rotten: %v", err)
	}
	e = waitEvent(t, p, "the loss", ofKind("unreadable"))
	if !slices.Equal(e.Objects, []string{"bucket/rots"}) || e.Stage != StageReduced || e.Severity != SeverityError {
		t.Errorf("%+v", e)
	}
}

// TestEventsOfRoom shows that a pool that fills up says so once, and once more
// when there is room again.
func TestEventsOfRoom(t *testing.T) {
	p, o, fsys := poolWithBucket(t, 4, func(o *Options) { o.PresencePeriod = 5 * time.Millisecond })
	put := func() error {
		_, err := p.Put(t.Context(), "bucket", "x", strings.NewReader("x"), PutOptions{Size: 1})
		return err
	}
	for _, dir := range o.Dirs {
		fsys.SetFree(dir, 2<<20)
	}
	waitFor(t, "the pool to be full", func() bool { return errors.Is(put(), ErrNoSpace) })
	for range 100 {
		_ = put()
	}
	waitEvent(t, p, "no room", ofKind("no_space"))
	for _, dir := range o.Dirs {
		fsys.SetFree(dir, -1)
	}
	waitFor(t, "room", func() bool { return put() == nil })
	waitEvent(t, p, "room", ofKind("space"))
	if got := eventKinds(t, p); !slices.Equal(got, []string{"opened", "no_space", "space"}) {
		t.Errorf("%q", got)
	}
}

// TestEventsOfReplicas shows that a lost replica of the catalog is told of, and
// the one that takes its place.
func TestEventsOfReplicas(t *testing.T) {
	p, _, _ := poolWithBucket(t, 6, nil)
	if err := replicated(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if _, err := p.FailDrive(t.Context(), "1", ChangeOptions{}); err != nil {
		t.Fatal(err)
	}
	e := waitEvent(t, p, "the loss", ofKind("replica_dropped"))
	if e.Drive.Slot != 1 {
		t.Errorf("%+v, %+v", e, e.Drive)
	}
	e = waitEvent(t, p, "the new one", ofKind("replica_made"))
	if e.Drive.Slot == 1 || e.Stage != StageRecovered {
		t.Errorf("%+v, %+v", e, e.Drive)
	}
}
