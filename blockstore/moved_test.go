package blockstore

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/blockstore/faultfs"
)

// busyWorld is a pool with a few sealed segments of both kinds.
func busyWorld(t *testing.T, s shape) *world {
	t.Helper()
	w := openWorld(t, s)
	for i := range 8 {
		w.mustPut(t, fmt.Sprint("small", i), 15_000)
	}
	for i := range 3 {
		w.mustPut(t, fmt.Sprint("large", i), 600<<10)
	}
	w.p.bulk.retire(true)
	w.settled(t)
	return w
}

// copyFile makes the file of a segment anew on a drive that has none of it, with
// the first share of 100 parts of its blocks, and returns that drive.
func copyFile(t *testing.T, p *Pool, s *segment, index, share int) uuid.UUID {
	t.Helper()
	v := p.members.now()
	to := uuid.Nil
	for _, m := range v.label.Members {
		if v.isLive(m.ID) && !slices.Contains(s.drives, m.ID) {
			to = m.ID
		}
	}
	if to == uuid.Nil {
		t.Fatal("no drive is free")
	}
	from, err := v.drives[s.drives[index]].OpenFile(s.id)
	must(t, err)
	defer from.Close()
	drives := slices.Clone(s.drives)
	drives[index] = to
	f, err := v.drives[to].CreateSegment(drive.FileHeader{
		Kind: s.kind, Index: index, K: s.k, M: s.m, Pool: p.id, Drive: to, Segment: s.id, Drives: drives,
	})
	must(t, err)
	defer f.Close()
	b := make([]byte, s.end-drive.FirstBlock)
	must(t, from.ReadAt(t.Context(), b, drive.FirstBlock, nil))
	b = b[:len(b)*share/100&^(drive.PageBytes-1)]
	done := make(chan error, 2)
	f.WriteAt(b, drive.FirstBlock, func(err error) { done <- err })
	f.Sync(func(err error) { done <- err })
	must(t, <-done)
	must(t, <-done)
	return to
}

// move moves a file of a segment, and says so in the next batch.
func move(t *testing.T, p *Pool, s *segment, index int) (from *drive.Drive) {
	t.Helper()
	from = p.members.now().drives[s.drives[index]]
	p.remap(s, index, copyFile(t, p, s, index, 100))
	return from
}

// sealedSegments are those that nothing is written to any more.
func sealedSegments(t *testing.T, p *Pool) []*segment {
	t.Helper()
	var list []*segment
	for _, s := range p.segments.all() {
		if s.settled() {
			list = append(list, s)
		}
	}
	if len(list) < 3 {
		t.Fatalf("%d segments are sealed", len(list))
	}
	slices.SortFunc(list, func(a, b *segment) int { return int(a.id) - int(b.id) })
	return list
}

// TestMovedFilesAreFound: the files of sealed segments have moved, the old ones
// are gone or there still, or the move was cut short. After a crash everything is
// there, whichever drives are away, from the catalog as from the journal alone,
// and the segment table is the same.
func TestMovedFilesAreFound(t *testing.T) {
	for _, s := range []shape{{2, 1, 5}, {2, 2, 6}} {
		for _, kind := range []string{"old files removed", "old files there", "cut short"} {
			t.Run(s.String()+", "+kind, func(t *testing.T) {
				w := busyWorld(t, s)
				for i, seg := range sealedSegments(t, w.p) {
					index := i % seg.width()
					if kind == "cut short" {
						copyFile(t, w.p, seg, index, 50)
						continue
					}
					from := move(t, w.p, seg, index)
					w.settled(t)
					if kind == "old files removed" {
						must(t, from.RemoveSegment(seg.id))
					}
				}
				w.settled(t)
				image := takeImage(w.fs, newRand(1), 0)
				var count atomic.Int64
				must(t, verifier{t, w, &count}.withoutCatalogs(crashImage{fs: image.Kill(), seed: 1}))
				for _, wiped := range []bool{false, true} {
					for away := -1; away < s.drives; away++ {
						fsys := image.Kill()
						if wiped {
							wipeCatalogs(fsys, w.dirs)
						}
						if away >= 0 {
							fsys.Detach(w.dirs[away])
						}
						if s.m > 1 && away > 0 {
							fsys.Detach(w.dirs[0])
						}
						p, err := openOn(t.Context(), w.opt, fsys)
						if err != nil {
							t.Fatalf("drive %d away, catalogs gone %v: %v", away+1, wiped, err)
						}
						now := w.h.now()
						_, err = w.h.check(t.Context(), p, span{now, now})
						st, _ := p.Status(t.Context())
						if away < 0 && st.Redundancy.Missing["0"] != st.Redundancy.Stripes {
							t.Errorf("catalogs gone %v: stripes lack columns: %v", wiped, st.Redundancy.Missing)
						}
						abandon(p, fsys)
						if err != nil {
							t.Fatalf("drive %d away, catalogs gone %v: %v", away+1, wiped, err)
						}
					}
				}
			})
		}
	}
}

