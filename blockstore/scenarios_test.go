package blockstore

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/holdfast-storage/holdfast/blockstore/faultfs"
)

// The named scenarios of the proof. See also TestReplica… in scenario_test.go.

// TestOverwriteIsOldOrNew: v1 acknowledged; v2's record durable, its bulk
// stripe not; power cut: v1 or v2 whole, never neither.
func TestOverwriteIsOldOrNew(t *testing.T) {
	w := openWorld(t, shape{2, 1, 3})
	large := int(w.p.inlineMax)
	w.mustPut(t, "key", large+10)
	var count atomic.Int64
	for round := range 3 {
		c := &camera{w: w, rng: newRand(uint64(round))}
		c.start()
		w.mustPut(t, "key", large+round*70_000)
		must(t, verifier{t, w, &count}.all(c.take()))
	}
	t.Logf("images: %d", count.Load())
}

// TestKilledWithUnsyncedPages: what a recovery found in the page cache, and
// somebody read, is still there after a power cut right behind it.
func TestKilledWithUnsyncedPages(t *testing.T) {
	for _, large := range []bool{false, true} {
		t.Run(fmt.Sprintf("large=%t", large), func(t *testing.T) {
			w := openWorld(t, shape{2, 1, 3})
			n := 300
			if large {
				n = int(w.p.inlineMax) + 5000
			}
			w.mustPut(t, "key", n)
			// Images before each sync of a segment's file: its pages are dirty.
			var images []crashImage
			shot := make(chan crashImage, 1000)
			w.fs.SetHook(func(op faultfs.Op) faultfs.Fault {
				if op.Kind == faultfs.Sync && strings.Contains(op.Path, "/segments/") {
					im := crashImage{what: "before " + op.Path}
					im.at.from = w.h.now()
					im.fs = w.fs.Kill()
					im.at.to = w.h.now()
					shot <- im
				}
				return faultfs.Fault{}
			})
			w.mustPut(t, "key", n+1)
			w.mustPut(t, "other", n)
			w.fs.SetHook(nil)
			close(shot)
			for im := range shot {
				images = append(images, im)
			}
			if len(images) < 4 {
				t.Fatalf("only %d images", len(images))
			}
			for _, im := range images {
				p, err := openOn(t.Context(), w.opt, im.fs)
				must(t, err)
				first, err := w.h.check(t.Context(), p, im.at)
				must(t, err)
				cut := im.fs.PowerCut(nil, 0)
				abandon(p, im.fs)
				p, err = openOn(t.Context(), w.opt, cut)
				must(t, err)
				second, err := w.h.check(t.Context(), p, im.at)
				must(t, err)
				abandon(p, cut)
				if err := sameState(first, second); err != nil {
					t.Errorf("%s: taken back: %v", im.what, err)
				}
			}
		})
	}
}

// TestFiveThenThreeAndTheSixth: batches acknowledged on five drives because the
// sixth failed; reopened with three of those and the sixth.
func TestFiveThenThreeAndTheSixth(t *testing.T) {
	w := openWorld(t, shape{4, 2, 6})
	w.mustPut(t, "before", 30_000)
	w.fs.Detach(w.dirs[5])
	w.mustPut(t, "key", 300)
	w.mustPut(t, "before", 5000)
	w.mustPut(t, "large", int(w.p.inlineMax)+1000)
	w.crash(nil, 0)
	w.fs.Plug(w.dirs[5])
	whole := w.fs
	for i := range 5 {
		for j := i + 1; j < 5; j++ {
			w.fs = whole.Kill()
			w.fs.Detach(w.dirs[i])
			w.fs.Detach(w.dirs[j])
			w.mustOpen(t)
			now := w.h.now()
			if _, err := w.h.check(t.Context(), w.p, span{now, now}); err != nil {
				t.Errorf("without drives %d and %d: %v", i+1, j+1, err)
			}
			if err := w.p.readOnly(); err != nil {
				t.Errorf("without drives %d and %d: %v", i+1, j+1, err)
			}
			abandon(w.p, w.fs)
		}
	}
	w.p = nil
}

