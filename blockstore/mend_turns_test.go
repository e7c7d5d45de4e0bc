package blockstore

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/blockstore/faultfs"
)

// turnsFile is a segment's file of so many bytes, to be read past the cache, and what reads it.
func turnsFile(t *testing.T, fileBytes, readBytes int, patience time.Duration) (*world, *reader) {
	t.Helper()
	w := newWorld(t, shape{2, 1, 3}, smallSegment, 1)
	w.opt.Patience = patience
	w.mustOpen(t)
	t.Cleanup(func() { abandon(w.p, w.fs) })
	members := w.p.members.now().label
	d, err := drive.Create(drive.Options{FS: w.fs}, "/d", drive.Label{Pool: w.p.id, Drive: members.Members[0].ID, Membership: members})
	must(t, err)
	t.Cleanup(func() { must(t, d.Close()) })
	f, err := d.CreateSegment(drive.FileHeader{
		Kind: drive.Bulk, K: 2, M: 1, Pool: w.p.id, Drive: d.ID(), Segment: 1,
		Drives: []uuid.UUID{members.Members[0].ID, members.Members[1].ID, members.Members[2].ID},
	})
	must(t, err)
	t.Cleanup(func() { f.Close() })
	done := make(chan error, 1)
	f.WriteAt(make([]byte, fileBytes), drive.FirstBlock, func(err error) { done <- err })
	must(t, <-done)
	must(t, syncUncached(f))
	must(t, f.PastCache())
	work := w.p.background(0)
	t.Cleanup(work.End)
	room := w.p.mendRooms.get(1+mendAhead, mendKept+readBytes)
	t.Cleanup(room.Release)
	return w, &reader{p: w.p, work: work, f: f, room: room, end: drive.FirstBlock + int64(fileBytes), bytes: new(int64)}
}

func unpaced(context.Context, int) error { return nil }

// TestMendReadsInTurn: where drives share a disk a file has one read under way at a time, and a second one waiting for it;
// where they do not it has two. Each read ends at a multiple of its size.
func TestMendReadsInTurn(t *testing.T) {
	const readBytes, reads = 16 * drive.PageBytes, 20
	for _, turns := range []bool{true, false} {
		w, r := turnsFile(t, reads*readBytes, readBytes, time.Minute)
		r.turns = turns
		var under, most, begun atomic.Int64
		two := make(chan struct{}) // closed when two are under way
		met := sync.OnceFunc(func() { close(two) })
		w.fs.SetHook(func(op faultfs.Op) (f faultfs.Fault) {
			if op.Kind != faultfs.Read || !op.Below("/d/segments") {
				return f
			}
			begun.Add(1)
			if end := op.Offset + op.Length; end%readBytes != 0 && end != r.end {
				t.Errorf("a read of [%d, %d)", op.Offset, end)
			}
			n := under.Add(1)
			defer under.Add(-1)
			if most.Store(max(most.Load(), n)); n == mendAhead {
				met()
			} else if begun.Load() == 1 {
				late := time.After(50 * time.Millisecond)
				if !turns {
					late = time.After(time.Minute)
				}
				select {
				case <-two:
				case <-late:
				}
			}
			return f
		})
		for at := int64(drive.FirstBlock); at < r.end && !t.Failed(); at += drive.PageBytes {
			must(t, r.load(t.Context(), at, drive.PageBytes, unpaced))
			if turns {
				continue
			}
			break // the others may meet as they like
		}
		r.done()
		w.fs.SetHook(nil)
		switch n := most.Load(); {
		case turns && n != 1, !turns && n != mendAhead:
			t.Errorf("in turn %v: %d reads of the file at a time", turns, n)
		case turns && begun.Load() != reads+1:
			t.Errorf("%d reads", begun.Load())
		}
	}
}

// TestMendAsksAHungDriveOnce: a read that waits for one that hangs is not made, and a jump in the file does not ask again.
func TestMendAsksAHungDriveOnce(t *testing.T) {
	const readBytes = 16 * drive.PageBytes
	for name, further := range map[string]int64{"on": drive.PageBytes, "with a jump": 8 * readBytes} {
		w, r := turnsFile(t, 20*readBytes, readBytes, 200*time.Millisecond)
		r.turns = true
		must(t, r.load(t.Context(), drive.FirstBlock, drive.PageBytes, unpaced))
		r.wait()
		r.next = r.at + int64(len(r.buf))
		var asked atomic.Int64
		w.fs.SetHook(func(op faultfs.Op) (f faultfs.Fault) {
			f.Hang = op.Kind == faultfs.Read && op.Below("/d/segments")
			if f.Hang {
				asked.Add(1)
			}
			return f
		})
		r.goAhead(t.Context())
		err := r.load(t.Context(), r.next-drive.PageBytes+further, drive.PageBytes, unpaced)
		if again := r.load(t.Context(), drive.FirstBlock, drive.PageBytes, unpaced); !errors.Is(err, errHung) || !errors.Is(again, errHung) {
			t.Errorf("%s: %v, then %v", name, err, again)
		}
		r.done()
		w.fs.SetHook(nil)
		w.fs.ReleaseHung()
		if n := asked.Load(); n != 1 {
			t.Errorf("%s: a drive that hangs was asked %d times", name, n)
		}
	}
}

// TestMendALargeBadSpot: of a file that cannot be read where it is damaged, as long as one whole read of mending, the rest
// is read, and what is bad is written.
func TestMendALargeBadSpot(t *testing.T) {
	w := newWorld(t, shape{2, 1, 3}, 64<<20, 1)
	w.opt.MemoryBytes = 64 << 20
	w.mustOpen(t)
	t.Cleanup(func() { abandon(w.p, w.fs) })
	must(t, w.createBucket(t.Context(), "bucket", fuss{}))
	w.mustPut(t, "large", 12<<20)
	must(t, w.p.SealOpen(t.Context()))
	var mu sync.Mutex
	bad := make(map[int64]bool)
	for off := int64(mendReadMax); off < 2*mendReadMax; off += drive.PageBytes {
		bad[off] = true
	}
	w.fs.SetHook(func(op faultfs.Op) (f faultfs.Fault) {
		if !op.Below(w.dirs[1]+"/segments") || kindOf(w.p, op) != drive.Bulk {
			return f
		}
		mu.Lock()
		defer mu.Unlock()
		for off := op.Offset; off < op.Offset+op.Length; off += drive.PageBytes {
			switch {
			case op.Kind == faultfs.Write:
				delete(bad, off)
			case op.Kind == faultfs.Read && bad[off]:
				f.Err = syscall.EIO
			}
		}
		return f
	})
	if r := mendAll(t, w.p, MendOptions{}); r.MendedBlocks == 0 || len(r.Doubtful) != 0 {
		t.Errorf("%d blocks mended, doubtful %v", r.MendedBlocks, r.Doubtful)
	}
	w.fs.SetHook(nil)
	if len(bad) != 0 {
		t.Errorf("%d pages are bad still", len(bad))
	}
	w.fs.Unplug(w.dirs[0])
	w.mustCheck(t)
}
