package blockstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/blockstore/faultfs"
)

// bytesRead counts what is read of the segment's files meanwhile.
func (b *ruleBench) bytesRead(meanwhile func()) (n int64) {
	var mu sync.Mutex
	b.fsys.SetHook(func(op faultfs.Op) faultfs.Fault {
		if op.Kind == faultfs.Read && strings.HasSuffix(op.Path, b.seg.id.String()) {
			mu.Lock()
			n += op.Length
			mu.Unlock()
		}
		return faultfs.Fault{}
	})
	defer b.fsys.SetHook(nil)
	meanwhile()
	mu.Lock()
	defer mu.Unlock()
	return n
}

// TestRescueReadsOnlyWhatIsLost: where the beginning of a column is lost and all of the one before it was
// asked for, no more than that beginning is read of others. So it is too if both are asked for to the same piece,
// and the columns that are asked for are read once.
func TestRescueReadsOnlyWhatIsLost(t *testing.T) {
	const pieces = 20
	for lost, want := range map[int]int64{0: pieces + pieces, 1: pieces + 1} { // of the other asked for, and of one that was not
		b := newRuleBench(t)
		data := randomBody(1, 2*pieces*drive.PieceBytes)
		st := b.stripe(data, 2)
		b.lay(st)
		b.leaveOut(st, lost)
		at := stripeAt{seg: b.seg, no: st.no, offset: st.offset, d: st.d, length: st.length}
		n := int64(st.length) + 100
		got := b.bytesRead(func() {
			rd, err := b.p.readStripe(t.Context(), at, 0, n)
			must(t, err)
			defer rd.release()
			if !bytes.Equal(bytes.Join(rd.spans, nil), data[:n]) {
				t.Errorf("with column %d left out, wrong bytes", lost)
			}
		})
		if want = want*drive.PieceBytes + 2*int64(st.head.PayloadStart()); got != want {
			t.Errorf("with column %d left out, %d bytes are read, not %d", lost, got, want)
		}
	}
}

