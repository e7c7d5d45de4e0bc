package blockstore

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/blockstore/faultfs"
)

// hangDrive makes every operation that which selects hang, on one drive, until
// the test ends.
func hangDrive(t *testing.T, fsys *faultfs.FS, dir string, which func(faultfs.Op) bool) {
	t.Helper()
	fsys.SetHook(func(op faultfs.Op) faultfs.Fault {
		return faultfs.Fault{Hang: op.Below(dir) && which(op)}
	})
	t.Cleanup(func() { // before the pool is closed
		fsys.SetHook(nil)
		fsys.ReleaseHung()
	})
}

func everyOp(faultfs.Op) bool { return true }

func storeSizes(t *testing.T, p *Pool, prefix string) {
	t.Helper()
	for i, n := range bodySizes {
		putBytes(t, p, "bucket", fmt.Sprint(prefix, n), randomBody(uint64(i), n))
	}
}

func wantSizes(t *testing.T, p *Pool, prefix string) {
	t.Helper()
	for i, n := range bodySizes {
		wantBytes(t, p, "bucket", fmt.Sprint(prefix, n), randomBody(uint64(i), n))
	}
}

// poolWithBucket is a new pool of n drives with a bucket.
func poolWithBucket(t *testing.T, n int, change func(*Options)) (*Pool, Options, *faultfs.FS) {
	t.Helper()
	o, fsys := memOptions(t, n)
	if change != nil {
		change(&o)
	}
	p := openPool(t, o)
	if err := p.CreateBucket(t.Context(), "bucket"); err != nil {
		t.Fatal(err)
	}
	wantReplicas(t, p)
	return p, o, fsys
}

// wantReplicas waits until the catalog has all the replicas that it is to have, of which
// all but one may be lost from then on.
func wantReplicas(t *testing.T, p *Pool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	must(t, replicated(ctx, p))
}

func status(t *testing.T, p *Pool) Status {
	t.Helper()
	s, err := p.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// serving is the index of the drive whose replica serves the catalog.
func serving(t *testing.T, p *Pool) int {
	t.Helper()
	for i, d := range status(t, p).Drives {
		if d.Catalog == "serving" {
			return i
		}
	}
	t.Fatal("no replica serves")
	return -1
}

// hangPatience is the Patience of tests that wait it out: as short as a machine that is
// busy allows, on which drives that are well are slow, too.
const hangPatience = 2 * time.Second

// calmPatience is the Patience of tests that no drive hangs in: no machine is so busy
// that a drive that is well takes that long.
const calmPatience = 5 * time.Minute

// waitFor waits until ok, as long as anything may take on a busy machine.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for began := time.Now(); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatalf("waited in vain for: %s", what)
		}
	}
}

// TestHangUnderServingReplica: the drive that serves the catalog hangs in
// everything; reads and commits go on, and the drive is left out.
func TestHangUnderServingReplica(t *testing.T) {
	p, o, fsys := poolWithBucket(t, 6, func(o *Options) { o.Patience = hangPatience })
	storeSizes(t, p, "old")
	waitFor(t, "three replicas", func() bool { return len(p.catalog.Replicas()) == 3 })
	i := serving(t, p)
	hangDrive(t, fsys, o.Dirs[i], everyOp)
	wantSizes(t, p, "old")
	storeSizes(t, p, "new")
	wantSizes(t, p, "old")
	wantSizes(t, p, "new")
	s := status(t, p)
	if s.Drives[i].State == "ONLINE" || s.Drives[i].Catalog == "serving" || s.Pool.State != "DEGRADED" {
		t.Errorf("the drive that hangs is %+v, the pool %s", s.Drives[i], s.Pool.State)
	}
}

// TestHangDuringPuts: a drive hangs in writes and syncs while large and small
// objects are put; it is left out after the pool's patience, once.
func TestHangDuringPuts(t *testing.T) {
	for name, which := range map[string]func(faultfs.Op) bool{
		"in writes": func(op faultfs.Op) bool { return op.Kind == faultfs.Write },
		"in syncs":  func(op faultfs.Op) bool { return op.Kind == faultfs.Sync || op.Kind == faultfs.SyncDir },
		"in reads":  func(op faultfs.Op) bool { return op.Kind == faultfs.Read },
		"in all":    everyOp,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, o, fsys := poolWithBucket(t, 6, func(o *Options) { o.Patience = hangPatience })
			storeSizes(t, p, "old")
			hangDrive(t, fsys, o.Dirs[4], which)
			storeSizes(t, p, "new")
			wantSizes(t, p, "old")
			wantSizes(t, p, "new")
			waitFor(t, "the drive to be left out", func() bool { return status(t, p).Drives[4].State != "ONLINE" })
			for i, d := range status(t, p).Drives {
				if i != 4 && d.State != "ONLINE" {
					t.Errorf("drive %d is %s: %s", i+1, d.State, d.Reason)
				}
			}
			// What hung is let go at last; nothing of it may do harm.
			fsys.SetHook(nil)
			fsys.ReleaseHung()
			wantSizes(t, p, "new")
			if used := status(t, p).Memory.UsedBytes; used != 0 {
				waitFor(t, "the buffers to come back", func() bool { return status(t, p).Memory.UsedBytes == 0 })
			}
		})
	}
}

