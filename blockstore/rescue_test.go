package blockstore

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/blockstore/faultfs"
)

// drive is the place among the pool's drives of the one that holds a column.
func (b *ruleBench) drive(st *stripe, i int) int {
	b.t.Helper()
	dir := b.p.members.now().drives[b.seg.drives[st.file(i)]].Dir()
	for i, d := range b.o.Dirs {
		if d == dir {
			return i
		}
	}
	b.t.Fatal("no such drive")
	return -1
}

// reads has the reads of stored columns go as said.
func (b *ruleBench) reads(st *stripe, faults map[int]faultfs.Fault) {
	byDir := make(map[string]faultfs.Fault)
	for i, f := range faults {
		byDir[b.o.Dirs[b.drive(st, i)]+"/segments"] = f
	}
	b.fsys.SetHook(func(op faultfs.Op) faultfs.Fault {
		for dir, f := range byDir {
			if op.Kind == faultfs.Read && op.Below(dir) {
				return f
			}
		}
		return faultfs.Fault{}
	})
	b.t.Cleanup(b.goOn)
}

// goOn lets everything that hangs go on, and nothing hang any more.
func (b *ruleBench) goOn() {
	b.fsys.SetHook(nil)
	b.fsys.ReleaseHung()
}

// leaveOut has the drives of stored columns take no part.
func (b *ruleBench) leaveOut(st *stripe, cols ...int) {
	b.t.Helper()
	for _, i := range cols {
		_, err := b.p.FailDrive(b.t.Context(), strconv.Itoa(b.drive(st, i)+1), ChangeOptions{Force: true})
		if err != nil && !errors.Is(err, ErrReadOnly) { // when too few are left to write
			b.t.Fatal(err)
		}
		if v := b.p.members.now(); v.why[b.seg.drives[st.file(i)]] == nil {
			b.t.Fatal("the drive takes part")
		}
	}
}

// columns is how many columns' memory downloads and rescues hold.
func (b *ruleBench) columns() (reads, rescues int64) {
	unit := int64(b.p.mem.columnBytes())
	return (b.p.mem.reads.used.Load() + b.p.mem.sips.used.Load()) / unit, b.p.mem.rescues.used.Load() / unit
}

func (b *ruleBench) wantColumns(when string, reads, rescues int64) {
	b.t.Helper()
	waitFor(b.t, when, func() bool {
		r, s := b.columns()
		return r == reads && s == rescues
	})
}

// TestRescueReadsNoMoreThanItNeeds: with one column of four wrong, one that was
// not asked for is read.
func TestRescueReadsNoMoreThanItNeeds(t *testing.T) {
	b := newRuleBench(t)
	data := randomBody(1, 20_000)
	st := b.stripe(data, 2)
	b.lay(st)
	b.rot(st, 1, int64(st.head.PayloadStart()))
	var mu sync.Mutex
	files := make(map[string]bool)
	b.fsys.SetHook(func(op faultfs.Op) faultfs.Fault {
		if op.Kind == faultfs.Read && strings.HasSuffix(op.Path, b.seg.id.String()) {
			mu.Lock()
			files[op.Path] = true
			mu.Unlock()
		}
		return faultfs.Fault{}
	})
	got, err := b.read(st)
	mu.Lock()
	defer mu.Unlock()
	if err != nil || !bytes.Equal(got, data) || len(files) != 3 {
		t.Errorf("%v, right: %v, read from %d files", err, bytes.Equal(got, data), len(files))
	}
}

// TestLateColumnsCountInAnyOrder: when too few others are good, the late column
// that comes counts, whichever is waited for besides.
func TestLateColumnsCountInAnyOrder(t *testing.T) {
	b := newRuleBenchOf(t, 3*time.Second)
	data := randomBody(1, 20_000)
	st := b.stripe(data, 2)
	b.lay(st)
	b.rot(st, 3, int64(st.head.PayloadStart()))
	b.reads(st, map[int]faultfs.Fault{0: {Hang: true}, 1: {Delay: 600 * time.Millisecond}})
	if got, err := b.read(st); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%v, right: %v", err, bytes.Equal(got, data))
	}
	b.wantColumns("what the read that hangs keeps alone", 0, 1)
}

