package blockstore

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// rescue gets the columns asked for that are not good from any d good ones that
// agree. It reads as few others as are needed, in order, others in place of those
// that fail or are late; when too few are left, late ones count after all; and
// drives that were left out come last. Of the others it reads the pieces that are
// to be computed, no more.
func (r *reading) rescue() error {
	if r.apart() {
		r.readAll()
	}
	if r.apart() {
		if err := r.rescueApart(); err != nil || r.agree() {
			return err
		}
	}
	if err := r.widen(); err != nil {
		return err
	}
	for r.ctx.Err() == nil {
		have := agreeing(r.cols)
		good := bits.OnesCount64(have)
		if good >= r.at.d && r.settled() {
			if r.span(have) {
				continue // more of them has to be read
			}
			return r.reconstruct(have)
		}
		atOnce := r.beginMore(r.at.d - good - r.count(errUnderWay))
		switch {
		case atOnce, good >= r.at.d && r.settled():
			continue
		case r.count(errUnderWay) > 0:
			r.await()
		case r.count(errLate) > 0:
			select { // each ends in the pool's patience
			case a := <-r.results:
				r.take(a)
			case <-r.ctx.Done():
			}
		case !r.readmit():
			return r.damage(good)
		}
	}
	return r.ctx.Err()
}

// widen adds the columns that were not asked for, each with a buffer of its own.
func (r *reading) widen() error {
	asked := uint64(0)
	for _, c := range r.cols {
		asked |= 1 << c.stored
	}
	r.span(agreeing(r.cols))
	all := r.at.d + r.at.seg.m
	bufs, err := r.p.mem.rescues.appendAll(r.ctx, r.more[:0], all-len(r.cols))
	if err != nil {
		return err
	}
	r.more = bufs
	for i := range all {
		if asked&(1<<i) == 0 {
			c := r.add()
			c.stored, c.buf, c.err = i, bufs[0], errUnread
			c.lo, c.hi = r.lo, r.hi
			bufs = bufs[1:]
		}
	}
	slices.SortFunc(r.cols, func(a, b *column) int { return a.stored - b.stored })
	return nil
}

// span has the reading cover what is asked of columns that are not among the good
// ones, and says whether that makes any of those not good enough. What is yet to be
// read may turn out to be good.
func (r *reading) span(have uint64) (more bool) {
	for i, c := range r.cols {
		if !c.asked || have>>i&1 != 0 || c.pending() {
			continue
		}
		if r.lo == r.hi {
			r.lo, r.hi = c.from, c.to
		}
		r.lo, r.hi = min(r.lo, c.from), max(r.hi, c.to)
	}
	for _, c := range r.cols {
		if r.lo == r.hi || c.lo <= r.lo && c.hi >= r.hi {
			continue
		}
		c.lo, c.hi = min(c.lo, r.lo), max(c.hi, r.hi)
		if c.err == nil {
			c.err, more = errUnread, true
		}
	}
	return more
}

// pending says that it is not known yet whether the column is good.
func (c *column) pending() bool { return c.err == errUnread || c.err == errUnderWay }

// settled says whether that is known of all columns asked for.
func (r *reading) settled() bool {
	for _, c := range r.cols {
		if c.asked && c.pending() {
			return false
		}
	}
	return true
}

// apart says whether the end of one column is asked for and the beginning of the
// next: as wide as both, the others would be read for what nobody wants. Nobody
// else works on them.
func (r *reading) apart() bool {
	return len(r.cols) == 2 && r.stop == nil && r.cols[0].lo >= r.cols[1].hi
}

// rescueApart rescues either of two columns by itself. They count only if they agree
// after all (R1).
func (r *reading) rescueApart() error {
	for _, c := range r.cols {
		if c.err == nil {
			continue
		}
		alone := r.p.newReading(r.ctx, r.at, 1)
		mine := alone.add()
		*mine, *c = *c, *mine // with its buffer
		err := alone.rescue()
		i := slices.IndexFunc(alone.cols, func(a *column) bool { return a.asked })
		*alone.cols[i], *c = *c, *alone.cols[i]
		alone.end()
		if err != nil {
			return err
		}
	}
	return nil
}

