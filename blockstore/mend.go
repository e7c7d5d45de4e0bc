package blockstore

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// Mending reads a sealed segment once, from end to end, all its files side by
// side, and leaves it as it should be. Scrub, rebuild and evacuation are the
// same walk: they differ in which files get another drive.
//
// Invariant (R2, R3, R4): a block is written only where the one that should be
// there is not good, with bytes that were verified against the tables of d good
// siblings and agree with parity. What was written is synced, read back past
// the page cache and compared before it counts (R16).
//
// Crash argument: a file that moves is made under its own name on the other
// drive; until the journal says that it moved (Remap), the segment table names
// the old drive and the new file is evidence at most, for every block in it
// says itself what it is. The old file is removed after that record is durable.
// A walk that was cut short is begun again, and keeps what the new file has.

// MendOptions say how a segment is mended.
type MendOptions struct {
	// Move gives the files of drives that are away for good, or that are being
	// emptied, to other drives. Without it they are passed over.
	Move bool
	// ReadOnly verifies and writes nothing.
	ReadOnly bool
	// Records holds the journal's records against the catalog, too: a look-up for
	// each, which scrub does and rebuild does not.
	Records bool
	// Names adds to findings the objects that they are about: a pass over the
	// catalog, if there are findings.
	Names bool
	// Pace is called before so many bytes are read or written; nil: no waiting.
	Pace func(ctx context.Context, bytes int) error
	// Progress is told what was read and written since the last call; may be nil.
	Progress func(read, written int64)
}

// MendReport is what mending a segment came to.
type MendReport struct {
	ReadBytes, WrittenBytes int64
	Stripes                 int64
	MendedBlocks            int64 // written in place
	MovedFiles              int   // given to another drive
	Unread                  int   // files that could not be verified: their drives are away
	Findings                []Finding
	// Doubtful are stripes that cannot be read from what is here: damage if
	// something live lies in them, else what a failed upload left (CrossCheck tells).
	Doubtful []StripeRange
}

// ErrSegmentBusy: uploads still write to the segment, or it is being mended
// already. It is worth trying again.
var ErrSegmentBusy = errors.New("the segment is in use at present")

// ErrUnmended: not all of a segment could be made good. What could be was.
var ErrUnmended = errors.New("could not be made good")

// mending is the set of segments that are being mended, and of those of which single
// files are looked at meanwhile (reconcile). Looks keep each other from nothing.
type mending struct {
	mu    sync.Mutex
	busy  map[drive.SegmentID]bool
	looks map[drive.SegmentID]int
}

func (m *mending) begin(id drive.SegmentID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.busy[id] || m.looks[id] > 0 {
		return false
	}
	if m.busy == nil {
		m.busy = make(map[drive.SegmentID]bool)
	}
	m.busy[id] = true
	return true
}

func (m *mending) end(id drive.SegmentID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.busy, id)
}

// look begins a look at a file of a segment, unless that is being mended.
func (m *mending) look(id drive.SegmentID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.busy[id] {
		return false
	}
	if m.looks == nil {
		m.looks = make(map[drive.SegmentID]int)
	}
	m.looks[id]++
	return true
}

func (m *mending) looked(id drive.SegmentID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.looks[id]--; m.looks[id] == 0 {
		delete(m.looks, id)
	}
}

// Mend reads every column of a sealed segment from the drives, verifies it, and
// makes good what is not.
//
// Errors: ErrSegmentBusy, ErrReadOnly, ErrNoSpace (a target is full), those of
// the drives; what was mended before stays mended.
func (p *Pool) Mend(ctx context.Context, id drive.SegmentID, o MendOptions) (MendReport, error) {
	leave, err := p.enter()
	if err != nil {
		return MendReport{}, err
	}
	defer leave()
	seg := p.segments.get(id)
	if seg == nil {
		return MendReport{}, fmt.Errorf("segment %v: no such segment", id)
	}
	if why := p.readOnly(); why != nil && !o.ReadOnly {
		return MendReport{}, why
	}
	if !p.mending.begin(id) {
		return MendReport{}, fmt.Errorf("segment %v: %w: it is being mended", id, ErrSegmentBusy)
	}
	defer p.mending.end(id)
	if !seg.settled() {
		return MendReport{}, fmt.Errorf("segment %v: %w: it is open, or an upload to it is under way", id, ErrSegmentBusy)
	}
	seg.pins.Add(1)
	defer seg.pins.Add(-1)
	m := &mender{p: p, seg: seg, o: o, labour: labour{work: p.background(p.workKind(seg, o))}}
	defer m.work.End()
	defer m.close()
	err = m.run(ctx)
	m.tell()
	if o.ReadOnly && err == nil {
		err = m.forgetVoid(ctx)
	}
	if o.Names && len(m.report.Findings) > 0 {
		err = errors.Join(err, p.nameFindings(ctx, m.report.Findings))
	}
	if r := &m.report; r.MovedFiles > 0 || r.MendedBlocks > 0 {
		p.log.Info("segment mended", "segment", id, "files moved", r.MovedFiles, "blocks mended", r.MendedBlocks, "bytes written", r.WrittenBytes)
	}
	p.noteMended(id, &m.report)
	return m.report, err
}

