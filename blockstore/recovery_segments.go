package blockstore

import (
	"context"
	"math/bits"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// Recovery fills the segment table twice: with the journal's tail as it was
// found, so that the catalog can be brought up from it, and then with what the
// catalog says. Where a file is, the catalog knows; until it is asked, the pool
// reads the files that hold most.

// adopt takes the journal segments of the log into the table, so that they can
// be read, sealed at where they end. Batches past last lie elsewhere from now
// on, or are void.
func (p *Pool) adopt(end *logEnd, ev *evidence, last uint64) {
	if len(end.chain) > 0 {
		ev.first, ev.before = end.chain[0].base, end.chain[0].prev
	}
	for i, fs := range end.chain {
		s := newSegment(fs.head.Segment, drive.Journal, fs.head.K, fs.head.M, fs.homes())
		s.base, s.prev, s.last = fs.base, fs.prev, last
		if i+1 < len(end.chain) {
			s.last = min(last, end.chain[i+1].base-1)
		}
		s.measure(fs, ev)
		p.distrustShort(s, fs, ev)
		p.segments.add(s)
		for _, list := range fs.stripes {
			for _, st := range list {
				st.at.seg = s
			}
		}
	}
}

// measure seals a segment by what was found of it: of a journal segment, the
// batches up to its last LSN; of a bulk segment, the stripes that were finished.
// What counts is what lies in the files that the segment's list of drives names.
//
// Before an object that names a stripe with a column missing is committed, the
// segment is sealed with that file as suspect (see upload.judge). So in a
// segment that was still open, where a drive that took part to the end lacks a
// block, the stripe belongs to an upload that came to nothing, and is void. Only
// rot could say otherwise: those that can be read all the same are returned, and
// the catalog tells (loadOpen). Files on other drives are suspect: what they hold was not
// followed to the end.
func (s *segment) measure(fs *foundSegment, ev *evidence) (doubtful []*foundStripe) {
	s.sealed, s.suspect, s.next, s.end = true, 0, 0, drive.FirstBlock
	clear(s.classes)
	for i, id := range s.drives {
		if s.kind == drive.Bulk && !ev.tookPart(id) {
			s.suspect |= 1 << i
		}
	}
	file := s.placesIn(fs)
	for no := range fs.next {
		st := fs.stripe(no)
		if st == nil || s.kind == drive.Journal && st.batch.LSN > s.last {
			continue
		}
		lacking := s.lacking(st, file)
		void := false
		for i, id := range s.drives {
			void = void || lacking&(1<<i) != 0 && s.kind == drive.Bulk && ev.tookPart(id) && !fs.mute[id]
		}
		if !void {
			s.account(st, lacking)
		} else if st.readable() {
			doubtful = append(doubtful, st)
		}
	}
	return doubtful
}

// stripe is the stripe of that number, one that can be read if there is one.
func (s *foundSegment) stripe(no uint32) (st *foundStripe) {
	for _, o := range s.stripes[no] {
		if st == nil || !st.readable() && o.readable() {
			st = o
		}
	}
	return st
}

// placesIn gives for each index the place of its file, on the drive that the
// segment's list names, in the list of those that were found; -1: not found.
func (s *segment) placesIn(fs *foundSegment) []int {
	places := make([]int, len(s.drives))
	for i, id := range s.drives {
		places[i] = fs.fileOn(id, i)
	}
	return places
}

// lacking are the files that should hold a column of a stripe and do not, as
// bits; file gives the place of each in the list of those that were found.
func (s *segment) lacking(st *foundStripe, file []int) (lacking uint64) {
	for i := range st.at.d + s.m {
		if f := s.fileOf(drive.ColumnOf(i, st.at.d, s.k), st.at.no); !st.in.has(file[f]) {
			lacking |= 1 << f
		}
	}
	return lacking
}

// account takes a stripe into the segment's account.
func (s *segment) account(st *foundStripe, lacking uint64) {
	s.suspect |= lacking
	s.next = max(s.next, st.at.no+1)
	s.end = max(s.end, st.at.offset+drive.BlockBytes(s.kind, st.at.d, s.m, st.at.length))
	s.classes[class{int(st.at.no) % s.width(), st.at.d}]++
}

// loadSegments fills the table from the catalog, seals what a crash left open,
// and has the journal say so.
func (p *Pool) loadSegments(ctx context.Context, ev *evidence) error {
	inCatalog := make(map[drive.SegmentID]bool)
	var open []*segment
	for e, err := range p.catalog.Segments(ctx) {
		if err != nil {
			return unavailable(err)
		}
		inCatalog[e.ID] = true
		if s := p.segments.get(e.ID); s != nil { // of the log's tail
			s.settleTail(e, ev.read[e.ID], ev, &p.files)
			if !e.Sealed {
				p.announce(s.sealRecord())
			}
			continue
		}
		s := segmentOf(e)
		if !s.sealed {
			open = append(open, s)
			continue
		}
		p.segments.add(s)
	}
	before, err := p.followBack(ctx, ev, open, inCatalog)
	if err != nil {
		return err
	}
	if err := p.loadOpen(ctx, ev, open, before); err != nil {
		return err
	}
	if err := p.loadUnannounced(ctx, ev, inCatalog, before); err != nil {
		return err
	}
	for _, s := range p.segments.all() {
		if !inCatalog[s.id] && !p.observer && s != p.journal.seg {
			p.announce(s.opened())
			if s.sealed {
				p.announce(s.sealRecord())
			}
		}
	}
	return nil
}

// settleTail gives a segment of the log's tail the drives that its files are on
// by the catalog, and if it was sealed before, the account that was made then.
// What its files lack was found by reading all of them that are here.
func (s *segment) settleTail(e catalog.SegmentEntry, fs *foundSegment, ev *evidence, opened *openFiles) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, id := range e.Drives {
		if s.drives[i] == id {
			continue
		}
		if f := s.files[i]; f != nil {
			f.Close()
			s.files[i] = nil
			opened.n.Add(-1)
		}
		for no, b := range s.bad { // what was found bad, was so elsewhere
			if b.files &^= 1 << i; b.files == 0 {
				delete(s.bad, no)
			} else {
				s.bad[no] = b
			}
		}
	}
	s.drives = e.Drives
	if fs != nil {
		s.measure(fs, ev)
	}
	if !e.Sealed {
		return
	}
	var here uint64
	for i, id := range s.drives {
		if ev.drives[id] != nil {
			here |= 1 << i
		}
	}
	if fs == nil || s.next < e.Stripes { // not all of it was read
		here = 0
	}
	known := segmentOf(e)
	s.last, s.next, s.end, s.classes = known.last, known.next, known.end, known.classes
	s.suspect = s.suspect&here | e.Suspect&^here
}

