package blockstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/cespare/xxhash/v2"
	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

const (
	// inlineMax is the largest body that goes into a batch beside its record.
	inlineMax = 256 << 10
	// intakeBytes is what an upload reads into first, so that the slowest
	// clients cost none of the budget. It is also about the least that is ever
	// written as a stripe while the body goes on.
	intakeBytes = ownBytes
	// intakeFirst is what it begins with, enough for most small objects.
	intakeFirst = 4 << 10
	// uploadDepth bounds the writes that an upload has under way per file.
	uploadDepth = 4
)

// upload takes in one body: read into memory of its own, moved from there into
// the payloads of column buffers, stripe after stripe; or left in memory when it
// is small.
//
// An upload waits for memory only while it holds none: one that cannot have a
// further column writes what it has as a short stripe (its parity comes out of
// a reserve) and gives those columns back first. So uploads cannot deadlock
// however many there are (R21). One that waits for its client does not hold mu,
// and somebody else may have it write what it has: it is a borrower.
type upload struct {
	p    *Pool
	ctx  context.Context
	body io.Reader
	size int64 // announced, or -1
	slot int   // among the open bulk segments

	intake    []byte // read, and not all in columns
	taken     int    // bytes of it that are
	total     int64
	hash      xxhash.Digest
	sawEnd    bool
	inlineMax int64

	wait    pause
	mu      sync.Mutex // held by whoever works on what follows, until receive has ended
	err     error      // of what was done meanwhile
	cols    []*buffer
	fill    int // bytes in the last column
	limit   int // bytes per column of this stripe
	d       int // columns of this stripe
	outs    []*output
	pinned  []*segment // until close
	stripes []uploadedStripe
}

// uploadedStripe is one stripe written for an upload, not yet known durable.
type uploadedStripe struct {
	seg    *segment
	no     uint32
	offset int64
	d      int
	length int
	bytes  int64 // of the body
	// missing are the files (bit = file index) that did not take their block,
	// or are on drives that take part no more. Once missing, always missing.
	missing uint64
}

// good is the number of columns that are durable on drives that take part.
func (s *uploadedStripe) good() int {
	n := 0
	for i := range s.d + s.seg.m {
		if s.missing&(1<<s.seg.fileOf(drive.ColumnOf(i, s.d, s.seg.k), s.no)) == 0 {
			n++
		}
	}
	return n
}

func (p *Pool) newUpload(ctx context.Context, body io.Reader, size int64) *upload {
	u := &upload{p: p, ctx: ctx, body: body, size: size, slot: p.bulk.slot(), inlineMax: p.inlineMax}
	u.hash.Reset()
	return u
}

// receive reads the body to its end. Afterwards it is either in memory (inline)
// or written, not yet synced.
func (u *upload) receive() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.p.mem.uploads.lending.add(u)
	defer u.p.mem.uploads.lending.remove(u)
	for !u.sawEnd {
		if err := u.ctx.Err(); err != nil {
			return err
		}
		if err := u.read(); err != nil {
			return err
		}
	}
	if u.size >= 0 && u.total != u.size {
		return fmt.Errorf("%w: %d of %d bytes came: %w", ErrBodySize, u.total, u.size, io.ErrUnexpectedEOF)
	}
	if u.inline() {
		return nil
	}
	if err := u.take(); err != nil {
		return err
	}
	return u.flush()
}

// inline says whether what was received is small enough for the batch.
func (u *upload) inline() bool { return len(u.stripes) == 0 && u.total <= u.inlineMax }

// read takes one read's worth of the body.
func (u *upload) read() error {
	if len(u.intake) == cap(u.intake) {
		if err := u.makeRoom(); err != nil {
			return err
		}
	}
	n, err := u.readInto(u.intake[len(u.intake):cap(u.intake)])
	u.intake = u.intake[:len(u.intake)+n]
	if err == nil {
		err = u.err
	}
	return err
}