// TestRescueTakesNoMoreThanItReads: a whole stripe is read without the memory of more
// columns than it has parity beside those asked for, whatever of it is lost.
func TestRescueTakesNoMoreThanItReads(t *testing.T) {
	b := newRuleBench(t)
	data := randomBody(1, 20_000)
	st := b.stripe(data, 2)
	b.lay(st)
	b.leaveOut(st, 0, 1)
	unit := int64(b.p.mem.columnBytes())
	for range b.p.mem.rescues.total/unit - int64(b.seg.m) {
		defer b.p.mem.rescues.tryGet().Release()
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	at := stripeAt{seg: b.seg, no: st.no, offset: st.offset, d: st.d, length: st.length}
	rd, err := b.p.readStripe(ctx, at, 0, at.bytes())
	must(t, err)
	defer rd.release()
	if !bytes.Equal(bytes.Join(rd.spans, nil), data) {
		t.Error("wrong bytes")
	}
	if reads, _ := b.columns(); reads != 2 {
		t.Errorf("what was given out counts as %d columns of downloads", reads)
	}
}

// TestRescueGrows: of a range that begins within a column, the first column is lost
// beforehand, and the next turns out to be bad where the first one was not asked for.
func TestRescueGrows(t *testing.T) {
	b := newRuleBench(t)
	const length = 20 * drive.PieceBytes
	data := randomBody(1, 2*length)
	st := b.stripe(data, 2)
	b.lay(st)
	b.leaveOut(st, 0)
	b.rot(st, 1, int64(st.head.PayloadStart())+3*drive.PieceBytes)
	at := stripeAt{seg: b.seg, no: st.no, offset: st.offset, d: st.d, length: st.length}
	from := int64(15*drive.PieceBytes + 10)
	rd, err := b.p.readStripe(t.Context(), at, from, at.bytes()-from)
	must(t, err)
	defer rd.release()
	if !bytes.Equal(bytes.Join(rd.spans, nil), data[from:]) {
		t.Error("wrong bytes")
	}
}

// TestDegradedRanges reads ranges of a stripe of four columns with up to two drives left out and up to one column rotten.
func TestDegradedRanges(t *testing.T) {
	for seed := range uint64(10) {
		rng := rand.New(rand.NewPCG(seed, 0))
		b := newRuleBenchWith(t, 6, time.Minute)
		length := 9*drive.PieceBytes + rng.IntN(5000)
		data := randomBody(seed, 4*length)
		st := b.stripe(data, 4)
		b.lay(st)
		b.leaveOut(st, rng.Perm(6)[:seed%3]...)
		at := stripeAt{seg: b.seg, no: st.no, offset: st.offset, d: st.d, length: st.length}
		for i := range 40 {
			rotten, place := -1, int64(st.head.PayloadStart())+rng.Int64N(int64(length))
			if i%10 == 0 { // a drive may have few errors before it is left out
				rotten = rng.IntN(6)
				b.rot(st, rotten, place)
			}
			from := rng.Int64N(at.bytes())
			n := 1 + rng.Int64N(at.bytes()-from)
			if i%2 == 0 { // over the border of two columns
				from = int64(1+rng.IntN(3))*int64(length) - 1 - rng.Int64N(3*drive.PieceBytes)
				n = 3*drive.PieceBytes + rng.Int64N(3*drive.PieceBytes)
			}
			rd, err := b.p.readStripe(t.Context(), at, from, n)
			if err != nil {
				t.Fatalf("seed %d, read %d: bytes %d+%d, column %d rotten: %v", seed, i, from, n, rotten, err)
			}
			if !bytes.Equal(bytes.Join(rd.spans, nil), data[from:from+n]) {
				t.Fatalf("seed %d, read %d: bytes %d+%d, column %d rotten: wrong", seed, i, from, n, rotten)
			}
			rd.release()
			if rotten >= 0 {
				b.rot(st, rotten, place) // as it was
			}
		}
		b.wantColumns("all memory to come back", 0, 0)
	}
}

// TestCachedDegradedRanges is that of objects that were stored together, from the page cache of a real file system.
func TestCachedDegradedRanges(t *testing.T) {
	root := t.TempDir()
	o := Options{Init: true, Parity: 2, MemoryBytes: 16 << 20, Logger: testLogger()}
	for i := range 6 {
		o.Dirs = append(o.Dirs, filepath.Join(root, fmt.Sprintf("d%d", i+1)))
	}
	p, err := Open(t.Context(), o)
	must(t, err)
	t.Cleanup(func() { _ = p.Close(context.Background()) })
	must(t, p.CreateBucket(t.Context(), "bucket"))
	const objects = 24
	var wg sync.WaitGroup
	for i := range objects {
		wg.Go(func() {
			body := randomBody(uint64(i), 10_000<<(i%6))
			if _, err := p.Put(t.Context(), "bucket", fmt.Sprint(i), bytes.NewReader(body), PutOptions{Size: int64(len(body))}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for lost := range 3 {
		if lost > 0 {
			if _, err := p.FailDrive(t.Context(), fmt.Sprint(lost), ChangeOptions{Force: true}); err != nil && !errors.Is(err, ErrReadOnly) {
				t.Fatal(err)
			}
		}
		rng := rand.New(rand.NewPCG(1, uint64(lost)))
		for range 100 {
			i := rng.IntN(objects)
			body := randomBody(uint64(i), 10_000<<(i%6))
			from := rng.IntN(len(body))
			n := rng.IntN(len(body)-from) + 1
			obj, err := p.Get(t.Context(), "bucket", fmt.Sprint(i))
			must(t, err)
			var got bytes.Buffer
			err = obj.WriteTo(t.Context(), &got, int64(from), int64(n))
			obj.Close()
			if err != nil || !bytes.Equal(got.Bytes(), body[from:from+n]) {
				t.Fatalf("%d drives lost, bytes %d+%d of %d: %v, right: %v", lost, from, n, len(body), err, bytes.Equal(got.Bytes(), body[from:from+n]))
			}
		}
	}
}
