package blockstore

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
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

func closePool(t *testing.T, p *Pool) {
	t.Helper()
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestRecoveryReadsTheDrive: what only the page cache has after a failed sync
// is not there (R9).
func TestRecoveryReadsTheDrive(t *testing.T) {
	o, fsys := ruleOptions(t, 2, 1)
	p := rulePool(t, o)
	putBytes(t, p, "bucket", "before", []byte("x"))
	fsys.SetHook(func(op faultfs.Op) faultfs.Fault {
		if isSync(op, "/pool/d1") || isSync(op, "/pool/d2") {
			return faultfs.Fault{Err: syscall.EIO}
		}
		return faultfs.Fault{}
	})
	if _, err := p.Put(t.Context(), "bucket", "lost", strings.NewReader("x"), PutOptions{Size: 1}); err == nil {
		t.Fatal("acknowledged without a sync")
	}
	o.FS = fsys.Kill()
	again := openPool(t, o)
	wantBytes(t, again, "bucket", "before", []byte("x"))
	if _, err := again.Stat(t.Context(), "bucket", "lost"); !errors.Is(err, ErrNoSuchKey) {
		t.Errorf("what no drive has: %v", err)
	}
}

// TestBadBlocksEndNoScan: a rotten block in the journal, another one in each
// file, and acknowledged batches behind them (R9).
func TestBadBlocksEndNoScan(t *testing.T) {
	o, fsys := ruleOptions(t, 2, 1)
	p := rulePool(t, o)
	for i := range 10 {
		putBytes(t, p, "bucket", fmt.Sprint(i), randomBody(uint64(i), 300))
	}
	file := p.journal.seg.id.String()
	closePool(t, p)
	dropCatalogs(fsys, o)
	for d, block := range []int64{3, 5} { // of one page each
		name := o.Dirs[d] + "/segments/" + file
		if err := fsys.Corrupt(name, block*drive.PageBytes, 4, func(p []byte) { clear(p) }); err != nil {
			t.Fatal(err)
		}
	}
	p = openPool(t, o)
	for i := range 10 {
		wantBytes(t, p, "bucket", fmt.Sprint(i), randomBody(uint64(i), 300))
	}
}

// dropCatalogs empties every catalog.
func dropCatalogs(fsys *faultfs.FS, o Options) {
	for _, dir := range o.Dirs {
		fsys.Wipe(dir + "/catalog")
	}
}

// TestKeptBatchesAreCopied: a batch that one drive alone has, and that is kept,
// does not hang on that drive any more; its copy says that it is one (R9).
func TestKeptBatchesAreCopied(t *testing.T) {
	o, fsys := ruleOptions(t, 4, 2)
	p := rulePool(t, o)
	putBytes(t, p, "bucket", "before", []byte("x"))
	var first sync.Once
	var has atomic.Pointer[string]
	fsys.SetHook(func(op faultfs.Op) faultfs.Fault {
		if op.Kind != faultfs.Sync || !strings.Contains(op.Path, "/segments/") {
			return faultfs.Fault{}
		}
		hang := true
		first.Do(func() { hang = false })
		return faultfs.Fault{Hang: hang}
	})
	fsys.AfterSync(func(op faultfs.Op) {
		if strings.Contains(op.Path, "/segments/") {
			dir := "/" + path.Dir(path.Dir(op.Path))
			has.CompareAndSwap(nil, &dir)
		}
	})
	done := make(chan error, 1)
	go func() {
		_, err := p.Put(t.Context(), "bucket", "kept", strings.NewReader("y"), PutOptions{Size: 1})
		done <- err
	}()
	for deadline := time.Now().Add(20 * time.Second); fsys.Hung() < 2 || has.Load() == nil; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the batch is not on its way to three drives")
		}
	}
	image := fsys.PowerCut(nil, 0)
	fsys.SetHook(nil)
	fsys.ReleaseHung()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	lsn := p.acked.Load()

	o.FS = image
	p = openPool(t, o)
	wantBytes(t, p, "bucket", "kept", []byte("y"))
	copies := 0
	for _, f := range p.journal.seg.files {
		if f == nil {
			continue
		}
		err := scanFile(t.Context(), f, p.id, time.Minute, true, func(b foundBlock) {
			if b.head.Batch.LSN == lsn && b.head.Copy {
				copies++
			} else if b.head.Batch.LSN == lsn {
				t.Error("a copy does not say that it is one")
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if copies != 3 {
		t.Errorf("%d blocks of copies, want 3", copies)
	}
	closePool(t, p)
	image.Detach(*has.Load())
	p = openPool(t, o)
	wantBytes(t, p, "bucket", "kept", []byte("y"))
}

// TestOldSegmentsAreNotAppendedTo: after a crash nothing is written to a segment
// file that was there (R4, R9).
func TestOldSegmentsAreNotAppendedTo(t *testing.T) {
	o, fsys := ruleOptions(t, 2, 1)
	p := rulePool(t, o)
	putBytes(t, p, "bucket", "small", []byte("x"))
	putBytes(t, p, "bucket", "large", randomBody(1, 400_000))
	image := fsys.PowerCut(nil, 0)
	old := make(map[string]bool)
	for _, dir := range o.Dirs {
		names, err := image.List(dir + "/segments")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			old[name] = true
		}
	}
	image.SetHook(func(op faultfs.Op) faultfs.Fault {
		if op.Kind == faultfs.Write && old[path.Base(op.Path)] {
			t.Errorf("a write to %s at %d", op.Path, op.Offset)
		}
		return faultfs.Fault{}
	})
	o.FS = image
	p = openPool(t, o)
	for i := range 6 {
		putBytes(t, p, "bucket", fmt.Sprint(i), randomBody(2, 300))
		putBytes(t, p, "bucket", fmt.Sprint("large", i), randomBody(2, 400_000))
	}
	wantBytes(t, p, "bucket", "large", randomBody(1, 400_000))
	image.SetHook(nil)
}

// TestEpochNumbersAreReserved: an opening that crashed when one label had its
// epoch, and the next one over the other drives, do not share a number (R8).
func TestEpochNumbersAreReserved(t *testing.T) {
	o, fsys := ruleOptions(t, 4, 2)
	p := rulePool(t, o)
	before := p.members.now().label.Epoch
	closePool(t, p)
	var first sync.Once
	fsys.SetHook(func(op faultfs.Op) faultfs.Fault {
		if op.Kind != faultfs.Rename || !strings.HasSuffix(op.Path, "/label.new") {
			return faultfs.Fault{}
		}
		f, err := fsys.Open(op.Path)
		if err != nil {
			return faultfs.Fault{}
		}
		b, _ := io.ReadAll(f)
		_ = f.Close()
		l, err := drive.DecodeLabel(b)
		if err != nil || l.Epoch <= before {
			return faultfs.Fault{}
		}
		hang := true
		first.Do(func() { hang = false })
		return faultfs.Fault{Hang: hang}
	})
	done := make(chan *Pool, 1)
	go func() {
		p, _ := Open(t.Context(), o)
		done <- p
	}()
	var taken uint32
	var has int
	var image *faultfs.FS
	for deadline := time.Now().Add(20 * time.Second); taken == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no label is written")
		}
		image = fsys.PowerCut(nil, 0)
		for i, dir := range o.Dirs {
			if l, err := drive.ReadLabel(image, dir); err == nil && l.Epoch > before {
				taken, has = l.Epoch, i
			}
		}
	}
	fsys.SetHook(nil)
	fsys.ReleaseHung()
	if p := <-done; p != nil {
		closePool(t, p)
	}
	image.Detach(o.Dirs[has])
	o.FS = image
	p = openPool(t, o)
	if now := p.members.now().label.Epoch; now <= taken {
		t.Errorf("epoch %d, which the drive that is away may hold: it has %d", now, taken)
	}
}