// settled says whether nothing is written to the segment any more.
func (s *segment) settled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sealed && s.writers.Load() == 0
}

// mender is one walk over a segment.
type mender struct {
	p       *Pool
	seg     *segment
	o       MendOptions
	drives  []uuid.UUID // by file index, as the table said when the walk began
	made    []uuid.UUID // the same when the segment was made, as its files say; nil if none does
	end     int64
	epoch   uint32               // when the walk began: what came back later was not read
	thin    map[uint32]badStripe // stripes that cannot be read, and the files that lack their block
	stuck   uint64               // files that cannot be whole: they lack a block of something live that is lost
	marked  uint64               // files of which single columns had been found bad when it began
	lacks   uint64               // files of which too much is bad to note each stripe
	suspect uint64               // files known to lack blocks when it began
	lanes   []*lane
	room    *mendRoom
	stripe  stripeWork
	report  MendReport
	failed  map[int]error // files that could not be made

	labour // begun with every stripe
}

func (m *mender) run(ctx context.Context) error {
	m.seg.mu.Lock()
	m.drives = append(m.drives, m.seg.drives...)
	m.end, m.suspect = m.seg.end, m.seg.suspect
	for _, b := range m.seg.bad {
		m.marked |= b.files
	}
	m.seg.mu.Unlock()
	m.failed = make(map[int]error)
	m.takeRoom()
	if err := m.openLanes(ctx); err != nil {
		return err
	}
	if err := m.walk(ctx); err != nil {
		return err
	}
	if err := m.settleDoubt(ctx); err != nil || m.o.ReadOnly {
		return err
	}
	return m.finish(ctx)
}

// mendTell is after how many bytes of each file progress is told: beside clients that leave
// it a few MB/s, several times a second too.
const mendTell = 512 << 10

// walk goes from stripe to stripe. Where no file has a valid header it looks in
// the next page: a bad block ends nothing.
func (m *mender) walk(ctx context.Context) error {
	defer m.checked(0)
	next, told := uint32(0), int64(0) // the number that the next stripe should have; the offset told of last
	last := int64(drive.FirstBlock)   // where the last stripe that was found ends
	for off := int64(drive.FirstBlock); off < m.end; {
		if err := ctx.Err(); err != nil {
			return err
		}
		m.begun()
		size, no, err := m.examine(ctx, off)
		if err == nil {
			err = m.computed(ctx)
		}
		if err != nil {
			return err
		}
		if size == 0 {
			off += drive.PageBytes
			continue
		}
		if no > next {
			m.doubt(next, no)
		}
		next, off = no+1, off+size
		last = off
		m.report.Stripes++
		if off >= told+mendTell {
			told = off
			m.tell()
		}
	}
	// How many stripes should be there tells nothing: void ones are found here too,
	// and not counted. But the segment ends where the last one that counts does.
	if last < m.end {
		m.doubt(next, next+uint32((m.end-last)/drive.PageBytes)) // at most
	}
	m.tell()
	return nil
}

// doubt notes stripes [from, to) that were not found, or cannot be read.
func (m *mender) doubt(from, to uint32) {
	d := m.report.Doubtful
	if n := len(d); n > 0 && d[n-1].To == from {
		d[n-1].To = to
		return
	}
	m.report.Doubtful = append(d, StripeRange{From: from, To: to})
}

// find adds to what is reported, up to a bound.
func (m *mender) find(f Finding) {
	const most = 1000 // of one segment
	if len(m.report.Findings) < most {
		m.report.Findings = append(m.report.Findings, f)
	}
}

func (m *mender) pace(ctx context.Context, bytes int) error {
	if m.o.Pace == nil {
		return ctx.Err()
	}
	return m.o.Pace(ctx, bytes)
}

// tell says what was done since it was said last.
func (m *mender) tell() {
	var read, written int64
	for _, l := range m.lanes {
		read += l.readBytes
		l.readBytes = 0
		if l.out != nil {
			written += l.out.takeBytes()
		}
	}
	m.report.ReadBytes += read
	m.report.WrittenBytes += written
	if m.o.Progress != nil && read+written > 0 {
		m.o.Progress(read, written)
	}
}

func (m *mender) close() {
	for _, l := range m.lanes {
		l.close()
		if l.moves {
			m.p.unpin(l.to)
		}
	}
	if m.room != nil {
		m.room.Release()
	}
}
