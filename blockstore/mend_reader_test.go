package blockstore

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// TestMendReader: whatever is asked for, forward, with jumps and after an error, is what the file has, across all borders
// between reads; behind the end there are zeros.
func TestMendReader(t *testing.T) {
	w := openWorld(t, shape{2, 1, 3})
	rng := rand.New(rand.NewPCG(testSeed(t), 1))
	members := w.p.members.now().label
	label := drive.Label{Pool: w.p.id, Drive: members.Members[0].ID, Membership: members}
	d, err := drive.Create(drive.Options{FS: vfs.Default}, filepath.Join(t.TempDir(), "d"), label)
	must(t, err)
	t.Cleanup(func() { must(t, d.Close()) })
	want := make([]byte, 3<<20)
	for i := 0; i < len(want); i += 8 {
		for j, b := 0, rng.Uint64(); j < 8; j++ {
			want[i+j] = byte(b >> (8 * j))
		}
	}
	f, err := d.CreateSegment(drive.FileHeader{Kind: drive.Bulk, K: 2, M: 1, Pool: w.p.id, Drive: d.ID(), Segment: 1, Drives: []uuid.UUID{members.Members[0].ID, members.Members[1].ID, members.Members[2].ID}})
	must(t, err)
	done := make(chan error, 1)
	f.WriteAt(want, drive.FirstBlock, func(err error) { done <- err })
	must(t, <-done)
	must(t, syncUncached(f))
	must(t, f.PastCache())
	for _, chunk := range []int{drive.PageBytes, 7 * drive.PageBytes, 256 << 10} {
		for _, turns := range []bool{false, true} {
			room := w.p.mendRooms.get(4, mendKept+chunk)
			var n int64
			work := w.p.background(0)
			r := &reader{p: w.p, work: work, f: f, room: room, turns: turns, end: drive.FirstBlock + int64(len(want)), bytes: &n}
			stop := errors.New("the pace ends it")
			for at := 0; at < len(want); {
				size := min(drive.PageBytes*(1+rng.IntN(drive.MaxBlockBytes/drive.PageBytes)), len(want)-at)
				if rng.IntN(10) == 0 { // and it is asked for again
					if err := r.load(t.Context(), drive.FirstBlock+int64(at), size, func(context.Context, int) error { return stop }); err != nil && !errors.Is(err, stop) {
						t.Fatal(err)
					}
				}
				must(t, r.load(t.Context(), drive.FirstBlock+int64(at), size, func(context.Context, int) error { return nil }))
				if !bytes.Equal(r.get(drive.FirstBlock+int64(at), size), want[at:at+size]) {
					t.Fatalf("chunks of %d: at %d it gives something else", chunk, at)
				}
				switch rng.IntN(20) {
				case 0:
					at = max(0, at-3*chunk/drive.PageBytes*drive.PageBytes)
				case 1:
					at += size + 2*chunk
				default:
					at += size
				}
			}
			behind := drive.FirstBlock + int64(len(want)) + drive.PageBytes
			must(t, r.load(t.Context(), behind, drive.PageBytes, func(context.Context, int) error { return nil }))
			if !isZero(r.get(behind, drive.PageBytes)) {
				t.Error("behind the end there is something")
			}
			r.done()
			work.End()
			if len(room.free) < 4 {
				t.Errorf("of 4 units %d came back", len(room.free))
			}
			room.Release()
		}
	}
	// A file that was closed under it, with its drive, is not one that has nothing.
	f.Close()
	room, n, work := w.p.mendRooms.get(4, mendKept+drive.PageBytes), int64(0), w.p.background(0)
	r := &reader{p: w.p, work: work, f: f, room: room, end: drive.FirstBlock + int64(len(want)), bytes: &n}
	err = r.load(t.Context(), drive.FirstBlock, drive.PageBytes, func(context.Context, int) error { return nil })
	if !errors.Is(err, drive.ErrClosed) || r.holes > 0 {
		t.Errorf("a closed file: %v, %d pages that cannot be read", err, r.holes)
	}
	r.done()
	work.End()
	room.Release()
}

// TestMendRoom: what somebody holds is given to nobody else, units do not overlap, and a room that nobody
// holds is used again.
func TestMendRoom(t *testing.T) {
	var rooms mendRooms
	a := rooms.get(3, 512<<10)
	units := make(map[*byte]bool)
	for range 5 { // two of them are of the heap
		b := a.take()
		if len(b) != 512<<10 {
			t.Fatalf("a unit of %d bytes", len(b))
		}
		units[&b[0]] = true
	}
	if len(units) != 5 {
		t.Errorf("%d units are %d", 5, len(units))
	}
	a.Hold() // by a read that hangs
	a.Release()
	b := rooms.get(3, 512<<10)
	if b == a {
		t.Fatal("memory that a read may write into is used again")
	}
	a.Release() // it came back
	if c := rooms.get(2, 512<<10); c != a {
		t.Error("a room that nobody holds is not used again")
	} else {
		c.Release()
	}
	rooms.trim()
	if rooms.trim(); len(rooms.spare) != 0 {
		t.Error("what nobody asks for stays")
	}
	rooms.close()
	b.Release()
	if len(rooms.spare) != 0 {
		t.Error("what comes back after the end stays")
	}
}

// TestMendTurns: on a disk that drives share each file is read by one read at a time, and on disks of their own, and where
// nothing is known of them, by two.
func TestMendTurns(t *testing.T) {
	turns := func(p *Pool) bool {
		m := &mender{p: p, end: 8 << 20}
		for _, member := range p.members.now().label.Members {
			m.drives = append(m.drives, member.ID)
		}
		m.takeRoom()
		defer m.room.Release()
		return m.reader(nil, &lane{}, m.drives[0]).turns
	}
	if turns(openWorld(t, shape{2, 1, 3}).p) {
		t.Error("one read at a time where no disk is known to be shared")
	}
	p, err := Open(t.Context(), Options{Dirs: dirsOf(3, t.TempDir()), Init: true, Logger: testLogger(), Patience: calmPatience})
	must(t, err)
	defer func() { must(t, p.Close(context.Background())) }()
	id := p.members.now().label.Members[0].ID
	if p.space.device(id) == (vfs.DeviceID{}) {
		t.Skip("this system does not say which disk a file is on")
	}
	if !turns(p) {
		t.Error("several reads at a time on a disk that all files share")
	}
}

// TestMendMemory: however wide a segment is, reading it takes no more than mendMemory, and a small one no more than it has.
func TestMendMemory(t *testing.T) {
	p := openWorld(t, shape{2, 1, 3}).p
	for width := 3; width <= maxColumns; width++ {
		for _, end := range []int64{drive.PageBytes, 1 << 20, 256 << 20} {
			m := &mender{p: p, end: end, drives: make([]uuid.UUID, width)}
			m.takeRoom()
			unit := m.room.unit
			m.room.Release()
			switch all := unit * width * (1 + mendAhead); {
			case unit < mendKept+drive.PageBytes || unit%drive.PageBytes != 0:
				t.Errorf("a unit of %d bytes", unit)
			case all > mendMemory && unit > mendKept+mendReadMin:
				t.Errorf("%d files: %d bytes", width, all)
			case int64(unit) > mendKept+end:
				t.Errorf("a unit of %d bytes for a file of %d", unit, end)
			}
		}
	}
}