// TestMovedFilesReadOnly: a pool without a quorum serves what has moved, and
// removes nothing.
func TestMovedFilesReadOnly(t *testing.T) {
	w := busyWorld(t, shape{1, 2, 4})
	for i, seg := range sealedSegments(t, w.p) {
		move(t, w.p, seg, i%seg.width()) // the old ones stay
	}
	w.settled(t)
	w.settled(t)
	image := takeImage(w.fs, newRand(1), 0)
	for _, wiped := range []bool{false, true} {
		for first := range w.dirs {
			fsys := image.Kill()
			if wiped {
				wipeCatalogs(fsys, w.dirs)
			}
			fsys.Detach(w.dirs[first])
			fsys.Detach(w.dirs[(first+1)%4])
			fsys.SetHook(func(op faultfs.Op) faultfs.Fault {
				if op.Kind.Changes() && op.Kind != faultfs.Lock {
					t.Errorf("a read-only pool does %v %s", op.Kind, op.Path)
				}
				return faultfs.Fault{}
			})
			p, err := openOn(t.Context(), w.opt, fsys)
			must(t, err)
			for i := range 3 {
				key := fmt.Sprint("large", i)
				v, _ := w.h.current("bucket/" + key)
				wantBytes(t, p, "bucket", key, v.body)
			}
			must(t, p.reconcile(t.Context(), p.members.now().drives[p.members.now().label.Members[(first+2)%4].ID]))
			if p.readOnly() == nil {
				t.Error("it is not read-only")
			}
			abandon(p, fsys)
		}
	}
}

// TestPartialCopyProvesNoLack: a file that was being moved when the pool went
// down lacks blocks that were written long before. That proves nothing of the
// log's end; what a drive of the segment's own lacks, does (R9).
func TestPartialCopyProvesNoLack(t *testing.T) {
	a, b, c, other := uuid.UUID{1}, uuid.UUID{2}, uuid.UUID{3}, uuid.UUID{9}
	made, moved := []uuid.UUID{a, b, c}, []uuid.UUID{a, other, c}
	file := func(id uuid.UUID, index int, made []uuid.UUID) *foundFile { return &foundFile{id, index, made} }
	for name, tc := range map[string]struct {
		files []*foundFile
		tells []bool
	}{
		"none has moved":                 {[]*foundFile{file(a, 0, made), file(b, 1, made), file(c, 2, made)}, []bool{true, true, true}},
		"one is moving":                  {[]*foundFile{file(a, 0, made), file(other, 1, moved), file(c, 2, made)}, []bool{true, false, true}},
		"one is moving, the old there":   {[]*foundFile{file(b, 1, made), file(other, 1, moved), file(c, 2, made)}, []bool{true, false, true}},
		"one has moved, and another did": {[]*foundFile{file(other, 1, moved), file(uuid.UUID{8}, 0, []uuid.UUID{{8}, other, c}), file(c, 2, made)}, []bool{true, false, true}},
		"the header keeps the first":     {[]*foundFile{file(b, 1, made), file(other, 1, made)}, []bool{true, false}},
		"nobody else tells":              {[]*foundFile{file(b, 1, made), file(other, 1, moved)}, []bool{false, false}},
		"its own page is rotten":         {[]*foundFile{file(b, 1, nil), file(c, 2, made)}, []bool{true, true}},
	} {
		s := &foundSegment{head: drive.FileHeader{K: 2, M: 1, Drives: made}, files: tc.files}
		for i, f := range tc.files {
			if got := s.original(f); got != tc.tells[i] {
				t.Errorf("%s: file %d tells: %v", name, i, got)
			}
			ev := &evidence{drives: map[uuid.UUID]*drive.Drive{f.drive: nil}}
			if ev.drives[f.drive] = new(drive.Drive); ev.tells(s, f.index) != tc.tells[i] {
				t.Errorf("%s: file %d, alone: %v", name, i, !tc.tells[i])
			}
		}
	}
}

