package blockstore

import (
	"fmt"
	"slices"
	"testing"
)

// Scenarios that broke the design on paper, or an earlier state of this
// package. Each says what went wrong.

// openWorld makes a pool and opens it, with one bucket in it.
func openWorld(t *testing.T, s shape) *world {
	t.Helper()
	w := newWorld(t, s, smallSegment, 1)
	w.mustOpen(t)
	t.Cleanup(func() {
		if w.p != nil {
			abandon(w.p, w.fs)
		}
	})
	must(t, w.createBucket(t.Context(), "bucket", fuss{}))
	wantReplicas(t, w.p)
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) mustOpen(t *testing.T) {
	t.Helper()
	must(t, w.open(t.Context()))
}

// mustCheck compares all the pool holds with the history, at rest.
func (w *world) mustCheck(t *testing.T) {
	t.Helper()
	now := w.h.now()
	found, err := w.h.check(t.Context(), w.p, span{now, now})
	must(t, err)
	w.h.fix(found)
}

func (w *world) mustPut(t *testing.T, key string, n int) {
	t.Helper()
	must(t, w.put(t.Context(), "bucket", key, newValue(newRand(uint64(w.h.now())), n), fuss{}, nil))
}

// settled commits one more change, so that everything before it is stable.
func (w *world) settled(t *testing.T) {
	t.Helper()
	must(t, w.createBucket(t.Context(), fmt.Sprintf("settled-%d", w.h.now()), fuss{}))
}

// extentsOf says where every object of the bucket lies.
func extentsOf(t *testing.T, p *Pool) []string {
	t.Helper()
	b, err := p.catalog.Bucket(t.Context(), "bucket")
	must(t, err)
	list, err := listAll(t.Context(), p, "bucket")
	must(t, err)
	var all []string
	for _, o := range list {
		obj, err := p.catalog.Object(t.Context(), b.ID, o.Key)
		must(t, err)
		all = append(all, fmt.Sprintf("%s %v", o.Key, obj.Extents))
	}
	return all
}

// TestReplicaAheadOfStable: a catalog replica is flushed with the last batch,
// which no later one names as stable. Recovery copied the batch, and replicas
// that had it went on pointing to where it lay, while a rebuilt catalog pointed
// to the copy.
func TestReplicaAheadOfStable(t *testing.T) {
	w := openWorld(t, shape{2, 1, 3})
	w.mustPut(t, "last", 300)
	if _, err := w.p.catalog.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.crash(nil, killed)
	w.mustOpen(t)
	w.mustCheck(t)
	w.settled(t)
	w.crash(nil, killed)
	w.mustOpen(t)
	with := extentsOf(t, w.p)
	w.crash(nil, killed)
	wipeCatalogs(w.fs, w.dirs)
	w.mustOpen(t)
	w.mustCheck(t)
	if bare := extentsOf(t, w.p); !slices.Equal(with, bare) {
		t.Errorf("rebuilt, the catalog says %v; before, %v", bare, with)
	}
}

// TestReplicaFromBeforeACopy: a replica on a drive that was away has the last
// batch where it first lay. Meanwhile recovery, which saw no replica that had
// it, moved it. When that replica comes back as the one with the most, it must
// not be believed: the segment it points to is garbage.
func TestReplicaFromBeforeACopy(t *testing.T) {
	w := openWorld(t, shape{2, 1, 3})
	w.mustPut(t, "last", 300)
	if _, err := w.p.catalog.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.crash(nil, killed)
	old := w.fs.Snapshot(w.dirs[0] + "/catalog")
	wipeCatalogs(w.fs, w.dirs)
	w.mustOpen(t) // "last" is copied
	moved := extentsOf(t, w.p)
	w.crash(nil, killed)
	wipeCatalogs(w.fs, w.dirs)
	w.fs.Restore(w.dirs[0]+"/catalog", old)
	w.mustOpen(t)
	w.mustCheck(t)
	if now := extentsOf(t, w.p); slices.Equal(now, moved) {
		t.Log("the copy was kept where it was")
	}
	w.settled(t)
	w.crash(nil, killed)
	w.mustOpen(t)
	with := extentsOf(t, w.p)
	w.crash(nil, killed)
	wipeCatalogs(w.fs, w.dirs)
	w.mustOpen(t)
	w.mustCheck(t)
	if bare := extentsOf(t, w.p); !slices.Equal(with, bare) {
		t.Errorf("rebuilt, the catalog says %v; before, %v", bare, with)
	}
}

// TestUnannouncedSegment: recovery copies a batch into a new segment, which the
// next batch was to announce, and crashes again and again before there is one.
// Behind two openings nothing led to the segment any more.
func TestUnannouncedSegment(t *testing.T) {
	w := openWorld(t, shape{2, 1, 3})
	w.mustPut(t, "last", 300)
	w.crash(nil, killed)
	wipeCatalogs(w.fs, w.dirs) // no replica has it, so it is copied
	for range 4 {
		w.mustOpen(t)
		w.mustCheck(t)
		w.crash(nil, killed)
	}
	w.mustOpen(t)
	w.settled(t)
	w.crash(nil, killed)
	wipeCatalogs(w.fs, w.dirs)
	w.mustOpen(t)
	w.mustCheck(t)
}

// TestReplicaOneBehindTheBest: like TestReplicaFromBeforeACopy, but another
// replica has the batches behind the copies. Recovery looked at the last batch
// of that one only, and took the records behind it into the old one too.
func TestReplicaOneBehindTheBest(t *testing.T) {
	w := openWorld(t, shape{2, 1, 3})
	must(t, replicated(t.Context(), w.p))
	w.mustPut(t, "last", 300)
	must(t, replicated(t.Context(), w.p))
	w.crash(nil, killed)
	old := w.fs.Snapshot(w.dirs[0] + "/catalog")
	wipeCatalogs(w.fs, w.dirs)
	w.fs.Detach(w.dirs[0])
	w.mustOpen(t) // "last" is copied, and the end follows
	must(t, replicated(t.Context(), w.p))
	w.settled(t) // seals the segment that "last" was in; no replica is flushed with it
	w.crash(nil, killed)
	w.fs.Plug(w.dirs[0])
	w.fs.Restore(w.dirs[0]+"/catalog", old)
	for range 4 { // whichever replica serves
		w.mustOpen(t)
		w.mustCheck(t)
		w.crash(nil, killed)
	}
}
