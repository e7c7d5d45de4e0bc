package blockstore

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// stripeAt says where a stripe is.
type stripeAt struct {
	seg    *segment
	no     uint32
	offset int64
	d      int
	length int
}

// bytes of data that the stripe holds, padding included.
func (at stripeAt) bytes() int64 { return int64(at.d) * int64(at.length) }

// stripeRead is a verified range of a stripe's data.
type stripeRead struct {
	spans [][]byte // in order
	bufs  []*buffer

	// Where the two begin, and how many there were.
	span  [drive.MaxData][]byte
	buf   [drive.MaxData]*buffer
	n     int
	reads *sync.Pool // where it goes back to
}

// release gives the buffers back that are left, and the stripeRead itself: whoever
// releases it is the last to know of it.
func (r *stripeRead) release() {
	releaseAll(r.bufs)
	clear(r.span[:r.n])
	clear(r.buf[:r.n])
	r.spans, r.bufs, r.n = nil, nil, 0
	r.reads.Put(r)
}

// column is one column's share of a read, and owns the buffer for it. A read under
// way holds that as well.
type column struct {
	stored   int  // stored index
	asked    bool // for by the caller; the others are read to compute those from
	from, to int  // pieces that are asked for
	lo, hi   int  // pieces that are read: those, and what others are computed from
	buf      *buffer
	head     drive.Header
	err      error // nil: it was read and is good
	// leftOut: read it even from a drive that takes no part, if that is open.
	leftOut bool
}

var (
	errForeignBlock = errors.New("another block lies here")
	errPiece        = errors.New("checksum of the data does not match")

	// Of a column that was not read yet, or whose outcome is yet to come.
	errUnread   = errors.New("it was not read")
	errUnderWay = errors.New("it is being read")
	errLate     = errors.New("the drive takes too long")
)

// lateShare of the pool's patience is how long a column is waited for before
// others are read in its place. It is read on meanwhile, and counts after all if
// there are too few others.
const lateShare = 10

// reading is the read of one stripe.
type reading struct {
	p    *Pool
	ctx  context.Context // once others work on it: ends with the reading
	at   stripeAt
	wide bool      // it began with several columns
	cols []*column // by stored index: those asked for, and in a rescue all

	lo, hi int // pieces that are computed of those that are lost; none before a rescue

	// Lists of buffers that were taken for it, which the columns own.
	bufs, more []*buffer

	// Of a reading that others work on.
	stop    context.CancelFunc
	results chan answer // has room for one of every column
}

// answer is what a read of a column came to.
type answer struct{ of, read *column }

// readStripe reads bytes [from, from+n) of a stripe's data and verifies them.
// Healthy, it reads only the pieces asked for. A column that is missing or
// wrong is computed from any d good ones, over the same pieces (R2), and
// verified by its siblings' tables (R3). Where it is known beforehand that a column
// cannot be had, others are read in its place at once.
//
// The caller releases the result.
func (p *Pool) readStripe(ctx context.Context, at stripeAt, from, n int64) (*stripeRead, error) {
	first, last := int(from/int64(at.length)), int((from+n-1)/int64(at.length))
	r := p.newReading(ctx, at, last-first+1)
	bufs, err := p.readBuffers(ctx, r.bufs[:0], last-first+1)
	if err != nil {
		r.end()
		return nil, err
	}
	r.bufs = bufs
	for i, buf := range bufs {
		in := int64(first+i) * int64(at.length)
		lo, hi := max(from, in)-in, min(from+n-in, int64(at.length))
		c := r.add()
		c.stored, c.asked, c.buf, c.err = first+i, true, buf, errUnread
		c.from, c.to = int(lo)/drive.PieceBytes, int(hi-1)/drive.PieceBytes+1
		c.lo, c.hi = c.from, c.to
	}
	if !r.lacks() {
		r.readAll()
	}
	if !r.agree() {
		err = r.rescue()
	}
	if err != nil {
		r.end()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, err
	}
	rd, _ := p.stripeReads.Get().(*stripeRead)
	if rd == nil {
		rd = &stripeRead{reads: &p.stripeReads}
	}
	rd.spans, rd.bufs = rd.span[:0], rd.buf[:0]
	for _, c := range r.cols {
		if !c.asked {
			continue
		}
		in := int64(c.stored) * int64(at.length)
		lo, hi := max(from, in)-in, min(from+n-in, int64(at.length))
		rd.spans, rd.bufs = append(rd.spans, c.buf.payload()[lo:hi]), append(rd.bufs, c.buf)
		c.buf = nil // the caller's now
	}
	rd.n = len(rd.spans)
	r.end()
	return rd, nil
}