// makeRoom empties the intake into columns, or makes it larger first.
func (u *upload) makeRoom() error {
	most := intakeBytes
	if u.size >= 0 {
		most = int(min(u.size+1, intakeBytes)) // room to see the end
	}
	var larger []byte
	switch c := cap(u.intake); {
	case c >= most:
		return u.take()
	case c == 0 && most > intakeFirst:
		larger = make([]byte, 0, intakeFirst)
	case most == intakeBytes:
		larger = u.p.mem.getOwn()[:0]
	default:
		larger = make([]byte, 0, most)
	}
	u.intake = append(larger, u.intake...)
	return nil
}

// readInto reads once, and keeps account of it.
func (u *upload) readInto(b []byte) (int, error) {
	if u.size >= 0 && int64(len(b)) > u.size-u.total {
		b = b[:u.size-u.total+1] // one more, to notice a body that is too long
		if len(b) > 1 {
			b = b[:len(b)-1]
		}
	}
	u.wait.held.Store(int64(len(u.cols)))
	u.wait.begin()
	u.mu.Unlock()
	n, err := u.body.Read(b)
	u.mu.Lock()
	u.wait.end()
	u.hash.Write(b[:n])
	u.total += int64(n)
	switch {
	case u.size >= 0 && u.total > u.size:
		return n, fmt.Errorf("%w: more than %d bytes came", ErrBodySize, u.size)
	case errors.Is(err, io.EOF):
		u.sawEnd, err = true, nil
	case err != nil:
		err = fmt.Errorf("reading the body: %w", err)
	}
	return n, err
}

// take moves what was read into columns.
func (u *upload) take() error {
	for u.taken < len(u.intake) {
		room, err := u.room()
		if err != nil {
			return err
		}
		n := copy(room, u.intake[u.taken:])
		u.fill, u.taken = u.fill+n, u.taken+n
	}
	u.intake, u.taken = u.intake[:0], 0
	return nil
}

func (u *upload) pause() *pause { return &u.wait }

// yield writes what the columns hold, and gives them back, if the upload waits
// for its client.
func (u *upload) yield() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.wait.since.Load() == 0 || u.err != nil {
		return
	}
	if u.err = u.flush(); u.err != nil {
		releaseAll(u.cols)
		u.cols = nil
	}
	u.wait.held.Store(0)
}

// room returns the free rest of a column, getting one if there is none.
func (u *upload) room() ([]byte, error) {
	if len(u.cols) > 0 && u.fill < u.limit {
		return u.cols[len(u.cols)-1].payload()[u.fill:u.limit], nil
	}
	if len(u.cols) > 0 && len(u.cols) == u.d {
		if err := u.flush(); err != nil {
			return nil, err
		}
	}
	buf := u.p.mem.uploads.tryGet()
	if buf == nil {
		// Hold nothing while waiting.
		if err := u.flush(); err != nil {
			return nil, err
		}
		var err error
		if buf, err = u.p.mem.uploads.get(u.ctx); err != nil {
			return nil, err
		}
	}
	if len(u.cols) == 0 {
		u.plan()
	}
	u.cols, u.fill = append(u.cols, buf), 0
	return buf.payload()[:u.limit], nil
}

// plan chooses the geometry of the stripe that begins: of a body of known size
// the last stripe gets columns that fit it.
func (u *upload) plan() {
	k := u.p.fullK()
	u.d, u.limit = k, drive.MaxColumnBytes
	if u.size >= 0 {
		if rest := u.size - u.total + int64(len(u.intake)-u.taken); rest > u.p.inlineMax && rest < int64(k)*drive.MaxColumnBytes {
			u.d, u.limit = stripeGeometry(rest, k, u.p.parity, drive.MaxColumnBytes)
		}
	}
}

// stripeGeometry spreads n bytes over at most k data columns of at most
// lengthMax bytes so that the fewest bytes are stored; among equals with the
// fewest columns. d is 0 if they do not fit.
func stripeGeometry(n int64, k, m, lengthMax int) (d, length int) {
	var best int64
	for try := 1; try <= k; try++ {
		l := (n + int64(try) - 1) / int64(try)
		if l > int64(lengthMax) {
			continue
		}
		stored := int64(try+m) * drive.BlockBytes(drive.Bulk, try, m, int(l))
		if best == 0 || stored < best {
			best, d, length = stored, try, int(l)
		}
	}
	return d, length
}

