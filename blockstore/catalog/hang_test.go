package catalog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// hang blocks operations until release.
type hang struct {
	gate chan struct{}
	once sync.Once
	hung atomic.Int64
}

func newHang() *hang { return &hang{gate: make(chan struct{})} }

func (h *hang) wait()    { h.hung.Add(1); <-h.gate }
func (h *hang) release() { h.once.Do(func() { close(h.gate) }) }

// hangWrites hangs all writes below a drive's catalog, until release.
func hangWrites(m *troublemaker) *hang {
	h := newHang()
	m.do(func(op errorfs.Op, _ int64) error {
		if isWrite(op) {
			h.wait()
		}
		return nil
	})
	return h
}

// loadKeys writes enough that a replica whose drive hangs cannot take it into
// its memtables any more.
func loadKeys(t *testing.T, c *Catalog, batches int) {
	t.Helper()
	for i := range batches {
		var records []Record
		for j := range 8 {
			records = append(records, &Setting{Name: fmt.Sprintf("bulk%d", j), Value: make([]byte, 32<<10)})
		}
		records = append(records, &Setting{Name: "last", Value: fmt.Append(nil, i)})
		apply(t, c, records...)
		v, err := c.Setting(t.Context(), "last")
		if err != nil || string(v) != fmt.Sprint(i) {
			t.Fatalf("batch %d: last is %q, %v", i, v, err)
		}
	}
}

// TestHungDrive hangs all writes below one of two replicas. Commits go on: a
// follower is dropped as a laggard; a serving replica hands over and is then
// dropped as one (R13).
func TestHungDrive(t *testing.T) {
	for victim, role := range []string{"serving", "follower"} {
		t.Run(role, func(t *testing.T) {
			mem := newFS(t, 3)
			m := &troublemaker{dir: catalogDir(victim)}
			var d drops
			c := newCatalog(t, errorfs.Wrap(mem, m), Options{
				OnDrop: d.on, Patience: 20 * time.Millisecond, QueueBytes: 4 << 20,
			}, 2)
			apply(t, c, &BucketCreate{Name: "one"})
			if serving(c) != "d0" {
				t.Fatalf("%q serves", serving(c))
			}
			h := hangWrites(m)
			defer h.release()
			loadKeys(t, c, 80)
			if h.hung.Load() == 0 {
				t.Fatal("nothing hung")
			}
			if err := d.wait(t, fmt.Sprint("d", victim)); !errors.Is(err, ErrLaggard) {
				t.Fatalf("dropped for %v", err)
			}
			if got, want := serving(c), fmt.Sprint("d", 1-victim); got != want {
				t.Fatalf("%q serves, not %q", got, want)
			}
			// A new replica takes its place while the old one still hangs.
			if err := c.Clone(t.Context(), "d2", mem, catalogDir(2), ReplicaOptions{}); err != nil {
				t.Fatal(err)
			}
			settle(t, c)
			h.release()
		})
	}
}

// TestFullQueue: a follower that falls behind and goes on is waited for, not dropped.
func TestFullQueue(t *testing.T) {
	mem := newFS(t, 2)
	m := &troublemaker{dir: catalogDir(1)}
	var d drops
	c := newCatalog(t, errorfs.Wrap(mem, m), Options{OnDrop: d.on, Patience: time.Minute, QueueBytes: 1 << 20}, 2)
	apply(t, c, &BucketCreate{Name: "one"})
	if serving(c) != "d0" {
		t.Fatalf("%q serves", serving(c))
	}
	h := hangWrites(m)
	defer h.release()
	released := make(chan struct{})
	go func() {
		defer close(released)
		defer h.release()
		for queued := 0; queued < 3; { // 256 KiB each: the next one finds the queue full
			time.Sleep(time.Millisecond)
			r := c.Replicas()
			if len(r) < 2 || t.Context().Err() != nil {
				return
			}
			queued = r[1].Queued
		}
		time.Sleep(50 * time.Millisecond) // enough to drop it, were it not waited for
	}()
	loadKeys(t, c, 80)
	<-released
	settle(t, c)
	if got := len(c.Replicas()); got != 2 {
		t.Fatalf("%d replicas are left", got)
	}
	sameContent(t, "after the wait", c.members[0].r, c.members[1].r)
}

