package blockstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
}

func (r *stripeRead) release() { releaseAll(r.bufs) }

// column is one column's share of a read.
type column struct {
	stored int // stored index
	lo, hi int // pieces
	buf    *buffer
	head   drive.Header
	err    error
	// leftOut: read it even from a drive that takes no part, if that is open.
	leftOut bool
	// late is where the outcome of a read will come that took too long. Until
	// then buf belongs to the read.
	late chan column
}

var (
	errForeignBlock = errors.New("another block lies here")
	errPiece        = errors.New("checksum of the data does not match")
	errLate         = errors.New("the drive takes too long")
)

// lateShare of the pool's patience is how long a column is waited for before
// others are read in its place. It is read on meanwhile, and counts after all if
// there are too few others.
const lateShare = 10

// readStripe reads bytes [from, from+n) of a stripe's data and verifies them.
// Healthy, it reads only the pieces asked for. A column that is missing or
// wrong is computed from any d good ones, over the same pieces (R2), and
// verified by its siblings' tables (R3).
//
// The caller releases the result.
func (p *Pool) readStripe(ctx context.Context, at stripeAt, from, n int64) (*stripeRead, error) {
	first, last := int(from/int64(at.length)), int((from+n-1)/int64(at.length))
	rd := &stripeRead{}
	wanted := make([]*column, 0, last-first+1)
	for c := first; c <= last; c++ {
		lo, hi := max(from, int64(c)*int64(at.length)), min(from+n, int64(c+1)*int64(at.length))
		in := int64(c) * int64(at.length)
		wanted = append(wanted, &column{
			stored: c,
			lo:     int(lo-in) / drive.PieceBytes,
			hi:     int(hi-in-1)/drive.PieceBytes + 1,
		})
	}
	bufs, err := p.readBuffers(ctx, len(wanted))
	if err != nil {
		return nil, err
	}
	rd.bufs = bufs
	for i, c := range wanted {
		c.buf = bufs[i]
	}
	p.readColumns(ctx, at, wanted)
	var failed []*column
	for _, c := range wanted {
		if c.err != nil {
			failed = append(failed, c)
		}
	}
	// Columns count together only if their tables are the same (R1).
	agree := len(failed) == 0
	for _, c := range wanted[1:] {
		agree = agree && c.head.SameStripe(&wanted[0].head)
	}
	if !agree {
		if err := p.rescue(ctx, at, wanted); err != nil {
			rd.release()
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, err
		}
		for i, c := range wanted { // a read that hangs keeps its buffer
			if rd.bufs[i] != c.buf {
				rd.bufs[i].Release()
				rd.bufs[i] = c.buf
			}
		}
	}
	for i, c := range wanted {
		in := int64(first+i) * int64(at.length)
		lo, hi := max(from, in)-in, min(from+n-in, int64(at.length))
		rd.spans = append(rd.spans, c.buf.payload()[lo:hi])
	}
	return rd, nil
}

// readBuffers gets the buffers for a read. A single column need not wait behind
// whole stripes.
func (p *Pool) readBuffers(ctx context.Context, n int) ([]*buffer, error) {
	if n > 1 {
		return p.mem.reads.getAll(ctx, n)
	}
	if buf := p.mem.reads.tryGet(); buf != nil {
		return []*buffer{buf}, nil
	}
	return p.mem.sips.getAll(ctx, 1)
}

// readColumns reads and verifies columns in parallel; each gets its error. A
// drive that hangs is left behind (R13): its column gets errLate.
func (p *Pool) readColumns(ctx context.Context, at stripeAt, cols []*column) {
	late := time.NewTimer(p.patience / lateShare)
	defer late.Stop()
	for _, c := range cols {
		mine, result := *c, make(chan column, 1)
		mine.late, c.late = nil, result
		mine.head.Sums = nil
		mine.buf.Hold()
		p.wg.Go(func() { p.readColumn(ctx, at, mine, result) })
	}
	isLate := false
	for _, c := range cols {
		if !isLate {
			select {
			case *c = <-c.late:
				continue
			case <-late.C:
				isLate = true
			case <-ctx.Done():
				isLate = true
			}
		}
		select {
		case *c = <-c.late:
		default:
			c.err = errLate
		}
	}
}