// doubtfulStripes are stripes of a segment that was open that can be read, though a
// drive that took part lacks a block of them: void, unless something live is in them.
type doubtfulStripes struct {
	s       *segment
	fs      *foundSegment
	stripes map[uint32]*foundStripe
}

// loadOpen seals the segments that a crash left open and that are not of the
// log's tail. before has what is known of the journal before the tail.
func (p *Pool) loadOpen(ctx context.Context, ev *evidence, open []*segment, before map[drive.SegmentID]uint64) error {
	doubts := make(map[drive.SegmentID]doubtfulStripes)
	for _, s := range open {
		if s.kind == drive.Journal {
			s.last = before[s.id]
		}
		head := drive.FileHeader{Kind: s.kind, K: s.k, M: s.m, Pool: p.id, Segment: s.id, Drives: s.drives}
		d := doubtfulStripes{s, p.scanSegment(ctx, head, ev.drives, false), make(map[uint32]*foundStripe)}
		for _, st := range s.measure(d.fs, ev) {
			d.stripes[st.at.no] = st
		}
		if len(d.stripes) == 0 {
			continue
		}
		live, err := p.catalog.Live(ctx, s.id)
		if err != nil {
			return unavailable(err)
		}
		if live > 0 {
			doubts[s.id] = d
		}
	}
	if err := p.settleVoid(ctx, doubts); err != nil {
		return err
	}
	for _, s := range open {
		p.announce(s.sealRecord())
		p.segments.add(s)
	}
	return nil
}

// settleVoid takes those stripes into account that something live lies in. That
// takes a look at every object, so it is done only when there is a doubt.
func (p *Pool) settleVoid(ctx context.Context, doubts map[drive.SegmentID]doubtfulStripes) error {
	if len(doubts) == 0 {
		return nil
	}
	for o, err := range p.catalog.Owners(ctx) {
		if err != nil {
			return unavailable(err)
		}
		for _, e := range o.Extents {
			if d, ok := doubts[e.Segment]; ok {
				d.settle(p, e)
			}
		}
	}
	return nil
}

// settle counts the stripes that a live extent lies in.
func (d doubtfulStripes) settle(p *Pool, e catalog.Extent) {
	from, to := runOf(e)
	for no := from; no < to; no++ {
		st := d.stripes[no]
		if st == nil || st.at.d != e.D || st.at.length != e.Column {
			continue
		}
		delete(d.stripes, no)
		lacking := d.s.lacking(st, d.s.placesIn(d.fs))
		d.s.account(st, lacking)
		p.log.Warn("a stripe that objects lie in lacks columns", "segment", e.Segment, "stripe", no, "columns", bits.OnesCount64(lacking))
	}
}

// runOf gives the stripes that an extent lies in, from the first up to another.
func runOf(e catalog.Extent) (from, to uint32) {
	per := int64(e.D) * int64(e.Column)
	return e.Stripe + uint32(e.Start/per), e.Stripe + uint32((e.Start+e.Length+per-1)/per)
}

// loadUnannounced takes in the segments that count although no record says that
// they were opened: the batch that was to say so came to be the first of its
// segment only by another drive's failure, or as a copy, and the pool crashed
// before the next one. Live records name them, or the journal follows them.
func (p *Pool) loadUnannounced(ctx context.Context, ev *evidence, announced map[drive.SegmentID]bool, before map[drive.SegmentID]uint64) error {
	for _, id := range ev.ids {
		if announced[id] || p.segments.get(id) != nil {
			continue
		}
		live, err := p.catalog.Live(ctx, id)
		if err != nil {
			return unavailable(err)
		}
		last, followed := before[id]
		if live == 0 && !followed {
			continue // garbage
		}
		head, err := ev.header(ctx, id)
		if err != nil {
			return unavailable(err)
		}
		fs := p.scanSegment(ctx, head, ev.drives, false)
		s := newSegment(id, head.Kind, head.K, head.M, fs.homes())
		if s.kind == drive.Journal {
			if s.base, s.prev, s.last = fs.base, fs.prev, last; !followed {
				s.last = ev.first - 1
			}
		}
		s.measure(fs, ev)
		p.segments.add(s)
	}
	return nil
}