// TestHungReads hangs the reads of the serving replica: another answers after
// the patience, for reads as for the reads that applying does.
func TestHungReads(t *testing.T) {
	mem := newFS(t, 2)
	fill(t, mem, 2)
	m := &troublemaker{dir: catalogDir(0)}
	c := newUncached(t, errorfs.Wrap(mem, m), Options{Patience: 20 * time.Millisecond}, 2)
	defer closeCatalog(t, c)
	if _, _, err := c.Totals(t.Context()); err != nil { // d0 serves
		t.Fatal(err)
	}
	h := newHang()
	defer h.release()
	m.do(func(op errorfs.Op, _ int64) error {
		if op.Kind == errorfs.OpFileReadAt || op.Kind == errorfs.OpOpen {
			h.wait()
		}
		return nil
	})
	apply(t, c, &Delete{Bucket: b1, Key: "key0700"}) // reads the object to be deleted
	if h.hung.Load() == 0 {
		t.Fatal("nothing hung")
	}
	if serving(c) != "d1" {
		t.Fatalf("%q serves", serving(c))
	}
	if _, err := c.Object(t.Context(), b1, "key0700"); !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
	if o, err := c.Object(t.Context(), b1, "key0701"); err != nil || o.ETag != "key0701" {
		t.Fatal(err)
	}
	// It was slow, not broken: it gets what was applied meanwhile.
	h.release()
	settle(t, c)
	if len(c.Replicas()) != 2 {
		t.Fatal(c.Replicas())
	}
	sameContent(t, "after the hang", c.members[0].r, c.members[1].r)
}