// awaitLate waits for one of the columns that were late. It says no if none
// comes.
func (p *Pool) awaitLate(ctx context.Context, cols []*column) bool {
	patience := time.NewTimer(p.patience)
	defer patience.Stop()
	for _, c := range cols {
		if c.late == nil {
			continue
		}
		select {
		case *c = <-c.late:
			return true
		case <-patience.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
	return false
}

// readColumn reads a column for as long as the pool has patience, and hands it
// to whoever waits still.
func (p *Pool) readColumn(ctx context.Context, at stripeAt, c column, result chan<- column) {
	defer c.buf.Release()
	p.readPieces(ctx, at, &c)
	result <- c
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
	if !v.isLive(id) || v.readOnly != nil || len(v.label.Members)-len(v.live) >= p.parity {
		return
	}
	if err := p.exclude(p.ctx, map[uuid.UUID]error{id: errHung}); err != nil {
		p.log.Error("a drive hangs and could not be left out", "drive", id, "error", err)
	}
}

// readPieces reads pieces [lo, hi) of a column into its buffer's payload, at
// their place, and verifies them: who the block is, and every piece.
func (p *Pool) readPieces(ctx context.Context, at stripeAt, c *column) {
	col := drive.ColumnOf(c.stored, at.d, at.seg.k)
	index := at.seg.fileOf(col, at.no)
	patient, cancel := context.WithTimeout(ctx, p.patience+p.patience/lateShare) // longer than watchStuck's
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
		}
		return
	}
	if c.err = c.verify(p, at, col, c.buf.b[base:base+start]); c.err != nil {
		p.blame(at, col, c.err)
	}
}

// readGap is how many bytes are read and thrown away rather than read twice.
const readGap = 32 << 10

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
	for piece := c.lo; piece < c.hi; piece++ {
		if !h.CheckPiece(c.stored, piece, c.piece(h, piece)) {
			return errPiece
		}
	}
	return nil
}

func (c *column) piece(h *drive.Header, piece int) []byte {
	at := piece * drive.PieceBytes
	return c.buf.payload()[at : at+h.PieceLen(piece)]
}

// blame accounts for a column that could not be read or was wrong.
func (p *Pool) blame(at stripeAt, col int, err error) {
	if errors.Is(err, errAway) || errors.Is(err, drive.ErrClosed) || drive.IsStarved(err) {
		return // known, and shown as the drive's state; or none of its doing
	}
	at.seg.markBad(col, at.no, at.d)
	id := at.seg.driveOf(col, at.no)
	if errors.Is(err, errPiece) || errors.Is(err, errForeignBlock) || errors.Is(err, drive.ErrNoBlock) || errors.Is(err, drive.ErrChecksum) {
		if d := p.members.now().drives[id]; d != nil {
			d.CountChecksum()
		}
	}
	p.log.Warn("a column is not good", "drive", id, "segment", at.seg.id, "stripe", at.no, "column", col, "error", err)
}