// newReading begins the reading of so many columns, in the memory of an earlier one that was served by the page cache
// alone. That of several columns, whose tables of checksums are large, is kept over collections.
func (p *Pool) newReading(ctx context.Context, at stripeAt, columns int) *reading {
	var r *reading
	if columns > 1 {
		r = p.wideReadings.get()
	} else {
		r, _ = p.readings.Get().(*reading)
	}
	if r == nil {
		r = &reading{wide: columns > 1}
	}
	r.p, r.ctx, r.at = p, ctx, at
	return r
}

// add adds a column, in the memory of one of an earlier reading if there is some.
func (r *reading) add() *column {
	n := len(r.cols)
	if n == cap(r.cols) {
		r.cols = append(r.cols, nil)
	}
	r.cols = r.cols[:n+1]
	c := r.cols[n]
	if c == nil {
		c = &column{}
		r.cols[n] = c
	}
	sums := c.head.Sums
	*c = column{}
	c.head.Sums = sums
	return c
}

// share prepares for others to work on the reading.
func (r *reading) share() {
	if r.stop == nil {
		r.results = make(chan answer, r.at.d+r.at.seg.m)
		r.ctx, r.stop = context.WithCancel(r.ctx)
	}
}

// end gives back what the columns own. Reads that are still under way are told to
// stop, and give back what they hold when they have.
func (r *reading) end() {
	for _, c := range r.cols {
		if c.buf != nil {
			c.buf.Release()
		}
	}
	if r.stop != nil {
		r.stop()
		return
	}
	p := r.p // nobody else knows of the reading: another may have its memory
	r.p, r.ctx, r.at, r.cols, r.lo, r.hi = nil, nil, stripeAt{}, r.cols[:0], 0, 0
	clear(r.bufs)
	clear(r.more)
	if r.wide {
		p.wideReadings.put(r)
	} else {
		p.readings.Put(r)
	}
}

// agree says whether all columns are good. They count together only if their
// tables are the same (R1).
func (r *reading) agree() bool {
	agree := true
	for _, c := range r.cols {
		agree = agree && c.err == nil && c.head.SameStripe(&r.cols[0].head)
	}
	return agree
}

// readBuffers gets the buffers for a read, behind what the list has. A single column need not wait behind
// whole stripes.
func (p *Pool) readBuffers(ctx context.Context, list []*buffer, n int) ([]*buffer, error) {
	if n > 1 {
		return p.mem.reads.appendAll(ctx, list, n)
	}
	if buf := p.mem.reads.tryGet(); buf != nil {
		return append(list, buf), nil
	}
	return p.mem.sips.appendAll(ctx, list, 1)
}

// lacks marks the columns whose drives take no part, and says whether there are any.
func (r *reading) lacks() (any bool) {
	v := r.p.members.now()
	if v.complete() {
		return false
	}
	for _, c := range r.cols {
		if id := r.at.seg.driveOf(drive.ColumnOf(c.stored, r.at.d, r.at.seg.k), r.at.no); v.drives[id] == nil || v.why[id] != nil {
			c.err, any = errAway, true
		}
	}
	return any
}

// readAll reads and verifies the columns that were not read yet in parallel; each
// gets its error. A drive that hangs is left behind (R13): its column gets errLate.
func (r *reading) readAll() {
	for _, c := range r.cols {
		if c.err == errUnread {
			r.begin(c)
		}
	}
	r.await()
}