// TestAllHung lets ctx end what no replica can answer.
func TestAllHung(t *testing.T) {
	mem := newFS(t, 1)
	fill(t, mem, 1)
	m := &troublemaker{dir: catalogDir(0)}
	c := newUncached(t, errorfs.Wrap(mem, m), Options{Patience: time.Millisecond, CloseTime: 50 * time.Millisecond}, 1)
	h := newHang()
	defer h.release()
	m.do(func(op errorfs.Op, _ int64) error {
		h.wait()
		return nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Object(ctx, b1, "key1500"); !errors.Is(err, ctx.Err()) || err == nil {
		t.Fatalf("a read: %v", err)
	}
	if err := c.Apply(ctx, batchOf(c.Applied()+1, &Delete{Bucket: b1, Key: "key1500"})); !errors.Is(err, ctx.Err()) || err == nil {
		t.Fatalf("a batch: %v", err)
	}
	// The same batch may be given again; Close does not wait for ever.
	if err := c.Close(); err == nil {
		t.Fatal("closed, though the drive hangs")
	}
	h.release()
	c.wg.Wait()
}

// TestSnapshotLost loses the replica that a snapshot was taken from.
func TestSnapshotLost(t *testing.T) {
	mem := newFS(t, 2)
	fill(t, mem, 2)
	m := &troublemaker{dir: catalogDir(0)}
	m1 := &troublemaker{dir: catalogDir(1)}
	var d drops
	c := newUncached(t, errorfs.Wrap(errorfs.Wrap(mem, m), m1), Options{OnDrop: d.on}, 2)
	defer closeCatalog(t, c)
	s, err := c.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m.do(func(op errorfs.Op, _ int64) error {
		if op.Kind == errorfs.OpFileReadAt || op.Kind == errorfs.OpOpen {
			return errorfs.ErrInjected
		}
		return nil
	})
	if _, err := s.Next(t.Context(), 1<<30); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("a page of a failed replica: %v", err)
	}
	d.wait(t, "d0")
	if _, err := s.Next(t.Context(), 1<<30); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("and once more: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// Another one stands on the other replica; its page may hang, and Close does not.
	if s, err = c.Snapshot(t.Context()); err != nil {
		t.Fatal(err)
	}
	h := newHang()
	defer h.release()
	m1.do(func(op errorfs.Op, _ int64) error {
		if op.Kind == errorfs.OpFileReadAt || op.Kind == errorfs.OpOpen {
			h.wait()
		}
		return nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := s.Next(ctx, 1<<30); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("a page that hangs: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	h.release()
}

// TestLongQuestion: a question that takes any replica far longer than the patience
// is answered all the same, not put to one after the other for ever.
func TestLongQuestion(t *testing.T) {
	c := newCatalog(t, newFS(t, 2), Options{Patience: 5 * time.Millisecond}, 2)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var asked atomic.Int64
	n, err := ask(ctx, c, 0, func(*member) (int, error) {
		asked.Add(1)
		time.Sleep(200 * time.Millisecond)
		return 7, nil
	}, nil)
	if n != 7 || err != nil || asked.Load() > 12 {
		t.Errorf("%d, %v, asked %d times", n, err, asked.Load())
	}
}

// TestHandsLeftBehind: hands that hang are replaced by others and do not rest, those that answered do, up to a
// bound, and all are gone when the catalog is closed.
func TestHandsLeftBehind(t *testing.T) {
	c := newCatalog(t, newFS(t, 1), Options{}, 1)
	const hung = 3
	h := newHang()
	var discarded atomic.Int64
	for range hung {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := ask(ctx, c, 0, func(*member) (int, error) {
			cancel()
			h.wait()
			return 1, nil
		}, func(int) { discarded.Add(1) })
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("a question that hangs: %v", err)
		}
	}
	if n := resting(c); n > 0 { // the first of them hung before any other question was put
		t.Errorf("%d hands rest while they hang", n)
	}
	var together, through sync.WaitGroup
	together.Add(2 * handsMax)
	for i := range 2 * handsMax {
		through.Go(func() {
			n, err := ask(t.Context(), c, 0, func(*member) (int, error) {
				together.Done()
				together.Wait()
				return i, nil
			}, nil)
			if n != i || err != nil {
				t.Errorf("question %d is answered with %d, %v", i, n, err)
			}
		})
	}
	through.Wait()
	if n := resting(c); n != handsMax {
		t.Errorf("%d hands rest, not %d", n, handsMax)
	}
	h.release()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c.wg.Wait()
	if discarded.Load() != hung {
		t.Errorf("%d late answers were discarded", discarded.Load())
	}
	if n := resting(c); n > 0 {
		t.Errorf("%d hands rest in a catalog that is closed", n)
	}
	if _, err := ask(t.Context(), c, 0, func(*member) (int, error) { return 1, nil }, nil); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a question to a closed catalog: %v", err)
	}
}

func resting(c *Catalog) int {
	c.hands.mu.Lock()
	defer c.hands.mu.Unlock()
	return len(c.hands.resting)
}

// TestCloneAfterOneThatHangs: a clone that was given up in a drive that hangs is waited for,
// before the next one removes and writes what it may still write.
func TestCloneAfterOneThatHangs(t *testing.T) {
	mem := newFS(t, 2)
	m := &troublemaker{dir: catalogDir(1)}
	fsys := errorfs.Wrap(mem, m)
	c := newCatalog(t, fsys, Options{}, 1)
	apply(t, c, &BucketCreate{Name: "one"})
	h := hangWrites(m)
	defer h.release()
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() { first <- c.Clone(ctx, "d1", fsys, catalogDir(1), ReplicaOptions{}) }()
	for h.hung.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Fatalf("the first ends with %v", err)
	}
	m.do(func(errorfs.Op, int64) error { return nil })
	soon, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := c.Clone(soon, "d1", fsys, catalogDir(1), ReplicaOptions{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("a second one beside it ends with %v", err)
	}
	h.release()
	if err := c.Clone(t.Context(), "d1", fsys, catalogDir(1), ReplicaOptions{}); err != nil {
		t.Fatal(err)
	}
	settle(t, c)
	sameContent(t, "after the second clone", c.members[0].r, c.members[1].r)
}