// TestLeftOutDriveHangsInARescue: of the drives that were left out, and are read
// because nothing else is left, one hangs.
func TestLeftOutDriveHangsInARescue(t *testing.T) {
	b := newRuleBenchOf(t, time.Second)
	data := randomBody(1, 20_000)
	st := b.stripe(data, 2)
	b.lay(st)
	b.rot(st, 2, int64(st.head.PayloadStart()))
	b.leaveOut(st, 0, 3)
	b.reads(st, map[int]faultfs.Fault{0: {Hang: true}})
	if got, err := b.read(st); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%v, right: %v", err, bytes.Equal(got, data))
	}
}

// TestReadsGivenUpWriteIntoNothing: a read that was given up comes back when its
// column was computed and given out. It must not have been into the same memory.
func TestReadsGivenUpWriteIntoNothing(t *testing.T) {
	b := newRuleBenchOf(t, 300*time.Millisecond)
	data := randomBody(1, 20_000)
	st := b.stripe(data, 2)
	b.lay(st)
	b.rot(st, 2, int64(st.head.PayloadStart()))
	b.leaveOut(st, 3) // so it is not read before the first one was given up
	b.reads(st, map[int]faultfs.Fault{0: {Hang: true, Zero: true}})
	at := stripeAt{seg: b.seg, no: st.no, offset: st.offset, d: st.d, length: st.length}
	rd, err := b.p.readStripe(t.Context(), at, 0, at.bytes())
	must(t, err)
	defer rd.release()
	b.goOn()
	waitFor(t, "the read to come back", func() bool { return b.fsys.Hung() == 0 })
	b.wantColumns("its memory to come back", 2, 0)
	if got := bytes.Join(rd.spans, nil); !bytes.Equal(got, data) {
		t.Error("what was given out has changed")
	}
}

// TestDownloadsKeepNoRescueMemory: what downloads hold, for as long as their
// clients like, is never of what rescues need, but for what hangs (R21).
func TestDownloadsKeepNoRescueMemory(t *testing.T) {
	b := newRuleBenchOf(t, 3*time.Second)
	data := randomBody(1, 20_000)
	st := b.stripe(data, 2)
	b.lay(st)
	b.reads(st, map[int]faultfs.Fault{0: {Hang: true}})
	at := stripeAt{seg: b.seg, no: st.no, offset: st.offset, d: st.d, length: st.length}
	const downloads = drive.ReadersDefault + 3
	var wg sync.WaitGroup
	var held [downloads]*stripeRead
	for i := range held {
		wg.Go(func() {
			var err error
			if held[i], err = b.p.readStripe(t.Context(), at, 0, at.bytes()); err != nil {
				t.Error(err)
			}
		})
	}
	if wg.Wait(); t.Failed() {
		return
	}
	b.wantColumns("what hangs alone", 2*downloads, drive.ReadersDefault)
	b.goOn()
	b.wantColumns("no rescue memory to be held", 2*downloads, 0)
	for _, rd := range held {
		rd.release()
	}
}

// TestFailedRescueKeepsNothing: neither one whose result is wrong nor one that is
// cancelled keeps memory, once what hangs in a drive has come back.
func TestFailedRescueKeepsNothing(t *testing.T) {
	b := newRuleBenchOf(t, time.Second)
	st := b.stripe(randomBody(1, 20_000), 2)
	b.disagree(st)
	b.lay(st)
	b.reads(st, map[int]faultfs.Fault{0: {Hang: true}})
	var damage *DamageError
	if _, err := b.read(st); !errors.As(err, &damage) {
		t.Errorf("parity disagrees: %v", err)
	}
	b.reads(st, map[int]faultfs.Fault{0: {Hang: true}, 2: {Hang: true}, 3: {Hang: true}})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for b.fsys.Hung() < 4 { // of the first read one, of the second all
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	at := stripeAt{seg: b.seg, no: st.no, offset: st.offset, d: st.d, length: st.length}
	if _, err := b.p.readStripe(ctx, at, 0, at.bytes()); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	b.goOn()
	b.wantColumns("the memory to come back", 0, 0)
}
