package blockstore

import (
	"sync"
	"sync/atomic"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// segment is what the pool knows of one segment, and its open files.
type segment struct {
	id   drive.SegmentID
	kind drive.Kind
	k, m int

	// Journal segments: the first LSN, and the segment before this one.
	base uint64
	prev drive.SegmentID
	last uint64 // last LSN, once sealed

	pins atomic.Int64 // readers and uncommitted writers: not to be dropped
	// Uploads that may write to it: added before a stripe is reserved, so that none
	// begins on a segment that is sealed and has no writers.
	writers atomic.Int64
	used    atomic.Int64 // when a file was last asked for, by openFiles.clock

	mu         sync.Mutex
	drives     []uuid.UUID   // by file index; a remap replaces one
	files      []*drive.File // by file index; nil until used, or while the drive is away
	next       uint32        // number of the next stripe
	end        int64         // file offset of the next stripe
	sealed     bool
	suspect    uint64               // files that may lack blocks they should hold (bit = file index)
	classes    map[class]int64      // stripes by where their columns lie
	bad        map[uint32]badStripe // single columns found bad
	verified   []int64              // when each file was last verified, seconds since 1970; nil: never
	stuck      uint64               // files that could not be made whole in the epoch stuckEpoch
	stuckEpoch uint32
}

// badStripe is a stripe of d data columns that some files hold badly.
type badStripe struct {
	d     int
	files uint64 // bit = file index
	lost  uint32 // the epoch in which it could not be mended; 0: it was not tried
}

// class says which files of a segment hold a stripe's columns.
type class struct {
	rotation int // stripe number mod width
	d        int
}

func newSegment(id drive.SegmentID, kind drive.Kind, k, m int, drives []uuid.UUID) *segment {
	return &segment{
		id: id, kind: kind, k: k, m: m, drives: drives,
		files:   make([]*drive.File, len(drives)),
		end:     drive.FirstBlock,
		classes: make(map[class]int64),
		bad:     make(map[uint32]badStripe),
	}
}

// segmentOf restores a segment from its entry in the catalog.
func segmentOf(e catalog.SegmentEntry) *segment {
	s := newSegment(e.ID, e.Kind, e.K, e.M, e.Drives)
	s.base, s.last = e.Base, e.Last
	s.sealed = e.Sealed
	s.suspect = e.Suspect
	if e.Sealed {
		s.next, s.end = e.Stripes, e.End
		for _, c := range e.Classes {
			s.classes[class{c.Rotation, c.D}] = c.Count
		}
	}
	return s
}

func (s *segment) width() int { return s.k + s.m }

// fileOf is the index of the file that holds a column of a stripe.
func (s *segment) fileOf(column int, stripe uint32) int {
	return drive.FileOf(column, stripe, s.width())
}

// driveOf is the drive that holds a column of a stripe.
func (s *segment) driveOf(column int, stripe uint32) uuid.UUID {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.drives[s.fileOf(column, stripe)]
}

// reserve takes the next stripe of the segment, of d data columns with length
// payload bytes each, or says that it does not fit any more.
func (s *segment) reserve(d, length int, sizeMax int64) (no uint32, off int64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	size := drive.BlockBytes(s.kind, d, s.m, length)
	if s.sealed || s.end+size > sizeMax && s.next > 0 {
		return 0, 0, false
	}
	no, off = s.next, s.end
	s.next++
	s.end += size
	s.classes[class{int(no) % s.width(), d}]++
	return no, off, true
}

// truncate takes back the stripes from no on: a batch that was not
// acknowledged is void where it lies.
func (s *segment) truncate(no uint32, off int64, d int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ; s.next > no; s.next-- {
		s.classes[class{int(s.next-1) % s.width(), d}]--
	}
	s.end = off
}

// seal ends the segment, unless it has ended. Suspect are the files on drives
// that did not take everything.
func (s *segment) seal(suspect uint64) (changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sealed {
		return false
	}
	s.sealed = true
	s.suspect |= suspect
	for _, b := range s.bad {
		s.suspect |= b.files
	}
	return true
}

// endWith notes the last LSN of a journal segment, for its seal.
func (s *segment) endWith(lsn uint64) {
	s.mu.Lock()
	s.last = lsn
	s.mu.Unlock()
}

// lack notes that files may lack blocks they should hold, and ends the segment,
// since it is the seal that keeps this. It says whether anything was new.
func (s *segment) lack(files uint64) (changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed = !s.sealed || files&^s.suspect != 0
	s.stuck &^= files &^ s.suspect // what is new can be made good, perhaps
	s.sealed = true
	s.suspect |= files
	return changed
}

// sealRecord says what a sealed segment holds.
func (s *segment) sealRecord() catalog.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	rec := &catalog.Seal{ID: s.id, End: s.end, Last: s.last, Suspect: s.suspect}
	for rotation := range s.width() {
		for d := 1; d <= s.k; d++ {
			if n := s.classes[class{rotation, d}]; n > 0 {
				rec.Classes = append(rec.Classes, catalog.Class{Rotation: rotation, D: d, Count: n})
				rec.Stripes += uint32(n)
			}
		}
	}
	return rec
}

// opened is the record that announces the segment.
func (s *segment) opened() catalog.Record {
	return &catalog.Segment{ID: s.id, Kind: s.kind, K: s.k, M: s.m, Base: s.base, Drives: s.drives}
}

// filesOn returns the files (as bits) that lie on any of the drives.
func (s *segment) filesOn(is func(uuid.UUID) bool) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var bits uint64
	for i, id := range s.drives {
		if is(id) {
			bits |= 1 << i
		}
	}
	return bits
}

// badMax is how many stripes of a segment are noted one by one.
const badMax = 4096

// markBad notes a column of a stripe of d data columns that was found bad, for
// status and for mending. When too many are, it returns the column's file (as a
// bit), all of which counts as lacking then; while the segment is open it is
// noted for the seal.
func (s *segment) markBad(column int, stripe uint32, d int) (lacking uint64) {
	file := s.fileOf(column, stripe)
	s.mu.Lock()
	defer s.mu.Unlock()
	b, known := s.bad[stripe]
	if !known && len(s.bad) >= badMax {
		if s.sealed {
			return 1 << file
		}
		s.suspect |= 1 << file
		return 0
	}
	s.bad[stripe] = badStripe{d: d, files: b.files | 1<<file, lost: b.lost}
	return 0
}

// closeFiles closes what is open.
func (s *segment) closeFiles() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closeFilesLocked()
}

func (s *segment) closeFilesLocked() (n int64) {
	for i, f := range s.files {
		if f != nil {
			f.Close()
			s.files[i] = nil
			n++
		}
	}
	return n
}

// segmentTable holds every segment that counts.
type segmentTable struct {
	mu   sync.RWMutex
	byID map[drive.SegmentID]*segment
}

func newSegmentTable() *segmentTable {
	return &segmentTable{byID: make(map[drive.SegmentID]*segment)}
}

func (t *segmentTable) add(s *segment) {
	t.mu.Lock()
	t.byID[s.id] = s
	t.mu.Unlock()
}

func (t *segmentTable) get(id drive.SegmentID) *segment {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.byID[id]
}

func (t *segmentTable) all() []*segment {
	t.mu.RLock()
	defer t.mu.RUnlock()
	list := make([]*segment, 0, len(t.byID))
	for _, s := range t.byID {
		list = append(list, s)
	}
	return list
}