// TestRottenBatchInTheMiddle: a batch of the open journal segment rots, with
// acknowledged ones behind it. Up to m of its columns may; with more, the pool
// does not open read-write as if the log ended there, and says which it is.
func TestRottenBatchInTheMiddle(t *testing.T) {
	for rotten := range 4 {
		t.Run(fmt.Sprint(rotten), func(t *testing.T) {
			w := openWorld(t, shape{2, 1, 3})
			w.mustPut(t, "a", 300)
			seg := w.p.journal.seg
			no, off := seg.next, seg.end
			w.mustPut(t, "b", 300)
			w.mustPut(t, "c", 300)
			w.mustPut(t, "a", 400)
			dirs := make(map[string]string)
			for _, d := range w.p.members.now().drives {
				dirs[d.ID().String()] = d.Dir()
			}
			w.crash(nil, 0)
			wipeCatalogs(w.fs, w.dirs)
			stored := []int{0, seg.k} // one data column, one parity
			for _, c := range stored[:min(rotten, 2)] {
				file := dirs[seg.drives[seg.fileOf(c, no)].String()] + "/segments/" + seg.id.String()
				must(t, w.fs.Corrupt(file, off, 4096, func(b []byte) {
					if rotten == 3 {
						clear(b) // all zeros: as if never written
					} else {
						b[300] ^= 1
					}
				}))
			}
			err := w.open(t.Context())
			if rotten < 2 {
				must(t, err)
				w.mustCheck(t)
				return
			}
			if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), seg.id.String()) {
				t.Errorf("opening a log with acknowledged batches behind one that cannot be read: %v", err)
			}
		})
	}
}

// TestReplicaBelowTheFloor: a catalog replica on a drive that was away has an
// object that was deleted, and the delete is behind a checkpoint. It comes back
// as the only replica.
func TestReplicaBelowTheFloor(t *testing.T) {
	w := openWorld(t, shape{2, 1, 3})
	w.mustPut(t, "gone", 300)
	w.mustPut(t, "kept", 300)
	must(t, replicated(t.Context(), w.p))
	old := w.fs.Snapshot(w.dirs[0] + "/catalog")
	w.fs.Detach(w.dirs[0])
	must(t, w.delete(t.Context(), "bucket", "gone", fuss{}))
	must(t, w.p.checkpoint())
	w.mustPut(t, "after", 300)
	must(t, w.p.Close(t.Context()))
	w.fs.Plug(w.dirs[0])
	wipeCatalogs(w.fs, w.dirs)
	w.fs.Restore(w.dirs[0]+"/catalog", old)
	for _, how := range crashWays() {
		w.mustOpen(t)
		w.mustCheck(t)
		w.crash(newRand(uint64(how+2)), how)
	}
}

// TestPutPutDeleteOverThreeSegments: the catalog is rebuilt from all three.
func TestPutPutDeleteOverThreeSegments(t *testing.T) {
	w := openWorld(t, shape{2, 1, 3})
	roll := func() { // one batch fills a segment of its own
		id := w.p.journal.seg.id
		w.mustPut(t, "filler", 100_000)
		w.mustPut(t, "filler", 100_001)
		if w.p.journal.seg.id == id {
			t.Fatal("the journal did not go on to another segment")
		}
	}
	for _, checkpoint := range []bool{false, true} {
		w.mustPut(t, "key", 300)
		roll()
		w.mustPut(t, "key", 301)
		roll()
		must(t, w.delete(t.Context(), "bucket", "key", fuss{}))
		if checkpoint {
			must(t, w.p.checkpoint())
		}
		w.crash(nil, 0)
		wipeCatalogs(w.fs, w.dirs)
		w.mustOpen(t)
		w.mustCheck(t)
		if _, err := w.p.Stat(t.Context(), "bucket", "key"); !errors.Is(err, ErrNoSuchKey) {
			t.Errorf("checkpoint %t: the deleted object: %v", checkpoint, err)
		}
	}
}