// flush writes what the columns hold as stripes, and gives them back.
func (u *upload) flush() error {
	if last := len(u.cols) - 1; last >= 0 && u.fill == 0 {
		u.cols[last].Release()
		u.cols, u.fill = u.cols[:last], u.limit
	}
	for len(u.cols) > 0 {
		seg, err := u.p.bulk.segment(u.ctx, u.slot)
		if err != nil {
			return err
		}
		n := min(len(u.cols), seg.k)
		bytes := int64(n) * int64(u.limit)
		if n == len(u.cols) {
			bytes += int64(u.fill - u.limit)
		}
		if err := u.writeStripe(seg, n, bytes); err != nil {
			return err
		}
	}
	return nil
}

// writeStripe writes the first n columns, which hold so many bytes, to seg.
func (u *upload) writeStripe(seg *segment, n int, bytes int64) error {
	d, length := n, u.limit
	if bytes < int64(n)*int64(u.limit) {
		// A short stripe: spread it so that little is stored, in columns no
		// longer than those it is in, since it is moved in place.
		d, length = stripeGeometry(bytes, seg.k, seg.m, u.limit)
	}
	extra, err := u.p.mem.parity.getAll(u.ctx, max(0, d-n)+seg.m)
	if err != nil {
		return err
	}
	bufs := append(u.cols[:n:n], extra...)
	u.cols = append([]*buffer(nil), u.cols[n:]...)
	if length != u.limit {
		respread(bufs[:max(d, n)], u.limit, length, bytes)
	}
	if d < n { // fewer columns than before: the rest is not needed
		releaseAll(bufs[d:n])
		bufs = append(bufs[:d:d], bufs[n:]...)
	}
	st := &stripe{d: d, length: length, bufs: bufs}
	defer st.release()
	for i := range d { // zero behind the data
		from := min(max(bytes-int64(i)*int64(length), 0), int64(length))
		clear(bufs[i].payload()[from:length])
	}
	return u.put(seg, st, bytes)
}

// put gives the stripe a place in seg, or in a later one if that is full or one
// of its drives is, and writes it. If that is narrower, because drives were lost
// or are full, it becomes several.
func (u *upload) put(seg *segment, st *stripe, bytes int64) error {
	for {
		if seg.k < st.d {
			return u.putSplit(seg, st, bytes)
		}
		if u.p.space.admits(seg.drives) {
			if no, off, ok := seg.reserve(st.d, st.length, u.p.segmentBytes); ok {
				st.place(seg, no, off)
				break
			}
		}
		u.p.retire(seg)
		var err error
		if seg, err = u.p.bulk.segment(u.ctx, u.slot); err != nil {
			return err
		}
	}
	if err := u.p.seal(st, drive.Batch{}, false); err != nil {
		return err
	}
	u.output(seg).write(st)
	u.stripes = append(u.stripes, uploadedStripe{seg: seg, no: st.no, offset: st.offset, d: st.d, length: st.length, bytes: bytes})
	return nil
}

// putSplit writes the data columns of a stripe as several stripes that fit a
// narrower segment. The first uses the stripe's own parity buffers.
func (u *upload) putSplit(seg *segment, st *stripe, bytes int64) error {
	for from := 0; from < st.d && bytes > 0; from += seg.k {
		n := min(seg.k, st.d-from)
		part := &stripe{d: n, length: st.length, bufs: slices.Concat(st.bufs[from:from+n], st.bufs[st.d:])}
		if from > 0 {
			parity, err := u.p.mem.parity.getAll(u.ctx, seg.m)
			if err != nil {
				return err
			}
			defer releaseAll(parity)
			part.bufs = slices.Concat(st.bufs[from:from+n], parity)
		}
		size := min(bytes, int64(n)*int64(st.length))
		if err := u.put(seg, part, size); err != nil {
			return err
		}
		bytes -= size
	}
	return nil
}

