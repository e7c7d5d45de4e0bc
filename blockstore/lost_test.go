package blockstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
	"github.com/holdfast-storage/holdfast/blockstore/faultfs"
)

// threeOf yields all ways to choose three of six.
func threeOf(yield func([3]int)) {
	for i := range 6 {
		for j := i + 1; j < 6; j++ {
			for k := j + 1; k < 6; k++ {
				yield([3]int{i, j, k})
			}
		}
	}
}

// TestAnyThreeOfSixGone: one more than may be lost, while running. Nothing is
// answered wrongly, nothing is taken, nothing is opened without them; and all is
// there when one of them comes back.
func TestAnyThreeOfSixGone(t *testing.T) {
	threeOf(func(gone [3]int) {
		for name, pull := range map[string]func(*faultfs.FS, string){"detach": (*faultfs.FS).Detach, "unplug": (*faultfs.FS).Unplug} {
			t.Run(fmt.Sprint(name, gone[0]+1, gone[1]+1, gone[2]+1), func(t *testing.T) {
				t.Parallel()
				threeGone(t, gone, pull)
			})
		}
	})
}

func threeGone(t *testing.T, gone [3]int, pull func(*faultfs.FS, string)) {
	p, o, fsys := poolWithBucket(t, 6, func(o *Options) { o.PresencePeriod = 10 * time.Millisecond })
	storeSizes(t, p, "old")
	for _, d := range gone {
		pull(fsys, o.Dirs[d])
	}
	mustRefuse := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, ErrReadOnly) && !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: %v, want ErrReadOnly or ErrUnavailable", what, err)
		}
	}
	// A change that needs none of the three may go through before they are missed.
	_, err := p.Put(t.Context(), "bucket", "last", strings.NewReader("last"), PutOptions{Size: 4})
	last := err == nil
	if !last {
		mustRefuse("put", err)
	}
	waitFor(t, "the pool to be read-only", func() bool { return status(t, p).Pool.ReadOnly })
	for _, n := range []int{1, 3_000_000} {
		_, err := p.Put(t.Context(), "bucket", "lost", bytes.NewReader(randomBody(1, n)), PutOptions{Size: int64(n)})
		mustRefuse(fmt.Sprint("put of ", n), err)
	}
	_, err = p.Delete(t.Context(), "bucket", "old1", Condition{})
	mustRefuse("delete", err)
	mustRefuse("create bucket", p.CreateBucket(t.Context(), "another"))
	for i, n := range bodySizes {
		got, err := getBytes(t.Context(), p, "bucket", fmt.Sprint("old", n))
		switch {
		case err != nil && !errors.Is(err, ErrUnavailable):
			t.Errorf("get of %d bytes: %v, want ErrUnavailable", n, err)
		case err == nil && !bytes.Equal(got, randomBody(uint64(i), n)):
			t.Errorf("get of %d bytes: WRONG BYTES", n)
		}
	}
	if page, err := p.List(t.Context(), "bucket", ListOptions{Max: 100}); err != nil && !errors.Is(err, ErrUnavailable) {
		t.Errorf("list: %v", err)
	} else if n := len(page.Objects); err == nil && n != len(bodySizes) && (!last || n != len(bodySizes)+1) {
		t.Errorf("list: %d objects, not %d", n, len(bodySizes))
	}
	s := status(t, p)
	for _, d := range gone {
		if s.Drives[d].State == "ONLINE" {
			t.Errorf("drive %d is ONLINE", d+1)
		}
	}
	if !s.Pool.ReadOnly || s.Pool.State != "UNAVAIL" {
		t.Errorf("the pool is %s, read-only %v", s.Pool.State, s.Pool.ReadOnly)
	}
	_ = p.Close(context.Background())

	o.Init = false
	_, err = Open(t.Context(), o)
	if !errors.Is(err, ErrQuorum) {
		t.Fatalf("open without three drives: %v, want ErrQuorum", err)
	}
	for _, d := range gone {
		if id := s.Drives[d].ID.String(); !strings.Contains(err.Error(), id) {
			t.Errorf("the refusal does not name drive %d, %s: %v", d+1, id, err)
		}
	}
	fsys.Plug(o.Dirs[gone[1]])
	p = openPool(t, o)
	wantSizes(t, p, "old")
	if last {
		wantBytes(t, p, "bucket", "last", []byte("last"))
	}
	storeSizes(t, p, "new")
	wantSizes(t, p, "new")
	if s := status(t, p); s.Pool.State != "DEGRADED" {
		t.Errorf("the pool is %s with two drives missing", s.Pool.State)
	}
}

// TestOnePlusOneLosesOne: of two drives one is no majority: read-only, and every
// byte can be read.
func TestOnePlusOneLosesOne(t *testing.T) {
	for i := range 2 {
		p, o, fsys := poolWithBucket(t, 2, func(o *Options) { o.PresencePeriod = 10 * time.Millisecond })
		storeSizes(t, p, "old")
		fsys.Unplug(o.Dirs[i])
		_, err := p.Put(t.Context(), "bucket", "lost", strings.NewReader("x"), PutOptions{Size: 1})
		if !errors.Is(err, ErrReadOnly) && !errors.Is(err, ErrUnavailable) {
			t.Errorf("put with drive %d gone: %v", i+1, err)
		}
		wantSizes(t, p, "old")
		if s := status(t, p); !s.Pool.ReadOnly || s.Drives[i].State == "ONLINE" || s.Drives[1-i].State != "ONLINE" {
			t.Errorf("with drive %d gone: %+v", i+1, s)
		}
		_ = p.Close(context.Background())
		fsys.Plug(o.Dirs[i])
		o.Init = false
		p = openPool(t, o)
		wantSizes(t, p, "old")
		storeSizes(t, p, "new")
	}
}