// beginMore begins to read what was not read yet of the columns asked for, and up to
// n others in place of those that cannot be had. It says whether any of them was
// there at once.
func (r *reading) beginMore(n int) (atOnce bool) {
	for _, asked := range []bool{true, false} {
		for _, c := range r.cols {
			if c.asked != asked || c.err != errUnread || n <= 0 && !asked {
				continue
			}
			r.begin(c)
			if c.err == nil || c.err == errUnderWay {
				n--
			}
			atOnce = atOnce || c.err == nil
		}
	}
	return atOnce
}

// readmit has the columns on drives that take no part read once: such a drive may
// still be readable. What it gives is verified like everything else.
func (r *reading) readmit() (any bool) {
	for _, c := range r.cols {
		if !c.leftOut && errors.Is(c.err, errAway) {
			c.leftOut, c.err, any = true, errUnread, true
		}
	}
	return any
}

// damage says that the stripe cannot be read, and what is the matter with it.
func (r *reading) damage(good int) error {
	var cause error
	for _, c := range r.cols {
		if c.err == nil || cause != nil && errors.Is(c.err, errAway) {
			continue
		}
		cause = c.err
		if cause == errAway {
			index := r.at.seg.fileOf(drive.ColumnOf(c.stored, r.at.d, r.at.seg.k), r.at.no)
			if _, _, err := r.p.driveFor(r.at.seg, index, false); err != nil {
				cause = err
			}
		}
	}
	return &DamageError{Segment: r.at.seg.id, Stripe: r.at.no, Good: good, Need: r.at.d, Cause: cause}
}

// agreeing finds good columns with the same tables, the most of any such set (R1). It
// names them by their places among cols.
func agreeing(cols []*column) (best uint64) {
	for i, c := range cols {
		if bits.OnesCount64(best) >= len(cols)-i {
			break // no set of the others has more
		}
		if c.err != nil || best>>i&1 != 0 {
			continue
		}
		set := uint64(1) << i
		for j, o := range cols[i+1:] {
			if o.err == nil && o.head.SameStripe(&c.head) {
				set |= 1 << (i + 1 + j)
			}
		}
		if bits.OnesCount64(set) > bits.OnesCount64(best) {
			best = set
		}
	}
	return best
}

// reconstruct computes the columns asked for that are not among the good ones and
// verifies what is asked of them by the table the good ones carry (R3).
//
// They are computed where others lie that were read for it alone: there is one for each
// of them, since no more than d columns are asked for. So a degraded read touches no
// more memory than one of as many columns does in a healthy pool. Invariant: nobody
// writes there any more, since what is good was read to its end; while into a lost
// column's own buffer a read that was given up may write yet.
func (r *reading) reconstruct(have uint64) error {
	at := r.at
	code, err := r.p.code(at.seg.k)
	if err != nil {
		return err
	}
	var shards [maxColumns][]byte
	asked := uint64(0)
	for i, c := range r.cols {
		shards[i] = c.buf.pieces(r.lo, r.hi, at.length)
		if c.asked {
			asked |= 1 << i
		}
	}
	want, others := asked&^have, have&^asked
	for left := want; left != 0; left &= left - 1 {
		i, at := bits.TrailingZeros64(left), bits.TrailingZeros64(others)
		others &^= 1 << at
		lost, other := r.cols[i], r.cols[at]
		trade(lost.buf, other.buf) // the caller may keep it for long, and rescues go on
		lost.buf, other.buf = other.buf, lost.buf
		shards[i] = shards[at]
	}
	if want == 0 {
		return nil
	}
	if err := code.Reconstruct(at.d, shards[:len(r.cols)], have, want); err != nil {
		return fmt.Errorf("segment %v: stripe %d: %w", at.seg.id, at.no, err)
	}
	head := &r.cols[bits.TrailingZeros64(have)].head
	for ; want != 0; want &= want - 1 {
		c := r.cols[bits.TrailingZeros64(want)]
		if !head.CheckPieces(c.stored, c.from, c.to, c.buf.pieces(c.from, c.to, at.length)) {
			// All inputs held, and yet the result is wrong: parity and data
			// disagree. Nothing here may be trusted, nothing is mended (R2).
			return &DamageError{Segment: at.seg.id, Stripe: at.no, Good: bits.OnesCount64(have), Need: at.d,
				Cause: errors.New("all checksums hold but parity disagrees")}
		}
		sums := append(c.head.Sums[:0], head.Sums...)
		c.head, c.err = *head, nil
		c.head.Sums = sums
	}
	return nil
}
