package blockstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/blockstore/faultfs"
)

// The tests in the files rule_*_test.go each hold one rule by the shortest way
// there is. They are what most mutants are caught by.

// ruleOptions are those of a new pool on a file system that can crash. Nobody
// looks at the drives but who uses them, and patience lasts.
func ruleOptions(t *testing.T, drives, parity int) (Options, *faultfs.FS) {
	t.Helper()
	fsys := faultfs.New()
	if err := fsys.MkdirAll("/pool", 0o700); err != nil {
		t.Fatal(err)
	}
	root, err := fsys.OpenDir("/")
	if err == nil {
		err = errors.Join(root.Sync(), root.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return Options{
		Init: true, FS: fsys, Dirs: dirsOf(drives, "/pool"), Parity: parity, MemoryBytes: 16 << 20,
		Patience: time.Minute, PresencePeriod: time.Hour,
	}, fsys
}

// rulePool opens a pool and makes a bucket in it.
func rulePool(t *testing.T, o Options) *Pool {
	t.Helper()
	p := openPool(t, o)
	if err := p.CreateBucket(t.Context(), "bucket"); err != nil {
		t.Fatal(err)
	}
	return p
}

func isSync(op faultfs.Op, dir string) bool {
	return op.Kind == faultfs.Sync && op.Below(dir+"/segments")
}

// kindOf tells whose segment's file an operation is on; 0 if that is not known.
func kindOf(p *Pool, op faultfs.Op) drive.Kind {
	id, err := drive.ParseSegmentID(path.Base(op.Path))
	if err != nil {
		return 0
	}
	if s := p.segments.get(id); s != nil {
		return s.kind
	}
	return 0
}

// TestAckWaitsForEverySync: nothing is acknowledged while one of its blocks is
// not synced, nor before its bulk stripes are (R5).
func TestAckWaitsForEverySync(t *testing.T) {
	for _, kind := range []drive.Kind{drive.Journal, drive.Bulk} {
		for d := range 2 {
			t.Run(fmt.Sprintf("%v of drive %d", kind, d+1), func(t *testing.T) {
				o, fsys := ruleOptions(t, 2, 1)
				p := rulePool(t, o)
				size := 300
				if kind == drive.Bulk {
					size = 400_000
				}
				for i := range bulkOpenMax { // creating a file syncs it too
					putBytes(t, p, "bucket", fmt.Sprint(i), randomBody(1, size))
				}
				var once atomic.Bool
				fsys.SetHook(func(op faultfs.Op) faultfs.Fault {
					hang := isSync(op, o.Dirs[d]) && kindOf(p, op) == kind && once.CompareAndSwap(false, true)
					return faultfs.Fault{Hang: hang}
				})
				defer fsys.ReleaseHung()
				defer fsys.SetHook(nil)
				done := make(chan error, 1)
				go func() {
					_, err := p.Put(t.Context(), "bucket", "k", bytes.NewReader(randomBody(2, size)), PutOptions{Size: int64(size)})
					done <- err
				}()
				late := time.After(20 * time.Second)
				for fsys.Hung() == 0 {
					select {
					case err := <-done:
						t.Fatalf("answered without that sync: %v", err)
					case <-late:
						t.Fatal("the file is never synced")
					case <-time.After(time.Millisecond):
					}
				}
				select {
				case err := <-done:
					t.Errorf("answered before that sync: %v", err)
					fsys.ReleaseHung()
				case <-time.After(150 * time.Millisecond):
					fsys.ReleaseHung()
					if err := <-done; err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
}

// TestFailedSyncChangesMembership: what a drive failed to sync is acknowledged
// only when a quorum of labels says that the drive is out (R6).
func TestFailedSyncChangesMembership(t *testing.T) {
	o, fsys := ruleOptions(t, 4, 2)
	p := rulePool(t, o)
	before := p.members.now().label.Epoch
	var fired atomic.Bool
	fsys.SetHook(func(op faultfs.Op) faultfs.Fault {
		if isSync(op, o.Dirs[1]) && fired.CompareAndSwap(false, true) {
			return faultfs.Fault{Err: syscall.EIO}
		}
		return faultfs.Fault{}
	})
	for i := 0; !fired.Load(); i++ {
		if i == 10 {
			t.Fatal("the drive is never used")
		}
		putBytes(t, p, "bucket", fmt.Sprint(i), randomBody(1, 300))
	}
	v := p.members.now()
	if m := v.label.Members[1]; v.isLive(m.ID) || m.State != drive.Faulted {
		t.Errorf("the drive is %v, takes part: %v", m.State, v.isLive(m.ID))
	}
	image, got := fsys.PowerCut(nil, 0), 0
	for _, dir := range o.Dirs {
		if l, err := drive.ReadLabel(image, dir); err == nil && l.Epoch > before && l.Members[1].State == drive.Faulted {
			got++
		}
	}
	if got < quorum(4, 2) {
		t.Errorf("%d labels say so", got)
	}
}

// TestLateAnswersStandForNobody: a drive that was given up on and answers after
// all is not taken for one that is still waited for (R13).
func TestLateAnswersStandForNobody(t *testing.T) {
	drives := []uuid.UUID{{1}, {2}, {3}}
	o := &output{
		seg:  newSegment(drive.NewSegmentID(1, 1), drive.Bulk, 2, 1, drives),
		used: 0b111, hung: 0b001, results: make(chan ioResult, 3),
	}
	o.results <- ioResult{drive: drives[0]}
	o.results <- ioResult{drive: drives[1]}
	go func() {
		time.Sleep(20 * time.Millisecond)
		o.results <- ioResult{drives[2], syscall.EIO}
	}()
	bad := o.wait(time.Minute)
	if len(bad) != 2 || !errors.Is(bad[drives[0]], errHung) || !errors.Is(bad[drives[2]], syscall.EIO) {
		t.Errorf("failed: %v", bad)
	}
}

// TestOpenDescriptorsProveNothing: a drive that is gone from its path is out
// before anything is acknowledged that was written to it (R13).
func TestOpenDescriptorsProveNothing(t *testing.T) {
	for _, size := range []int{300, 400_000} {
		o, fsys := ruleOptions(t, 2, 1)
		p := rulePool(t, o)
		for i := range bulkOpenMax { // so that files are open
			putBytes(t, p, "bucket", fmt.Sprint(i), randomBody(1, size))
		}
		fsys.Detach(o.Dirs[1])
		_, err := p.Put(t.Context(), "bucket", "k", bytes.NewReader(randomBody(2, size)), PutOptions{Size: int64(size)})
		if err == nil {
			t.Errorf("%d bytes: acknowledged on one drive of two", size)
		}
	}
}

// TestFullDriveIsNoFailedDrive: a full disk is passed over, and its drive stays (R7).
func TestFullDriveIsNoFailedDrive(t *testing.T) {
	for _, size := range []int{300, 400_000} {
		o, fsys := ruleOptions(t, 4, 2)
		p := rulePool(t, o)
		for i := range bulkOpenMax {
			putBytes(t, p, "bucket", fmt.Sprint(i), randomBody(1, size))
		}
		fsys.SetFree(o.Dirs[1], 0)
		t.Cleanup(func() { fsys.SetFree(o.Dirs[1], -1) }) // the catalog is flushed at the end
		for i := range 4 {
			putBytes(t, p, "bucket", fmt.Sprint("full", i), randomBody(2, size))
		}
		v := p.members.now()
		for _, m := range v.label.Members {
			if m.State != drive.Online || !v.isLive(m.ID) {
				t.Errorf("%d bytes: drive %d is %v: %v", size, m.Slot, m.State, v.why[m.ID])
			}
		}
	}
}

// oneBatch makes calls in their order, each of which asks for a change, and has
// one batch decide them.
func oneBatch(p *Pool, calls ...func() error) []error {
	// The committer is held while they queue up; the next batch is theirs.
	held, release := make(chan struct{}), make(chan struct{})
	p.requests <- &request{done: make(chan outcome, 1), decide: func(*decision) (catalog.Record, error) {
		close(held)
		<-release
		return nil, errNothingToDo
	}}
	<-held
	results := make([]error, len(calls))
	var wg sync.WaitGroup
	for i, call := range calls {
		wg.Go(func() { results[i] = call() })
		for len(p.requests) <= i {
			time.Sleep(time.Millisecond)
		}
	}
	close(release)
	wg.Wait()
	return results
}

// TestConditionsSeeTheirBatch: what goes before in the same batch counts for a
// condition (R5).
func TestConditionsSeeTheirBatch(t *testing.T) {
	o, _ := ruleOptions(t, 2, 1)
	p := rulePool(t, o)
	together := func(calls ...func() error) (failed []error) {
		for _, err := range oneBatch(p, calls...) {
			if err != nil {
				failed = append(failed, err)
			}
		}
		return failed
	}
	put := func(key string, c Condition) func() error {
		return func() error {
			_, err := p.Put(t.Context(), "bucket", key, strings.NewReader("x"), PutOptions{Size: 1, If: c})
			return err
		}
	}
	absent := Condition{IfNoneMatch: []string{"*"}}
	if failed := together(put("new", absent), put("new", absent)); len(failed) != 1 || !errors.Is(failed[0], ErrPrecondition) {
		t.Errorf("two that want the key to be new: %v", failed)
	}
	present := Condition{IfMatch: []string{"*"}}
	remove := func() error { _, err := p.Delete(t.Context(), "bucket", "new", present); return err }
	if failed := together(remove, put("new", present)); len(failed) != 1 || !errors.Is(failed[0], ErrPrecondition) {
		t.Errorf("a put over what was just deleted: %v", failed)
	}
	create := func() error { return p.CreateBucket(t.Context(), "second") }
	if failed := together(create, create); len(failed) != 1 || !errors.Is(failed[0], ErrBucketExists) {
		t.Errorf("two that make a bucket: %v", failed)
	}
	if err := p.CreateBucket(t.Context(), "third"); err != nil {
		t.Fatal(err)
	}
	store := func() error {
		_, err := p.Put(t.Context(), "third", "k", strings.NewReader("x"), PutOptions{Size: 1})
		return err
	}
	drop := func() error { return p.DeleteBucket(t.Context(), "third") }
	if failed := together(store, drop); len(failed) != 1 || !errors.Is(failed[0], ErrBucketNotEmpty) {
		t.Errorf("a bucket that was just stored into is deleted: %v", failed)
	}
}

// gatedBody is a body that does something before the byte at which it stands.
type gatedBody struct {
	body io.Reader
	at   int
	do   func()
}

func (g *gatedBody) Read(p []byte) (int, error) {
	if g.at <= 0 && g.do != nil {
		g.do()
		g.do = nil
	}
	if g.do != nil {
		p = p[:min(len(p), g.at)]
	}
	n, err := g.body.Read(p)
	g.at -= n
	return n, err
}

// TestThinStripesAreEncodedAgain: a drive dies half-way through an upload with
// m=1; what was stored before then survives the loss of one more (R6).
func TestThinStripesAreEncodedAgain(t *testing.T) {
	o, fsys := ruleOptions(t, 3, 1)
	p := rulePool(t, o)
	body := randomBody(1, 1_500_000)
	g := &gatedBody{body: bytes.NewReader(body), at: 700_000, do: func() { fsys.Unplug(o.Dirs[2]) }}
	if _, err := p.Put(t.Context(), "bucket", "k", g, PutOptions{Size: int64(len(body))}); err != nil {
		t.Fatal(err)
	}
	fsys.SetHook(func(op faultfs.Op) faultfs.Fault {
		if op.Kind == faultfs.Read && op.Below(o.Dirs[1]+"/segments") {
			return faultfs.Fault{Err: syscall.EIO}
		}
		return faultfs.Fault{}
	})
	wantBytes(t, p, "bucket", "k", body)
}

// TestBudgetComesBack: whatever becomes of a request, its memory is free again (R21).
func TestBudgetComesBack(t *testing.T) {
	o, _ := ruleOptions(t, 4, 2)
	o.MemoryBytes = 1 // the least there is
	p := rulePool(t, o)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	body := randomBody(1, 1_000_000)
	for i := range 12 {
		if _, err := p.Put(ctx, "bucket", "k", bytes.NewReader(body), PutOptions{Size: int64(len(body))}); err != nil {
			t.Fatalf("put %d: %v", i, err)
		}
		if _, err := p.Put(ctx, "bucket", "cut", bytes.NewReader(body[:700_000]), PutOptions{Size: int64(len(body))}); !errors.Is(err, ErrBodySize) {
			t.Fatalf("put %d of a body that is cut: %v", i, err)
		}
		if got, err := getBytes(ctx, p, "bucket", "k"); err != nil || !bytes.Equal(got, body) {
			t.Fatalf("get %d: %v", i, err)
		}
	}
	used, total := p.mem.usage()
	for ; used > 0 && ctx.Err() == nil; used, _ = p.mem.usage() { // a write may still hold its buffer
		time.Sleep(time.Millisecond)
	}
	if used > 0 {
		t.Errorf("%d of %d bytes are still in use", used, total)
	}
}

// TestUploadsWaitWithoutMemory: as many uploads as there are columns hold one
// each and want another: they write what they have and go on (R21).
func TestUploadsWaitWithoutMemory(t *testing.T) {
	o, _ := ruleOptions(t, 4, 2)
	o.MemoryBytes = 1
	p := rulePool(t, o)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	n := int(p.mem.uploads.total / int64(p.mem.columnBytes()))
	var all sync.WaitGroup
	all.Add(n)
	results := make(chan error, n)
	for i := range n {
		go func() {
			g := &gatedBody{body: bytes.NewReader(randomBody(uint64(i), 600_000)), at: 100_000, do: func() {
				all.Done()
				all.Wait()
			}}
			_, err := p.Put(ctx, "bucket", fmt.Sprint(i), g, PutOptions{Size: -1})
			results <- err
		}()
	}
	for range n {
		if err := <-results; err != nil {
			t.Fatal(err)
		}
	}
}
