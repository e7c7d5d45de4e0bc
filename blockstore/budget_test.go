package blockstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/blockstore/faultfs"
)

// endless is a body that goes on and on.
type endless struct{}

func (endless) Read(b []byte) (int, error) {
	time.Sleep(time.Millisecond)
	return min(len(b), 64<<10), nil
}

// TestHungDriveUnderUploads: one drive hangs in writes while more uploads than
// the budget has room for go on. It is left out, and what it held comes back:
// other changes are made meanwhile, and when the uploads are over.
func TestHungDriveUnderUploads(t *testing.T) {
	p, o, fsys := poolWithBucket(t, 6, func(o *Options) {
		o.Patience, o.MemoryBytes, o.PresencePeriod = hangPatience, 8<<20, time.Hour
	})
	for i := range bulkOpenMax {
		putBytes(t, p, "bucket", fmt.Sprint(i), randomBody(1, 1<<20))
	}
	hangDrive(t, fsys, o.Dirs[2], func(op faultfs.Op) bool {
		return op.Kind == faultfs.Write && strings.Contains(op.Path, "segments/")
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			if _, err := p.Put(ctx, "bucket", fmt.Sprint("x", i), endless{}, PutOptions{Size: 1 << 40}); !errors.Is(err, context.Canceled) {
				t.Errorf("upload %d: %v", i, err)
			}
		})
	}
	waitFor(t, "the drive to be left out", func() bool { return len(p.members.now().live) == 5 })
	short, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	if _, err := p.Put(short, "bucket", "small", bytes.NewReader([]byte("hello")), PutOptions{Size: 5}); err != nil {
		t.Error(err)
	}
	cancel()
	wg.Wait()
	if err := p.CreateBucket(t.Context(), "another"); err != nil {
		t.Error(err)
	}
	waitFor(t, "all but the write that hangs to come back", func() bool {
		used, _ := p.mem.usage()
		return used <= int64(p.mem.columnBytes())
	})
}

// TestJournalHasMemoryOfItsOwn: whatever uploads hold and wait for, batches are made.
func TestJournalHasMemoryOfItsOwn(t *testing.T) {
	p, _, _ := poolWithBucket(t, 6, nil)
	for _, s := range []*share{p.mem.uploads, p.mem.spread, p.mem.parity} {
		bufs, err := s.getAll(t.Context(), int(s.total/int64(p.mem.columnBytes())))
		if err != nil {
			t.Fatal(err)
		}
		defer releaseAll(bufs)
	}
	p.mem.journal.waiting.Add(waitersMax)
	defer p.mem.journal.waiting.Add(-waitersMax)
	if err := p.CreateBucket(t.Context(), "another"); err != nil {
		t.Error(err)
	}
}

// TestCloseFailsNoDrive: a pool that is closed under its requests leaves no
// drive out for it.
func TestCloseFailsNoDrive(t *testing.T) {
	p, o, _ := poolWithBucket(t, 6, nil)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				body := randomBody(uint64(n), 300_000)
				if _, err := p.Put(context.Background(), "bucket", fmt.Sprint(i), bytes.NewReader(body), PutOptions{Size: -1}); err != nil {
					return
				}
			}
		})
	}
	time.Sleep(50 * time.Millisecond)
	late, cancel := context.WithCancel(t.Context())
	cancel()
	_ = p.Close(late) // says that requests were under way, or not
	close(stop)
	wg.Wait()
	for _, dir := range o.Dirs {
		l, err := drive.ReadLabel(o.FS, dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range l.Members {
			if m.State != drive.Online {
				t.Errorf("the label at %s says that drive %d is %v", dir, m.Slot, m.State)
			}
		}
	}
}

// standstill is a body of which some bytes come, and then none until it is told to
// fail.
type standstill struct {
	left int
	stop <-chan struct{}
}

func (r *standstill) Read(b []byte) (int, error) {
	if r.left > 0 {
		n := min(len(b), r.left)
		r.left -= n
		return n, nil
	}
	<-r.stop
	return 0, io.ErrUnexpectedEOF
}