// TestSegmentBeforeTheLabel: a drive fails under a batch, the journal goes on
// over others, and the power fails anywhere on the way; the next opening lacks
// another drive than the one that failed.
func TestSegmentBeforeTheLabel(t *testing.T) {
	for _, s := range []shape{{2, 1, 6}, {2, 2, 4}, {4, 2, 6}} {
		t.Run(s.String(), func(t *testing.T) {
			w := openWorld(t, s)
			for i := range 3 {
				w.mustPut(t, fmt.Sprint(i), 300)
			}
			must(t, replicated(t.Context(), w.p))
			c := &camera{w: w, rng: newRand(1), out: s.drives, ways: 2}
			w.fs.Detach(w.dirs[0])
			c.start() // now, since what works in the background may sync at any time
			w.mustPut(t, "0", 5000)
			w.mustPut(t, "1", 5000)
			images := c.take()
			opened := 0
			for _, im := range images {
				im.fs.Plug(w.dirs[0])
				im.fs.Detach(w.dirs[1+opened%(s.drives-1)])
				p, err := openOn(t.Context(), w.opt, im.fs)
				if err == nil {
					_, err = w.h.check(t.Context(), p, im.at)
					abandon(p, im.fs)
				}
				if err != nil {
					t.Fatalf("%s, without drive %d: %v", im.what, 2+opened%(s.drives-1), err)
				}
				opened++
			}
			t.Logf("images: %d", opened)
		})
	}
}

// TestTwoHalves: of 2+2, neither half takes writes, and neither changes
// anything; together they do.
func TestTwoHalves(t *testing.T) {
	w := openWorld(t, shape{2, 2, 4})
	w.mustPut(t, "small", 300)
	w.mustPut(t, "large", int(w.p.inlineMax)+1000)
	w.crash(nil, 0)
	for _, half := range [][]int{{0, 1}, {2, 3}, {0, 3}} {
		for _, d := range half {
			w.fs.Detach(w.dirs[d])
		}
		wrote := atomic.Bool{}
		w.fs.SetHook(func(op faultfs.Op) faultfs.Fault {
			if op.Kind.Changes() && op.Kind != faultfs.Lock {
				wrote.Store(true)
			}
			return faultfs.Fault{}
		})
		w.mustOpen(t)
		c := w.h.begin("bucket/new", newValue(newRand(1), 300))
		_, err := w.p.Put(t.Context(), "bucket", "new", bytes.NewReader(c.to.body), PutOptions{Size: 300})
		w.h.end(c, err)
		if !errors.Is(err, ErrReadOnly) {
			t.Errorf("a half takes writes: %v", err)
		}
		for _, key := range []string{"small", "large"} {
			want, _ := w.h.current("bucket/" + key)
			got, err := getBytes(t.Context(), w.p, "bucket", key)
			if err == nil && !bytes.Equal(got, want.body) || err != nil && !errors.Is(err, ErrUnavailable) {
				t.Errorf("half %v: %s: %v", half, key, err)
			}
		}
		if err := w.p.Close(t.Context()); err != nil {
			t.Error(err)
		}
		w.fs.SetHook(nil)
		if wrote.Load() {
			t.Errorf("half %v wrote to its drives", half)
		}
		for _, d := range half {
			w.fs.Plug(w.dirs[d])
		}
	}
	w.mustOpen(t)
	w.mustCheck(t)
	w.mustPut(t, "new", 300)
}