// output is this upload's way to a segment's files.
func (u *upload) output(seg *segment) *output {
	if n := len(u.outs); n > 0 {
		if o := u.outs[n-1]; o.seg == seg {
			return o
		}
		u.outs[n-1].sync() // no more goes to that one
	}
	o := u.p.newOutput(seg, uploadDepth)
	seg.pins.Add(1)
	u.pinned = append(u.pinned, seg)
	u.outs = append(u.outs, o)
	return o
}

// settle makes everything written durable, in enough columns: each stripe in
// all of them, or in at least one more than it needs. A stripe with fewer is
// written again from what it has (R6).
func (u *upload) settle() error {
	for {
		if err := u.syncAll(); err != nil {
			return err
		}
		thin, err := u.judge()
		if err != nil {
			return err
		}
		if len(thin) == 0 {
			return nil
		}
		for _, i := range slices.Backward(thin) { // a split moves what is behind it
			if err := u.rewrite(i); err != nil {
				return err
			}
		}
	}
}

// syncAll syncs what was written since the last time, leaves out the drives
// that failed, and notes what each stripe is missing.
func (u *upload) syncAll() error {
	failed := make(map[uuid.UUID]error)
	var starved error
	if n := len(u.outs); n > 0 {
		u.outs[n-1].sync()
	}
	lost := make(map[*segment]uint64) // files that did not take everything
	for _, o := range u.outs {
		bad := o.wait(u.p.patience)
		for id, err := range bad {
			if drive.IsNoSpace(err) {
				u.p.space.exhausted(id)
			} else if drive.IsStarved(err) {
				starved = err
			} else if !errors.Is(err, errAway) {
				failed[id] = err
			}
		}
		lost[o.seg] |= o.seg.filesOn(func(id uuid.UUID) bool { return bad[id] != nil })
	}
	u.outs = nil
	if len(failed) > 0 {
		if err := u.p.exclude(u.ctx, failed); err != nil {
			return err
		}
	}
	if starved != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, starved)
	}
	v := u.p.members.now()
	if v.readOnly != nil {
		return v.readOnly
	}
	for i := range u.stripes {
		s := &u.stripes[i]
		s.missing |= lost[s.seg] | s.seg.filesOn(func(id uuid.UUID) bool { return !v.isLive(id) })
	}
	return nil
}

// judge returns the stripes that have too few good columns.
//
// Invariant: before the record of an object is submitted that names a stripe
// with a column missing, a seal of its segment was announced that has the
// column's file among the suspect ones; so the seal goes into the same batch or
// an earlier one. Recovery relies on it: in a segment that was never sealed, a
// stripe that lacks a column was not acknowledged (segment.measure). It holds
// too for a segment that another upload sealed, or that was full, before it
// was known that the column is missing: then the seal is announced again.
func (u *upload) judge() (thin []int, err error) {
	for i := range u.stripes {
		s := &u.stripes[i]
		good := s.good()
		if good < s.d+s.seg.m {
			u.p.lacking(s.seg, s.missing)
		}
		switch {
		case good < s.d:
			return nil, fmt.Errorf("%w: too many drives failed while the body was stored", ErrUnavailable)
		case good < s.d+1:
			thin = append(thin, i)
		}
	}
	return thin, nil
}

// rewrite reads a stripe back from its good columns, verified, and stores its
// bytes again elsewhere.
func (u *upload) rewrite(i int) error {
	s := u.stripes[i]
	seg, err := u.p.bulk.segment(u.ctx, u.slot)
	if err != nil {
		return err
	}
	rd, err := u.p.readStripe(u.ctx, stripeAt{s.seg, s.no, s.offset, s.d, s.length}, 0, s.bytes)
	if err != nil {
		return err
	}
	defer rd.release()
	d, length := stripeGeometry(s.bytes, seg.k, seg.m, drive.MaxColumnBytes)
	if d == 0 {
		return u.rewriteSplit(i, seg, rd)
	}
	return u.restripe(i, seg, d, length, rd.spans, s.bytes, true)
}