// begin begins to read a column. What is in the page cache is read at once, and a
// drive that takes no part is not asked.
func (r *reading) begin(c *column) {
	if r.p.readCached(r.at, c) {
		c.err = nil
		return
	}
	index := r.at.seg.fileOf(drive.ColumnOf(c.stored, r.at.d, r.at.seg.k), r.at.no)
	if _, _, err := r.p.driveFor(r.at.seg, index, c.leftOut); err != nil {
		c.err = errAway // which drive, and why, damage says
		return
	}
	r.share()
	c.err = errUnderWay
	mine := *c
	mine.head, mine.err = drive.Header{}, nil
	mine.buf.Hold()
	r.p.wg.Go(func() {
		r.p.readColumn(r.ctx, r.at, &mine)
		mine.buf.Release()
		r.results <- answer{c, &mine}
	})
}

// await takes the answers to what was begun, until every one is there or late, or
// until one comes that was late before.
func (r *reading) await() {
	if r.count(errUnderWay) == 0 {
		return
	}
	late := time.NewTimer(r.p.patience / lateShare)
	defer late.Stop()
	for r.count(errUnderWay) > 0 {
		select {
		case a := <-r.results:
			if r.take(a) {
				return
			}
		case <-late.C:
			for len(r.results) > 0 {
				r.take(<-r.results)
			}
			for _, c := range r.cols {
				if c.err == errUnderWay {
					c.err = errLate
				}
			}
		case <-r.ctx.Done():
			return
		}
	}
}

// take notes an answer, and says whether it was late.
func (r *reading) take(a answer) (late bool) {
	c := a.of
	late = c.err == errLate
	c.head, c.err = a.read.head, a.read.err
	if c.err == nil && (a.read.lo > c.lo || a.read.hi < c.hi) {
		c.err = errUnread // more of it is wanted now
	}
	return late
}

// count is the number of columns in a state.
func (r *reading) count(state error) (n int) {
	for _, c := range r.cols {
		if c.err == state {
			n++
		}
	}
	return n
}

// readHung leaves a drive out on which a read hangs, as long as that leaves
// enough to read from.
func (p *Pool) readHung(id uuid.UUID) {
	leave, err := p.enter()
	if err != nil {
		return
	}
	defer leave()
	v := p.members.now()
	if !v.isLive(id) || v.readOnly != nil || v.away() >= p.parity {
		return
	}
	if err := p.exclude(p.ctx, map[uuid.UUID]error{id: errHung}); err != nil {
		p.log.Error("a drive hangs and could not be left out", "drive", id, "error", err)
	}
}

// readColumn reads pieces [lo, hi) of a column into its buffer's payload, at their
// place, for as long as the pool has patience, and verifies them: who the block
// is, and every piece.
func (p *Pool) readColumn(ctx context.Context, at stripeAt, c *column) {
	col := drive.ColumnOf(c.stored, at.d, at.seg.k)
	index := at.seg.fileOf(col, at.no)
	patient, cancel := withPatience(ctx, p.patience+p.patience/lateShare) // longer than watchStuck's
	defer cancel()
	f, err := p.file(patient, at.seg, index, c.leftOut)
	if err != nil {
		c.err = err
		return
	}
	start := drive.PayloadStart(at.seg.kind, at.d, at.seg.m, at.length)
	base := p.mem.payloadAt - start // the block's start in the buffer
	from, to := c.lo*drive.PieceBytes, min(c.hi*drive.PieceBytes, at.length)
	read := func(lo, hi int) error { // of the block
		err := f.ReadAt(patient, c.buf.b[base+lo:base+hi], at.offset+int64(lo), c.buf)
		if errors.Is(err, drive.ErrClosed) { // to have fewer files open
			if f, err = p.file(patient, at.seg, index, c.leftOut); err == nil {
				err = f.ReadAt(patient, c.buf.b[base+lo:base+hi], at.offset+int64(lo), c.buf)
			}
		}
		return err
	}
	if from <= readGap {
		c.err = read(0, start+to)
	} else if c.err = read(0, start); c.err == nil {
		c.err = read(start+from, start+to)
	}
	if c.err != nil {
		if patient.Err() == nil {
			p.blame(at, col, c.err)
		} else if ctx.Err() == nil {
			c.err = errHung
		}
		return
	}
	if c.err = c.verify(p, at, col, c.buf.b[base:base+start]); c.err != nil {
		p.blame(at, col, c.err)
	}
}