// TestSnapshotAtTheSameEpoch: a drive comes back as it was some batches ago, in
// the same epoch, after a crash.
func TestSnapshotAtTheSameEpoch(t *testing.T) {
	for d := range 3 {
		t.Run(fmt.Sprint(d+1), func(t *testing.T) {
			w := openWorld(t, shape{2, 1, 3})
			w.mustPut(t, "a", 300)
			w.mustPut(t, "large", int(w.p.inlineMax)+1000)
			old := w.fs.Snapshot(w.dirs[d])
			w.mustPut(t, "a", 5000)
			w.mustPut(t, "b", 300)
			w.mustPut(t, "large", int(w.p.inlineMax)+2000)
			w.crash(nil, 0)
			w.fs.Restore(w.dirs[d], old)
			for i := range 3 {
				w.mustOpen(t)
				now := w.h.now()
				if _, err := w.h.compare(t.Context(), w.p, span{now, now}); err != nil {
					t.Fatal(err)
				}
				w.mustPut(t, fmt.Sprint("new", i), 300)
				w.crash(nil, 0)
			}
		})
	}
}

// faultyBody does something when half of it was read.
type faultyBody struct {
	r    io.Reader
	left int
	half func()
}

func (b *faultyBody) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= n; b.left <= 0 && b.half != nil {
		b.half()
		b.half = nil
	}
	return n, err
}

// TestDriveDiesDuringAnUpload: with m=1, half-way through a large body.
func TestDriveDiesDuringAnUpload(t *testing.T) {
	for _, s := range []shape{{2, 1, 3}, {2, 1, 6}, {4, 2, 6}} {
		for _, way := range []string{"unplug", "detach", "fail"} {
			t.Run(s.String()+"/"+way, func(t *testing.T) {
				w := openWorld(t, s)
				v := newValue(newRand(7), 6_000_000)
				for d := range s.drives {
					if d > 0 && way != "unplug" {
						break
					}
					if d > 0 {
						abandon(w.p, w.fs)
						w = openWorld(t, s)
					}
					body := &faultyBody{r: bytes.NewReader(v.body), left: len(v.body) / 2, half: func() {
						switch way {
						case "unplug":
							w.fs.Unplug(w.dirs[d])
						case "detach":
							w.fs.Detach(w.dirs[d])
						case "fail":
							if _, err := w.p.FailDrive(t.Context(), fmt.Sprint(d+1), ChangeOptions{}); err != nil {
								t.Error(err)
							}
						}
					}}
					c := w.h.begin("bucket/key", v)
					_, err := w.p.Put(t.Context(), "bucket", "key", body, PutOptions{Size: -1, Finish: func() (Finished, error) { return Finished{ETag: v.etag}, nil }})
					w.h.end(c, err)
					must(t, err)
					w.mustCheck(t)
					w.crash(nil, 0)
					if s.m > 1 { // and one more goes
						w.fs.Detach(w.dirs[(d+1)%s.drives])
					}
					w.mustOpen(t)
					w.mustCheck(t)
				}
			})
		}
	}
}

// TestAllMountsMissing: nothing is created at boot without --init, whether the
// directories are empty or absent.
func TestAllMountsMissing(t *testing.T) {
	for _, way := range []string{"absent", "empty"} {
		t.Run(way, func(t *testing.T) {
			w := openWorld(t, shape{4, 2, 6})
			w.mustPut(t, "key", 300)
			w.crash(nil, 0)
			for _, dir := range w.dirs {
				if way == "absent" {
					w.fs.Detach(dir)
				} else {
					w.fs.Wipe(dir)
				}
			}
			if err := w.open(t.Context()); !errors.Is(err, ErrNoPool) {
				t.Fatalf("opening without any mount: %v", err)
			}
			for _, dir := range w.dirs {
				if names, err := w.fs.List(dir); err == nil && len(names) > 0 {
					t.Errorf("%s has %v now", dir, names)
				} else if (err == nil) != (way == "empty") {
					t.Errorf("%s: %v", dir, err)
				}
			}
			// With one mount there, the others are missing drives, never new ones.
			if way == "absent" {
				w.fs.Plug(w.dirs[0])
				w.opt.Init = true
				err := w.open(t.Context())
				if !errors.Is(err, ErrQuorum) {
					t.Fatalf("opening with one mount of six: %v", err)
				}
				for _, dir := range w.dirs[1:] {
					if _, err := w.fs.Stat(dir); err == nil {
						t.Errorf("%s was made", dir)
					}
				}
			}
		})
	}
}