// TestRotIsNotVoid: in a bulk segment that a crash left open, a block of what was
// acknowledged is rotten. Its stripe counts, and its file is suspect; a stripe of
// an upload that came to nothing does not.
func TestRotIsNotVoid(t *testing.T) {
	w := openWorld(t, shape{2, 1, 3})
	w.mustPut(t, "large", 400<<10)
	w.settled(t)
	var seg *segment
	for _, s := range w.p.segments.all() {
		if s.kind == drive.Bulk && !s.sealed && s.next > 0 {
			seg = s
		}
	}
	name := pathOn(w.p.members.now().drives[seg.drives[0]], seg.id)
	w.crash(nil, killed)
	must(t, w.fs.Corrupt(name, drive.FirstBlock, 8, func(b []byte) { clear(b) }))
	w.mustOpen(t)
	s := w.p.segments.get(seg.id)
	if s.suspect == 0 || s.end < seg.end {
		t.Errorf("suspect %b, to %d of %d", s.suspect, s.end, seg.end)
	}
	w.mustCheck(t)
	w.settled(t)
	w.crash(nil, killed)
	w.mustOpen(t)
	if again := w.p.segments.get(seg.id); again.suspect != s.suspect {
		t.Errorf("suspect %b, and after another crash %b", s.suspect, again.suspect)
	}
	w.mustCheck(t)
}

// TestJournalBeforeTheTail: the seal of a journal segment was not written before
// the crash, and the journal that is read begins behind it. Its last batch is the
// one before the next segment's first, not a later one: what is void in it makes
// no file suspect.
func TestJournalBeforeTheTail(t *testing.T) {
	w := openWorld(t, shape{2, 1, 3})
	w.mustPut(t, "first", 300)
	old := w.p.journal.seg
	must(t, w.p.SealOpen(t.Context()))
	for i := range 3 {
		w.mustPut(t, fmt.Sprint(i), 300)
		must(t, w.p.SealOpen(t.Context()))
	}
	p := w.p
	ev := &evidence{p: p, drives: p.members.now().drives, before: p.journal.seg.prev, first: p.journal.seg.base}
	last, err := p.followBack(t.Context(), ev, []*segment{newSegment(old.id, drive.Journal, old.k, old.m, old.drives)}, map[drive.SegmentID]bool{old.id: true})
	must(t, err)
	if last[old.id] != old.last || old.last == 0 {
		t.Errorf("its last batch is %d, found %d", old.last, last[old.id])
	}
	// One beside the journal holds nothing that counts.
	beside := newSegment(old.id+1<<20, drive.Journal, 2, 1, old.drives)
	beside.base = old.last + 1
	last, err = p.followBack(t.Context(), ev, []*segment{beside}, nil)
	must(t, err)
	if got := last[beside.id]; p.journal.seg.id > beside.id && got != old.last {
		t.Errorf("beside the journal: %d", got)
	}
}