// TestCheckpointTakesAQuorum: on fewer labels it does not count (R10).
func TestCheckpointTakesAQuorum(t *testing.T) {
	o, fsys := ruleOptions(t, 4, 2)
	p := rulePool(t, o)
	putBytes(t, p, "bucket", "k", []byte("x"))
	fsys.SetHook(func(op faultfs.Op) faultfs.Fault {
		if op.Kind == faultfs.Create && strings.HasSuffix(op.Path, "/label.new") && !op.Below(o.Dirs[0]) {
			return faultfs.Fault{Err: syscall.EIO}
		}
		return faultfs.Fault{}
	})
	if err := p.checkpoint(); err == nil {
		t.Error("a checkpoint on one label of four")
	}
	fsys.SetHook(nil)
	if cp := p.members.now().label.Checkpoint; cp.LSN != 0 {
		t.Errorf("checkpoint %d counts", cp.LSN)
	}
}

// TestFloor: it rises with a checkpoint, and a replica below it is not opened (R10).
func TestFloor(t *testing.T) {
	o, fsys := ruleOptions(t, 4, 2)
	p := rulePool(t, o)
	putBytes(t, p, "bucket", "k", []byte("x"))
	closePool(t, p)
	was := fsys.Snapshot(o.Dirs[0] + "/catalog")
	p = openPool(t, o)
	putBytes(t, p, "bucket", "k", []byte("y"))
	// Replicas stand on the first three drives; the old one comes to the fourth.
	fsys.Restore(o.Dirs[3]+"/catalog", was)
	usable := func() int {
		v := *p.members.now()
		id := v.label.Members[3].ID
		v.live = map[uuid.UUID]*drive.Drive{id: v.live[id]}
		replicas := p.openReplicas(&v, fsys)
		defer closeReplicas(replicas)
		return len(replicas)
	}
	if usable() != 1 {
		t.Fatal("the old replica does not open at all")
	}
	at := p.acked.Load()
	// The floor does not rise past what a replica that lags has.
	if err := replicated(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	for behind := true; behind; time.Sleep(time.Millisecond) {
		behind = slices.ContainsFunc(p.catalog.Replicas(), func(r catalog.ReplicaStatus) bool { return r.Applied < at })
	}
	if err := p.checkpoint(); err != nil {
		t.Fatal(err)
	}
	if l := p.members.now().label; l.Floor < at || l.Floor > p.acked.Load() {
		t.Errorf("the floor is %d; the checkpoint was begun at %d", l.Floor, at)
	}
	if usable() != 0 {
		t.Error("a replica below the floor is used")
	}
}

// TestRebuildTakesTheCheckpoint: with every catalog gone, what was there before
// the checkpoint comes from it, and what was deleted stays deleted (R10).
func TestRebuildTakesTheCheckpoint(t *testing.T) {
	o, fsys := ruleOptions(t, 2, 1)
	p := rulePool(t, o)
	for _, key := range []string{"kept", "gone", "over"} {
		putBytes(t, p, "bucket", key, []byte("1"))
	}
	remove := func(key string) {
		if _, err := p.Delete(t.Context(), "bucket", key, Condition{}); err != nil {
			t.Fatal(err)
		}
	}
	remove("gone")
	if err := p.checkpoint(); err != nil {
		t.Fatal(err)
	}
	putBytes(t, p, "bucket", "over", []byte("22"))
	putBytes(t, p, "bucket", "late", []byte("333"))
	closePool(t, p)
	dropCatalogs(fsys, o)
	p = openPool(t, o)
	page, err := p.List(t.Context(), "bucket", ListOptions{Max: 10})
	got := ""
	for _, o := range page.Objects {
		got += fmt.Sprint(o.Key, o.Size, " ")
	}
	if want := "kept1 late3 over2 "; err != nil || got != want {
		t.Errorf("listed %q, want %q; %v", got, want, err)
	}
}

// TestRebuildKeepsWhatWasSettled: the last batch before a crash is settled by the
// replicas that have it, and so is not copied. When no replica is of use after all,
// its segment still goes on to it.
func TestRebuildKeepsWhatWasSettled(t *testing.T) {
	o, fsys := ruleOptions(t, 2, 1)
	o.EventGather = time.Hour // a batch of events behind the put's would be the last
	p := rulePool(t, o)
	wantReplicas(t, p)
	putBytes(t, p, "bucket", "last", []byte("x"))
	must(t, replicated(t.Context(), p))
	lsn, seg, stripes := p.acked.Load(), p.journal.seg.id, p.journal.seg.next
	image := fsys.Kill()
	closePool(t, p)

	// An opening, up to where the replicas take the tail.
	o.FS, o.Init = image, false
	o, err := o.withDefaults()
	must(t, err)
	f, err := discover(o)
	must(t, err)
	p, err = newPool(o, f)
	must(t, err)
	defer func() { must(t, p.shutDown()) }()
	p.members.view.Store(&membership{label: f.top.Membership, drives: f.drives, why: make(map[uuid.UUID]error)})
	must(t, p.join(f))
	v := p.members.now()
	p.catalog = catalog.New(catalog.Options{Logger: p.log, OnDrop: p.replicaDropped})
	ev, err := p.gatherEvidence(v.live, f)
	must(t, err)
	replicas := p.openReplicas(v, image)
	best := bestApplied(replicas, 0)
	closeReplicas(replicas)
	ev.exists = true
	end, err := ev.decide(t.Context(), lookBack(best, 0), true)
	must(t, err)
	if best != lsn || end.stableLSN >= lsn {
		t.Fatalf("batch %d was the last; replicas have %d, the journal alone settles %d", lsn, best, end.stableLSN)
	}
	end.settle(best)
	p.adopt(end, ev, end.stableLSN)
	places, err := p.writeEnd(t.Context(), end, best)
	must(t, err)
	must(t, p.restoreCatalog(t.Context(), ev, replicas, end, places))
	must(t, p.loadSegments(t.Context(), ev))
	wantBytes(t, p, "bucket", "last", []byte("x"))
	if s := p.segments.get(seg); s.last != lsn || s.next != stripes {
		t.Errorf("the segment ends with batch %d and stripe %d, want %d and %d", s.last, s.next, lsn, stripes)
	}
}

// TestForeignReplicas: a replica that holds a batch of another branch of the log
// is not used (R9).
func TestForeignReplicas(t *testing.T) {
	o, fsys := ruleOptions(t, 2, 1)
	p := rulePool(t, o)
	if err := fsys.MkdirAll("/replica", 0o700); err != nil {
		t.Fatal(err)
	}
	for _, uid := range []uint64{7, 8} {
		r, err := catalog.OpenReplica(fsys, fmt.Sprint("/replica/", uid), catalog.ReplicaOptions{})
		if err == nil {
			err = r.Apply(catalog.Batch{LSN: 1, UID: uid})
		}
		if err != nil {
			t.Fatal(err)
		}
		replicas := map[uuid.UUID]*catalog.Replica{{1}: r}
		end := &logEnd{kept: []keptBatch{{foundBatch: &foundBatch{lsn: 1, uid: 7, parts: []*foundStripe{{}}}}}}
		if dropped := p.discardForeign(replicas, end); dropped != (uid == 8) || len(replicas) == 1 != (uid == 7) {
			t.Errorf("batch 1 is %d, a replica has %d: dropped %v", 7, uid, dropped)
		}
		closeReplicas(replicas)
	}
}

// unchanged wants that nothing below /pool is changed until the test ends.
func unchanged(t *testing.T, fsys *faultfs.FS) {
	fsys.SetHook(func(op faultfs.Op) faultfs.Fault {
		if op.Kind.Changes() && op.Kind != faultfs.Lock {
			t.Errorf("it does %v %s", op.Kind, op.Path)
		}
		return faultfs.Fault{}
	})
}

// TestNothingIsMadeUnasked: all mounts missing, and no --init (R12).
func TestNothingIsMadeUnasked(t *testing.T) {
	o, fsys := ruleOptions(t, 4, 2)
	o.Init = false
	if err := fsys.MkdirAll(o.Dirs[0], 0o700); err != nil {
		t.Fatal(err)
	}
	unchanged(t, fsys)
	if _, err := Open(t.Context(), o); !errors.Is(err, ErrNoPool) {
		t.Errorf("open: %v", err)
	}
}

// TestEmptyDirectories: one under a known drive's path is a missing drive, and
// stays empty; one too many is refused (R12).
func TestEmptyDirectories(t *testing.T) {
	o, fsys := ruleOptions(t, 4, 2)
	p := rulePool(t, o)
	putBytes(t, p, "bucket", "k", []byte("x"))
	closePool(t, p)
	more := o
	more.Dirs = append(dirsOf(4, "/pool"), "/pool/d5")
	if err := fsys.MkdirAll("/pool/d5", 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), more); !errors.Is(err, ErrForeign) || !strings.Contains(fmt.Sprint(err), "drive add /pool/d5") {
		t.Errorf("an empty directory beside a whole pool: %v", err)
	}
	fsys.Wipe(o.Dirs[1])
	p = openPool(t, o)
	wantBytes(t, p, "bucket", "k", []byte("x"))
	putBytes(t, p, "bucket", "k", []byte("y"))
	if m := p.members.now().label.Members[1]; m.State != drive.Unavail {
		t.Errorf("the drive that was there is %v", m.State)
	}
	if names, err := fsys.List(o.Dirs[1]); err != nil || len(names) != 0 {
		t.Errorf("in the empty directory: %v, %v", names, err)
	}
}