// TestHungReadsGiveBack: while a drive hangs in reads, or in the opening of files,
// it keeps the memory of no more than the reads that it is at, however many
// downloads wanted something of it (R21).
func TestHungReadsGiveBack(t *testing.T) {
	for name, kind := range map[string]faultfs.OpKind{"in reads": faultfs.Read, "in opening": faultfs.Open} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, o, fsys := poolWithBucket(t, 6, func(o *Options) {
				o.Patience, o.MemoryBytes, o.PresencePeriod = hangPatience, 16<<20, time.Hour
			})
			body := randomBody(1, 2<<20)
			putBytes(t, p, "bucket", "x", body)
			p.bulk.retire(true)
			for _, s := range p.segments.all() {
				p.files.n.Add(-s.closeIdle())
			}
			hangDrive(t, fsys, o.Dirs[4], func(op faultfs.Op) bool {
				return op.Kind == kind && strings.Contains(op.Path, "segments/")
			})
			var wg sync.WaitGroup
			for range 40 {
				wg.Go(func() {
					if got, err := getBytes(t.Context(), p, "bucket", "x"); err != nil || !bytes.Equal(got, body) {
						t.Errorf("get: %v", err)
					}
				})
			}
			wg.Wait()
			waitFor(t, "the drive to be left out", func() bool { return status(t, p).Drives[4].State == "FAULTED" })
			if fsys.Hung() == 0 {
				t.Error("nothing hangs any more")
			}
			waitFor(t, "all but the reads that hang to give back", func() bool {
				return status(t, p).Memory.UsedBytes <= int64(drive.ReadersDefault*p.mem.columnBytes())
			})
		})
	}
}

// TestLateAnswerIsNotAnothers: a drive that was given up on answers while
// another is still in a sync, which then fails. The answer must not stand for
// the other's: stripes are one column thinner than they seem then.
func TestLateAnswerIsNotAnothers(t *testing.T) {
	const patience = hangPatience
	fsys, err := poolFS()
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Init: true, FS: fsys, Dirs: dirsOf(6, "/pool"), Patience: patience}
	p := openPool(t, o)
	if err := p.CreateBucket(t.Context(), "bucket"); err != nil {
		t.Fatal(err)
	}
	var hung atomic.Bool
	release := make(chan struct{})
	fsys.SetHook(func(op faultfs.Op) faultfs.Fault {
		inSegment := strings.Contains(op.Path, "segments/")
		switch {
		case inSegment && op.Below(o.Dirs[0]) && op.Kind == faultfs.Write && op.Length > 100_000 && !hung.Swap(true):
			return faultfs.Fault{Hang: true}
		case inSegment && op.Below(o.Dirs[1]) && op.Kind == faultfs.Sync && hung.Load():
			<-release
			return faultfs.Fault{Err: syscall.EIO}
		}
		return faultfs.Fault{}
	})
	go func() {
		for fsys.Hung() == 0 {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(patience + patience/4) // the first drive is given up by now
		fsys.ReleaseHung()
		time.Sleep(patience / 4)
		close(release)
	}()
	// More stripes than may be under way, so that the upload waits for the drive.
	body := randomBody(1, 16<<20)
	putBytes(t, p, "bucket", "large", body)
	fsys.SetHook(nil)
	putBytes(t, p, "bucket", "after", body[:1]) // the batch before it is settled now
	// What neither of the two had synced is gone, and one more drive.
	o.FS, o.Init, o.Dirs = fsys.PowerCut(nil, 0), false, slices.Delete(slices.Clone(o.Dirs), 2, 3)
	wantBytes(t, openPool(t, o), "bucket", "large", body)
}

// TestHangOutlivesPool: the look for a catalog replica hangs while the pool is
// opened and comes back after it was closed; it must find nothing freed.
func TestHangOutlivesPool(t *testing.T) {
	o, fsys := closedPool(t, 3)
	o.Init, o.Patience = false, hangPatience
	fsys.SetHook(func(op faultfs.Op) faultfs.Fault {
		return faultfs.Fault{Hang: op.Kind == faultfs.List && op.Below(o.Dirs[0]+"/catalog")}
	})
	p, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	wantBytes(t, p, "bucket", "key", []byte("value"))
	if s := status(t, p); s.Drives[0].State == "ONLINE" {
		t.Error("the drive that hangs is ONLINE")
	}
	if err := p.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if fsys.Hung() == 0 {
		t.Error("nothing hangs any more")
	}
	fsys.SetHook(nil)
	fsys.ReleaseHung()
	waitFor(t, "what hung to end", func() bool { return fsys.Hung() == 0 })
	p = openPool(t, o)
	wantBytes(t, p, "bucket", "key", []byte("value"))
}