// TestIdleUploadsGiveBack: more uploads than the budget has columns for stand
// still in the middle of a read; what they hold is given to others (R21).
func TestIdleUploadsGiveBack(t *testing.T) {
	p, _, _ := poolWithBucket(t, 6, func(o *Options) { o.MemoryBytes = 16 << 20 })
	stop := make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(stop)
	for i := range 160 {
		wg.Go(func() {
			_, err := p.Put(context.Background(), "bucket", fmt.Sprint("x", i), &standstill{400 << 10, stop}, PutOptions{Size: 10 << 20})
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("upload %d: %v", i, err)
			}
		})
	}
	time.Sleep(100 * time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, n := range []int{10_000, 1_000_000} {
		body := randomBody(1, n)
		if _, err := p.Put(ctx, "bucket", fmt.Sprint(n), bytes.NewReader(body), PutOptions{Size: int64(n)}); err != nil {
			t.Errorf("a body of %d bytes while others stand still: %v", n, err)
		}
		wantBytes(t, p, "bucket", fmt.Sprint(n), body)
	}
}

// TestDripsAreNotStripes: however long the memory is wanted by others, an upload
// of which a byte comes now and then writes no stripe per byte.
func TestDripsAreNotStripes(t *testing.T) {
	p, _, _ := poolWithBucket(t, 6, nil)
	p.mem.uploads.waiting.Add(1) // as if
	p.mem.uploads.lending.want()
	defer p.mem.uploads.waiting.Add(-1)
	body := randomBody(1, 300_000)
	hurry := make(chan struct{})
	go func() {
		time.Sleep(time.Second)
		close(hurry)
	}()
	u := p.newUpload(t.Context(), &drip{rest: bytes.Clone(body), first: 290_000, every: 100 * time.Millisecond, hurry: hurry}, -1, nil)
	defer u.close()
	if err := u.receive(); err != nil {
		t.Fatal(err)
	}
	for i, s := range u.stripes[:len(u.stripes)-1] {
		if s.bytes < intakeBytes {
			t.Errorf("stripe %d of %d holds %d bytes", i, len(u.stripes), s.bytes)
		}
	}
}

// standing is a client that takes nothing until it is told to go on.
type standing struct {
	bytes.Buffer
	goOn <-chan struct{}
}

func (w *standing) Write(b []byte) (int, error) {
	<-w.goOn
	return w.Buffer.Write(b)
}

// TestStandingReadersGiveBack: more downloads than the budget has stripes for
// stand still in their first write; others are served, and they themselves when
// they go on (R21).
func TestStandingReadersGiveBack(t *testing.T) {
	p, _, _ := poolWithBucket(t, 6, func(o *Options) { o.MemoryBytes = 16 << 20 })
	big, small := randomBody(1, 4<<20), randomBody(2, 100)
	putBytes(t, p, "bucket", "big", big)
	putBytes(t, p, "bucket", "small", small)
	goOn := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			obj, err := p.Get(context.Background(), "bucket", "big")
			if err != nil {
				t.Error(err)
				return
			}
			defer obj.Close()
			w := &standing{goOn: goOn}
			if err := obj.WriteTo(context.Background(), w, 0, obj.Info().Size); err != nil || !bytes.Equal(w.Bytes(), big) {
				t.Errorf("reader %d: %v", i, err)
			}
		})
	}
	time.Sleep(100 * time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for key, want := range map[string][]byte{"small": small, "big": big} {
		if got, err := getBytes(ctx, p, "bucket", key); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s while others stand still: %v", key, err)
		}
	}
	close(goOn)
	wg.Wait()
}

// TestYieldingUploadIsAskedOnce: an upload that is writing what it holds counts as
// holding nothing, so that others are asked for theirs.
func TestYieldingUploadIsAskedOnce(t *testing.T) {
	p, _, _ := poolWithBucket(t, 6, nil)
	parity, err := p.mem.parity.getAll(t.Context(), int(p.mem.parity.total/int64(p.mem.columnBytes())))
	must(t, err)
	u := p.newUpload(t.Context(), nil, -1, nil)
	defer u.close()
	_, err = u.room()
	must(t, err)
	u.fill = 1
	u.wait.held.Store(1)
	u.wait.since.Store(1) // for ages
	lending := p.mem.uploads.lending
	lending.add(u)
	defer lending.remove(u)
	if list := lending.idle(1); len(list) != 1 {
		t.Fatalf("%d uploads are idle", len(list))
	}
	var wg sync.WaitGroup
	wg.Go(u.yield)
	waitFor(t, "it to want parity", p.mem.parity.pressed)
	if list := lending.idle(1); len(list) != 0 {
		t.Error("it is asked again")
	}
	releaseAll(parity)
	wg.Wait()
	if u.err != nil || len(u.cols) > 0 {
		t.Errorf("it holds %d columns: %v", len(u.cols), u.err)
	}
}