// TestThreeOfSixGone: more than m are away, so nothing is served, and the error
// says which and how many are needed (R9).
func TestThreeOfSixGone(t *testing.T) {
	o, fsys := ruleOptions(t, 6, 2)
	p := rulePool(t, o)
	putBytes(t, p, "bucket", "k", []byte("x"))
	members := p.members.now().label.Members
	closePool(t, p)
	for _, i := range []int{0, 2, 4} {
		fsys.Detach(o.Dirs[i])
	}
	unchanged(t, fsys)
	_, err := Open(t.Context(), o)
	if !errors.Is(err, ErrQuorum) || !strings.Contains(fmt.Sprint(err), "4 are needed") {
		t.Errorf("open: %v", err)
	}
	for i, m := range members {
		if gone := i%2 == 0 && i < 5; gone != strings.Contains(fmt.Sprint(err), m.ID.String()) {
			t.Errorf("drive %d is missing: %v; the error: %v", m.Slot, gone, err)
		}
	}
	fsys.SetHook(nil)
	fsys.Plug(o.Dirs[0])
	p = openPool(t, o)
	var b bytes.Buffer
	obj, err := p.Get(t.Context(), "bucket", "k")
	if err != nil {
		t.Fatal(err)
	}
	defer obj.Close()
	if err := obj.WriteTo(t.Context(), &b, 0, 1); err != nil || b.String() != "x" {
		t.Errorf("when one is back: %q, %v", b.String(), err)
	}
}
