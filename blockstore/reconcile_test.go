package blockstore

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/blockstore/yield"
)

// pathOn is where the file of a segment lies on a drive.
func pathOn(d *drive.Drive, id drive.SegmentID) string { return d.Dir() + "/segments/" + id.String() }

func exists(w *world, path string) bool {
	_, err := w.fs.Stat(path)
	return err == nil
}

// reopen closes the world's pool and opens it again.
func (w *world) reopen(t *testing.T) {
	t.Helper()
	must(t, w.p.Close(t.Context()))
	w.mustOpen(t)
}

// suspectOn counts the suspect files of a drive.
func suspectOn(p *Pool, slot int) (n int) {
	id := p.members.now().label.Members[slot].ID
	for _, s := range p.segments.all() {
		s.mu.Lock()
		for i, of := range s.drives {
			if of == id && s.suspect&(1<<i) != 0 {
				n++
			}
		}
		s.mu.Unlock()
	}
	return n
}

// reconcileAll does it by hand, as often as the one in the background is in its way.
func reconcileAll(t *testing.T, p *Pool) {
	t.Helper()
	for _, d := range p.members.now().live {
		must(t, p.reconcile(t.Context(), d))
	}
}

// TestReconcileRemoves: a copy that is not needed any more, and a file of a
// segment that came to nothing, are removed; what anything may need is not.
func TestReconcileRemoves(t *testing.T) {
	w := busyWorld(t, shape{2, 1, 5})
	segs := sealedSegments(t, w.p)
	from := move(t, w.p, segs[0], 0)
	stale := pathOn(from, segs[0].id)
	w.settled(t)
	unfinished := w.p.members.now().drives[copyFile(t, w.p, segs[1], 1, 50)]
	v := w.p.members.now()
	none := drive.NewSegmentID(v.label.Epoch, 4711)
	d := v.drives[v.label.Members[0].ID]
	f, err := d.CreateSegment(drive.FileHeader{Kind: drive.Bulk, K: 2, M: 1, Pool: w.p.id, Drive: d.ID(), Segment: none, Drives: segs[0].drives})
	must(t, err)
	f.Close()
	reconcileAll(t, w.p)
	if !exists(w, pathOn(d, none)) {
		t.Error("a file of this opening, which may be on its way, was removed")
	}
	w.reopen(t)
	waitFor(t, "what nothing needs to be removed", func() bool {
		reconcileAll(t, w.p)
		return !exists(w, stale) && !exists(w, pathOn(d, none)) && !exists(w, pathOn(unfinished, segs[1].id))
	})
	for _, s := range w.p.segments.all() {
		for _, id := range s.drives {
			if !exists(w, pathOn(w.p.members.now().drives[id], s.id)) {
				t.Errorf("a file of segment %v is gone", s.id)
			}
		}
	}
	w.mustCheck(t)
	w.crash(nil, killed)
	wipeCatalogs(w.fs, w.dirs)
	w.mustOpen(t)
	w.mustCheck(t)
}

// TestReconcileKeepsTheOnlyCopy: as long as the drive that a file moved to is
// away, the old copy stays.
func TestReconcileKeepsTheOnlyCopy(t *testing.T) {
	w := busyWorld(t, shape{2, 1, 5})
	seg := sealedSegments(t, w.p)[0]
	from := move(t, w.p, seg, 0)
	w.settled(t)
	to := w.p.members.now().drives[seg.drives[0]].Dir()
	must(t, w.p.Close(t.Context()))
	w.fs.Detach(to)
	w.mustOpen(t)
	reconcileAll(t, w.p)
	if !exists(w, pathOn(from, seg.id)) {
		t.Fatal("removed, and the other one is not there")
	}
	must(t, w.p.Close(t.Context()))
	w.fs.Plug(to)
	w.mustOpen(t)
	waitFor(t, "the old copy to be removed", func() bool {
		reconcileAll(t, w.p)
		return !exists(w, pathOn(from, seg.id))
	})
	w.mustCheck(t)
}

// TestReconcileKeepsTheJournal: a journal segment that no record announces is
// needed all the same when a catalog is to be rebuilt.
func TestReconcileKeepsTheJournal(t *testing.T) {
	w := openWorld(t, shape{2, 1, 3})
	w.mustPut(t, "last", 300)
	for range 4 {
		w.crash(nil, killed)
		w.mustOpen(t)
		reconcileAll(t, w.p)
	}
	// Even one that the table does not know, of which nothing is live.
	d := w.p.members.now().drives[w.p.members.now().label.Members[0].ID]
	r := reconciler{p: w.p, d: d, work: w.p.background(yield.Routine)}
	if id := w.p.lineage.newest; id == 0 || !r.followed(t.Context(), id) {
		t.Errorf("segment %v, which the journal follows, counts as garbage", id)
	}
	if id := drive.NewSegmentID(2, 4711); r.followed(t.Context(), id) {
		t.Errorf("segment %v, which nothing follows, does not count as garbage", id)
	}
	w.settled(t)
	reconcileAll(t, w.p)
	w.crash(nil, killed)
	wipeCatalogs(w.fs, w.dirs)
	w.mustOpen(t)
	w.mustCheck(t)
}