// TestOnlyReplicaOnALostDrive: of two drives that one goes which has the only replica of
// the catalog so far. It serves as long as there is no other, and keeps nobody from
// closing the pool in good order.
func TestOnlyReplicaOnALostDrive(t *testing.T) {
	for _, made := range []bool{false, true} {
		t.Run(fmt.Sprint("another is made ", made), func(t *testing.T) {
			o, fsys := memOptions(t, 2)
			o.PresencePeriod, o.replicasWait = 10*time.Millisecond, time.Millisecond
			second := make(chan struct{}) // closed: the second replica may be made
			goOn := sync.OnceFunc(func() { close(second) })
			defer goOn()
			fsys.SetHook(func(op faultfs.Op) (f faultfs.Fault) {
				if op.Below(o.Dirs[1]+"/catalog") && op.Kind == faultfs.Create {
					if !made {
						f.Err = syscall.ENOSPC // which is no fault of the drive
						return f
					}
					<-second
				}
				return f
			})
			p := openPool(t, o)
			must(t, p.CreateBucket(t.Context(), "bucket"))
			storeSizes(t, p, "old")
			all, err := p.catalog.Snapshot(t.Context())
			must(t, err)
			for page := []catalog.Entry{{}}; len(page) > 0; { // each file of the catalog is open then
				page, err = all.Next(t.Context(), 1<<20)
				must(t, err)
			}
			must(t, all.Close())
			fsys.Detach(o.Dirs[0]) // what is open goes on working
			waitFor(t, "the quorum to be lost", func() bool { return p.readOnly() != nil })
			if made {
				goOn()
				waitFor(t, "the other drive's to be the only one", func() bool {
					list := p.catalog.Replicas()
					return len(list) == 1 && list[0].Name == p.members.now().label.Members[1].ID.String()
				})
			}
			wantSizes(t, p, "old")
			must(t, p.Close(t.Context()))
			fsys.SetHook(nil)
			fsys.Plug(o.Dirs[0])
			o.Init = false
			p = openPool(t, o)
			wantSizes(t, p, "old")
			storeSizes(t, p, "new")
		})
	}
}

// TestNewPoolHasItsReplicas: a pool that is opened while its catalog stands on one drive,
// as one that has just been made does, survives the loss of any drive at once.
func TestNewPoolHasItsReplicas(t *testing.T) {
	for _, init := range []bool{true, false} {
		o, fsys := memOptions(t, 3)
		o.replicasWait = calmPatience
		if !init {
			must(t, openPool(t, o).Close(t.Context()))
			must(t, fsys.RemoveAll(o.Dirs[1]+"/catalog"))
			o.Init = false
		}
		fsys.SetHook(func(op faultfs.Op) (f faultfs.Fault) {
			if op.Below(o.Dirs[1]+"/catalog") && op.Kind == faultfs.Create {
				f.Delay = 100 * time.Millisecond
			}
			return f
		})
		p := openPool(t, o)
		if n := wholeReplicas(p); n != 2 {
			t.Errorf("opened, made %v: %d whole replicas of the catalog, want 2", init, n)
		}
		must(t, p.Close(t.Context()))
	}
}

// TestReplicaBesideAHungDrive: the drive on which a replica is being made hangs. It is
// left out, and another one takes its place.
func TestReplicaBesideAHungDrive(t *testing.T) {
	o, fsys := memOptions(t, 4)
	o.Patience, o.PresencePeriod, o.replicasWait = hangPatience, 10*time.Millisecond, time.Millisecond
	fsys.SetHook(func(op faultfs.Op) (f faultfs.Fault) {
		f.Hang = op.Below(o.Dirs[1]+"/catalog") && op.Kind == faultfs.Create
		return f
	})
	defer func() {
		fsys.SetHook(nil)
		fsys.ReleaseHung()
	}()
	o.Parity = 1
	p := openPool(t, o)
	must(t, p.CreateBucket(t.Context(), "bucket"))
	waitFor(t, "the clone to hang", func() bool { return fsys.Hung() > 0 })
	_, err := p.FailDrive(t.Context(), o.Dirs[1], ChangeOptions{})
	must(t, err)
	storeSizes(t, p, "old")
	waitFor(t, "a replica on another drive", func() bool { return wholeReplicas(p) == 2 })
	wantSizes(t, p, "old")
}

// TestReplicaAfterAFullDisk: a replica that could not be made is made when it can be.
func TestReplicaAfterAFullDisk(t *testing.T) {
	o, fsys := memOptions(t, 2)
	o.replicasWait, o.replicaAgain = time.Millisecond, 10*time.Millisecond
	var full atomic.Bool
	full.Store(true)
	tried := make(chan struct{})
	once := sync.OnceFunc(func() { close(tried) })
	fsys.SetHook(func(op faultfs.Op) (f faultfs.Fault) {
		if full.Load() && op.Below(o.Dirs[1]+"/catalog") && op.Kind == faultfs.Create {
			f.Err = syscall.ENOSPC // which is no fault of the drive
			once()
		}
		return f
	})
	p := openPool(t, o)
	<-tried
	<-p.replicasTried
	full.Store(false)
	waitFor(t, "the other replica", func() bool { return wholeReplicas(p) == 2 })
}

// wholeReplicas is the number of replicas of the catalog that are not being made.
func wholeReplicas(p *Pool) (n int) {
	for _, r := range p.catalog.Replicas() {
		if !r.Cloning {
			n++
		}
	}
	return n
}
