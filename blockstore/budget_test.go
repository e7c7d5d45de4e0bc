package blockstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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
		o.Patience, o.MemoryBytes, o.PresencePeriod = 300*time.Millisecond, 8<<20, time.Hour
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
	short, stop := context.WithTimeout(t.Context(), 10*time.Second)
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
	for _, s := range []*share{p.mem.uploads, p.mem.parity} {
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