// rewriteSplit stores a stripe that is too large for the narrower segment as
// several.
func (u *upload) rewriteSplit(i int, seg *segment, rd *stripeRead) error {
	tail := append([]uploadedStripe(nil), u.stripes[i+1:]...)
	u.stripes = u.stripes[:i]
	per := int64(seg.k) * drive.MaxColumnBytes
	spans := rd.spans
	for len(spans) > 0 {
		var part [][]byte
		var n int64
		for len(spans) > 0 && n < per {
			take := min(int64(len(spans[0])), per-n)
			part = append(part, spans[0][:take])
			n += take
			if spans[0] = spans[0][take:]; len(spans[0]) == 0 {
				spans = spans[1:]
			}
		}
		d, length := stripeGeometry(n, seg.k, seg.m, drive.MaxColumnBytes)
		if err := u.restripe(-1, seg, d, length, part, n, false); err != nil {
			return err
		}
	}
	u.stripes = append(u.stripes, tail...)
	return nil
}

// restripe writes spans as a new stripe, in place of stripe i or appended.
func (u *upload) restripe(i int, seg *segment, d, length int, spans [][]byte, bytes int64, replace bool) error {
	bufs, err := u.p.mem.parity.getAll(u.ctx, d+seg.m)
	if err != nil {
		return err
	}
	st := &stripe{d: d, length: length, bufs: bufs}
	defer st.release()
	col, at := 0, 0
	for _, b := range bufs[:d] {
		clear(b.payload()[:length])
	}
	for _, b := range spans {
		for len(b) > 0 {
			n := copy(bufs[col].payload()[at:length], b)
			b, at = b[n:], at+n
			if at == length {
				col, at = col+1, 0
			}
		}
	}
	before := len(u.stripes)
	if err := u.put(seg, st, bytes); err != nil {
		return err
	}
	if replace { // by one, or more if it had to be split
		u.stripes = slices.Concat(u.stripes[:i], u.stripes[before:], u.stripes[i+1:before])
	}
	return nil
}

// extents describes what was stored, runs of equal stripes as one.
func (u *upload) extents() []catalog.Extent {
	var list []catalog.Extent
	for i, s := range u.stripes {
		if i > 0 {
			e, before := &list[len(list)-1], u.stripes[i-1]
			if before.seg == s.seg && before.no+1 == s.no && before.d == s.d && before.length == s.length &&
				before.bytes == int64(s.d)*int64(s.length) {
				e.Length += s.bytes
				continue
			}
		}
		list = append(list, catalog.Extent{
			Segment: s.seg.id, Stripe: s.no, Offset: s.offset, D: s.d, Column: s.length, Length: s.bytes,
		})
	}
	return list
}

// pieces is the body in memory, for the batch.
func (u *upload) pieces() [][]byte {
	var list [][]byte
	for i, c := range u.cols {
		n := u.limit
		if i == len(u.cols)-1 {
			n = u.fill
		}
		list = append(list, c.payload()[:n])
	}
	if len(u.intake) > 0 {
		list = append(list, u.intake)
	}
	return list
}

// close gives back everything the upload holds, whatever became of it.
func (u *upload) close() {
	if cap(u.intake) == intakeBytes {
		u.p.mem.putOwn(u.intake)
	}
	u.intake = nil
	releaseAll(u.cols)
	u.cols = nil
	for _, o := range u.outs {
		o.release()
	}
	u.outs = nil
	for _, s := range u.pinned {
		s.pins.Add(-1)
	}
	u.pinned = nil
}

// respread moves bytes from columns of one length to columns of a shorter one,
// in place: from the end, so that nothing is overwritten before it was moved.
func respread(bufs []*buffer, from, to int, bytes int64) {
	if to > from {
		panic("blockstore: respread to longer columns")
	}
	for end := bytes; end > 0; {
		// The longest piece ending at end that lies in one column on both sides.
		last := end - 1
		begin := max(last/int64(from)*int64(from), last/int64(to)*int64(to))
		src := bufs[begin/int64(from)].payload()[begin%int64(from):][:end-begin]
		copy(bufs[begin/int64(to)].payload()[begin%int64(to):], src)
		end = begin
	}
}