// rescue fills in the columns of wanted that failed, from any d good columns
// that agree. It reads the others over the pieces that are needed.
func (p *Pool) rescue(ctx context.Context, at stripeAt, wanted []*column) error {
	lo, hi := wanted[0].lo, wanted[0].hi
	for _, c := range wanted {
		lo, hi = min(lo, c.lo), max(hi, c.hi)
	}
	n := at.d + at.seg.m
	cols := make([]*column, n)
	var again, more []*column
	for _, c := range wanted {
		if c.err == nil && (c.lo > lo || c.hi < hi) {
			c.lo, c.hi = lo, hi
			again = append(again, c) // read whole pieces' range now
		}
		c.lo, c.hi = lo, hi
		cols[c.stored] = c
	}
	spares := len(again) // for columns whose buffer a read that hangs may keep
	for _, c := range wanted {
		if c.late != nil {
			spares++
		}
	}
	bufs, err := p.mem.rescues.getAll(ctx, n-len(wanted)+spares)
	if err != nil {
		return err
	}
	defer func() { releaseAll(bufs) }()
	for i := range cols {
		if cols[i] == nil {
			cols[i] = &column{stored: i, lo: lo, hi: hi, buf: bufs[len(more)]}
			more = append(more, cols[i])
		}
	}
	// As few as are needed first: good ones so far, and then in order.
	good := 0
	for _, c := range wanted {
		if c.err == nil {
			good++
		}
	}
	for {
		batch := again
		again = nil
		for len(more) > 0 && good < at.d {
			batch, more, good = append(batch, more[0]), more[1:], good+1
		}
		if len(batch) > 0 {
			p.readColumns(ctx, at, batch)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if have, ok := agreeing(cols, at.d, more); ok {
			replaceLate(wanted, bufs[n-len(wanted):])
			return p.reconstruct(at, cols, have, wanted)
		}
		if len(more) > 0 {
			good = at.d - 1 // one more
			continue
		}
		// Too few but for those that were late: they count after all.
		if !p.awaitLate(ctx, cols) {
			// A drive that was left out may still be readable. What it gives is
			// verified like everything else.
			if again = leftOut(cols); len(again) == 0 {
				break
			}
		}
		for _, c := range wanted {
			if c.late == nil && c.err == nil && (c.lo > lo || c.hi < hi) {
				c.lo, c.hi = lo, hi
				again = append(again, c)
			}
		}
	}
	have, _ := agreeing(cols, at.d, nil)
	var cause error
	for _, c := range cols {
		if c.err != nil && (cause == nil || !errors.Is(c.err, errAway)) {
			cause = c.err
		}
	}
	return &DamageError{Segment: at.seg.id, Stripe: at.no, Good: len(have), Need: at.d, Cause: cause}
}

// replaceLate gives the columns that are still being read other buffers.
func replaceLate(wanted []*column, spares []*buffer) {
	for _, c := range wanted {
		if c.late == nil {
			continue
		}
		i := slices.IndexFunc(spares, func(b *buffer) bool { return b != nil })
		c.buf, spares[i] = spares[i], nil
	}
}

// leftOut readies the columns on drives that take no part for being read once.
func leftOut(cols []*column) []*column {
	var list []*column
	for _, c := range cols {
		if !c.leftOut && c.late == nil && errors.Is(c.err, errAway) {
			c.leftOut, c.err = true, nil
			list = append(list, c)
		}
	}
	return list
}

// agreeing finds d or more good columns with the same tables, the most of any
// such set (R1). Columns not yet read are left out.
func agreeing(cols []*column, d int, unread []*column) (best []*column, ok bool) {
	skip := make(map[*column]bool, len(unread))
	for _, c := range unread {
		skip[c] = true
	}
	for i, c := range cols {
		if c.err != nil || skip[c] {
			continue
		}
		set := []*column{c}
		for _, o := range cols[i+1:] {
			if o.err == nil && !skip[o] && o.head.SameStripe(&c.head) {
				set = append(set, o)
			}
		}
		if len(set) > len(best) {
			best = set
		}
	}
	return best, len(best) >= d
}

// reconstruct computes the wanted columns that are not among the good ones and
// verifies every piece of them by the table the good ones carry (R3).
func (p *Pool) reconstruct(at stripeAt, cols, have, wanted []*column) error {
	code, err := p.code(at.seg.k)
	if err != nil {
		return err
	}
	var shards [maxColumns][]byte
	var haveBits, wantBits uint64
	lo := wanted[0].lo * drive.PieceBytes
	hi := min(wanted[0].hi*drive.PieceBytes, at.length)
	for i, c := range cols {
		shards[i] = c.buf.payload()[lo:hi]
	}
	for _, c := range have {
		haveBits |= 1 << c.stored
	}
	for _, c := range wanted {
		if haveBits&(1<<c.stored) == 0 {
			wantBits |= 1 << c.stored
		}
	}
	if wantBits == 0 {
		return nil
	}
	if err := code.Reconstruct(at.d, shards[:len(cols)], haveBits, wantBits); err != nil {
		return fmt.Errorf("segment %v: stripe %d: %w", at.seg.id, at.no, err)
	}
	head := &have[0].head
	for _, c := range wanted {
		if wantBits&(1<<c.stored) == 0 {
			continue
		}
		for piece := c.lo; piece < c.hi; piece++ {
			if !head.CheckPiece(c.stored, piece, c.piece(head, piece)) {
				// All inputs held, and yet the result is wrong: parity and data
				// disagree. Nothing here may be trusted, nothing is mended (R2).
				return &DamageError{Segment: at.seg.id, Stripe: at.no, Good: len(have), Need: at.d,
					Cause: errors.New("all checksums hold but parity disagrees")}
			}
		}
	}
	return nil
}
