package blockstore

import (
	"slices"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

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
	u.sumRest()
	if last := len(u.cols) - 1; last >= 0 && u.fill == 0 {
		u.cols[last].Release()
		u.cols, u.fill, u.summed = u.cols[:last], u.limit, u.limit
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
	// Before there is parity to hold. What is about to be moved is digested first.
	u.digest.take(u.cols[:n], u.limit, bytes)
	if length != u.limit {
		u.digest.settle()
	}
	u.takeKit()
	bufs, err := u.p.mem.further(u.ctx, append(u.kit.bufs[:0], u.cols[:n]...), max(0, d-n), seg.m)
	if err != nil {
		return err
	}
	u.cols = slices.Delete(u.cols, 0, n) // they are the stripe's now
	sums := u.pieces.first(n)
	u.pieces.whole = 0 // of what is left, if that is another stripe's
	if length != u.limit {
		respread(bufs[:max(d, n)], u.limit, length, bytes)
	}
	if d < n { // fewer columns than before: the rest is not needed
		releaseAll(bufs[d:n])
		bufs = slices.Delete(bufs, d, n)
	}
	st := u.kit.stripe(d, length, bufs)
	defer st.release()
	if length == u.limit && d == n {
		st.pieces = sums
	}
	for i := range d { // zero behind the data
		from := min(max(bytes-int64(i)*int64(length), 0), int64(length))
		clear(bufs[i].payload()[from:length])
	}
	u.stripes, err = u.put(u.stripes, seg, st, bytes)
	return err
}

// put gives the stripe a place in seg, or in a later one if that is full or one
// of its drives is, and writes it. If that is narrower, because drives were lost
// or are full, it becomes several. It returns the list with what it became behind,
// also what was written before an error.
func (u *upload) put(list []uploadedStripe, seg *segment, st *stripe, bytes int64) ([]uploadedStripe, error) {
	for {
		if seg.k < st.d {
			return u.putSplit(list, seg, st, bytes)
		}
		if u.p.space.admits(seg.drives) {
			u.pin(seg)
			if no, off, ok := seg.reserve(st.d, st.length, u.p.segmentBytes); ok {
				st.place(seg, no, off)
				break
			}
		}
		u.p.retire(seg)
		var err error
		if seg, err = u.p.bulk.segment(u.ctx, u.slot); err != nil {
			return list, err
		}
	}
	if err := u.p.seal(st, drive.Batch{}, false); err != nil {
		return list, err
	}
	u.p.gate.Touch()
	u.output(seg).write(st)
	return append(list, uploadedStripe{seg: seg, no: st.no, offset: st.offset, d: st.d, length: st.length, bytes: bytes}), nil
}

// putSplit writes the data columns of a stripe as several stripes that fit a
// narrower segment. It gives the parity buffers back before it waits for others,
// since those it waits for may be held by uploads that do the same.
func (u *upload) putSplit(list []uploadedStripe, seg *segment, st *stripe, bytes int64) ([]uploadedStripe, error) {
	releaseAll(st.bufs[st.d:])
	for from := 0; from < st.d && bytes > 0; from += seg.k {
		n := min(seg.k, st.d-from)
		parity, err := u.p.mem.parity.getAll(u.ctx, seg.m)
		if err != nil {
			return list, err
		}
		part := &stripe{d: n, length: st.length, bufs: slices.Concat(st.bufs[from:from+n], parity)}
		size := min(bytes, int64(n)*int64(st.length))
		list, err = u.put(list, seg, part, size)
		releaseAll(part.bufs[n:])
		if err != nil {
			return list, err
		}
		bytes -= size
	}
	return list, nil
}

// pin keeps a segment until the upload has ended: from being dropped, and from
// being mended while it is written to.
func (u *upload) pin(seg *segment) {
	if !slices.Contains(u.pinned, seg) {
		seg.pins.Add(1)
		seg.writers.Add(1)
		u.pinned = append(u.pinned, seg)
	}
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
	u.outs = append(u.outs, o)
	return o
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