// TestReconcileFindsWhatIsMissing: files that a drive lost are suspect, so that
// status shows the columns missing, and durably so.
func TestReconcileFindsWhatIsMissing(t *testing.T) {
	w := busyWorld(t, shape{2, 1, 5})
	segs := sealedSegments(t, w.p)
	d := w.p.members.now().drives[segs[0].drives[0]]
	slot := 0
	for i, dir := range w.dirs {
		if dir == d.Dir() {
			slot = i
		}
	}
	must(t, w.p.Close(t.Context()))
	must(t, w.fs.Remove(pathOn(d, segs[0].id)))
	w.mustOpen(t)
	for range 2 {
		waitFor(t, "the file to be missed", func() bool { reconcileAll(t, w.p); return suspectOn(w.p, slot) == 1 })
		s, err := w.p.Status(t.Context())
		must(t, err)
		if s.Redundancy.Missing["1"] == 0 {
			t.Errorf("status: %v", s.Redundancy.Missing)
		}
		w.settled(t)
		w.crash(nil, killed)
		w.mustOpen(t)
	}
	w.mustCheck(t)
}

// TestRestoredSnapshotIsFoundOut: a drive is set back to an earlier state, of an
// older epoch or of the same one. What it lacks is suspect.
func TestRestoredSnapshotIsFoundOut(t *testing.T) {
	for name, between := range map[string]func(*testing.T, *world){
		"same epoch":  func(*testing.T, *world) {},
		"older epoch": func(t *testing.T, w *world) { w.reopen(t) },
	} {
		t.Run(name, func(t *testing.T) {
			w := busyWorld(t, shape{2, 1, 3})
			snapshot := w.fs.Snapshot(w.dirs[1])
			for i := range 3 {
				if i == 1 {
					between(t, w)
				}
				w.mustPut(t, "later", 600<<10)
				w.mustPut(t, "small-later", 20_000)
			}
			w.p.bulk.retire(true)
			w.settled(t)
			must(t, w.p.Close(t.Context()))
			w.fs.Restore(w.dirs[1], snapshot)
			w.mustOpen(t)
			w.mustCheck(t)
			lacking := 0
			for _, s := range w.p.segments.all() {
				if s.settled() && !exists(w, w.dirs[1]+"/segments/"+s.id.String()) {
					lacking++
				}
			}
			if lacking == 0 {
				t.Fatal("the snapshot lacks nothing")
			}
			waitFor(t, "what it lacks to be suspect", func() bool { reconcileAll(t, w.p); return suspectOn(w.p, 1) >= lacking })
			w.mustCheck(t)
			// Nothing of it depends on that drive any more.
			w.fs.Detach(w.dirs[1])
			w.mustCheck(t)
		})
	}
}

// TestLongWalkIsNoLack: a walk over a segment takes longer than anyone waits for. The
// drives whose files it reads do not lack them for that.
func TestLongWalkIsNoLack(t *testing.T) {
	p, _, _ := lifePool(t, 6, func(o *Options) { o.Patience = 500 * time.Millisecond })
	must(t, p.SealOpen(t.Context()))
	seg := p.segments.get(p.Segments()[0])
	if !p.mending.begin(seg.id) {
		t.Fatal("it is being mended")
	}
	must(t, p.reconcile(t.Context(), p.members.now().drives[seg.drives[0]]))
	p.mending.end(seg.id)
	if seg.suspect != 0 {
		t.Errorf("files %b are said to lack blocks", seg.suspect)
	}
}

// TestLooksAtOneSegment: the files of a segment are looked at side by side, on however many drives and however long
// that takes, since it may have to yield; mending it keeps looks away, and they it.
func TestLooksAtOneSegment(t *testing.T) {
	w := filled(t, shape{4, 2, 6}, 8)
	w.settled(t)
	id := w.p.Segments()[0]
	if !w.p.mending.look(id) {
		t.Fatal("it is being mended")
	}
	if _, err := w.p.Mend(t.Context(), id, MendOptions{}); !errors.Is(err, ErrSegmentBusy) {
		t.Errorf("mending what is looked at: %v", err)
	}
	slot := slices.IndexFunc(w.p.members.now().label.Members, func(m drive.Member) bool { return w.p.segments.get(id).drives[0] == m.ID })
	d := w.p.members.now().drives[w.p.members.now().label.Members[slot].ID]
	must(t, w.fs.Remove(pathOn(d, id)))
	must(t, w.p.reconcile(t.Context(), d))
	if n := suspectOn(w.p, slot); n != 1 {
		t.Errorf("while another file of the segment is looked at, %d files of the drive are found to be missing", n)
	}
	w.p.mending.looked(id)
	if !w.p.mending.begin(id) || w.p.mending.look(id) {
		t.Error("it is looked at while it is mended")
	}
	w.p.mending.end(id)
}