// readCached is readColumn of what is in the page cache, on the caller's goroutine:
// to hand it to another one costs more than to read it. It says no if something is
// not there or not right. Then that is read, and judged, as always.
func (p *Pool) readCached(at stripeAt, c *column) bool {
	col := drive.ColumnOf(c.stored, at.d, at.seg.k)
	index := at.seg.fileOf(col, at.no)
	v := p.members.now()
	at.seg.mu.Lock()
	id, f := at.seg.drives[index], at.seg.files[index]
	at.seg.mu.Unlock()
	if f == nil || v.drives[id] == nil || v.why[id] != nil {
		return false
	}
	start := drive.PayloadStart(at.seg.kind, at.d, at.seg.m, at.length)
	base := p.mem.payloadAt - start
	from, to := c.lo*drive.PieceBytes, min(c.hi*drive.PieceBytes, at.length)
	read := func(lo, hi int) bool { return f.ReadCached(c.buf.b[base+lo:base+hi], at.offset+int64(lo)) }
	ok := false
	if from <= cachedGap {
		ok = read(0, start+to)
	} else {
		ok = read(0, start) && read(start+from, start+to)
	}
	if !ok || c.verify(p, at, col, c.buf.b[base:base+start]) != nil {
		return false
	}
	p.files.used(at.seg)
	return true
}

// How many bytes are read and thrown away rather than read twice, from a drive and
// from the page cache.
const (
	readGap   = 32 << 10
	cachedGap = 8 << 10
)

// verify checks a block that was read: header, identity, pieces.
func (c *column) verify(p *Pool, at stripeAt, col int, header []byte) error {
	h := &c.head
	if err := drive.DecodeHeader(header, h); err != nil {
		return err
	}
	if h.Pool != p.id || h.Segment != at.seg.id || h.Stripe != at.no || h.Offset != at.offset || h.Column != col ||
		h.Kind != at.seg.kind || h.D != at.d || h.K != at.seg.k || h.M != at.seg.m || h.Length != at.length {
		return errForeignBlock
	}
	if !h.CheckPieces(c.stored, c.lo, c.hi, c.pieces(at.length)) {
		return errPiece
	}
	return nil
}

// pieces are the bytes of the pieces of a column of that length that are read.
func (c *column) pieces(length int) []byte { return c.buf.pieces(c.lo, c.hi, length) }

// pieces are the bytes of pieces [lo, hi) of the column of that length that it holds.
func (b *buffer) pieces(lo, hi, length int) []byte {
	if lo == hi {
		return nil
	}
	return b.payload()[lo*drive.PieceBytes : min(hi*drive.PieceBytes, length)]
}

// blame accounts for a column that could not be read or was wrong.
func (p *Pool) blame(at stripeAt, col int, err error) {
	if errors.Is(err, errAway) || errors.Is(err, drive.ErrClosed) || drive.IsStarved(err) {
		return // known, and shown as the drive's state; or none of its doing
	}
	if !p.serving.Load() {
		return // recovery reads what a crash cut short, and judges it by itself
	}
	if files := at.seg.markBad(col, at.no, at.d); files != 0 {
		p.lacking(at.seg, files)
	}
	id := at.seg.driveOf(col, at.no)
	if isContentError(err) {
		if d := p.members.now().drives[id]; d != nil {
			d.CountChecksum()
		}
	}
	p.noteColumn(at, col, id, err)
	if ok, leftOut := p.badLines.of(id).pass(time.Now()); ok {
		p.log.Warn("a column is not good", "drive", id, "segment", at.seg.id, "stripe", at.no, "column", col, "error", err, "lines_left_out", leftOut)
	}
}
