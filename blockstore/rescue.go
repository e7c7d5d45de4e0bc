package blockstore

import (
	"errors"
	"fmt"
	"slices"
)

// rescue gets the columns asked for that are not good from any d good ones that
// agree. It reads as few others as are needed, in order, others in place of those
// that fail or are late; when too few are left, late ones count after all; and
// drives that were left out come last.
func (r *reading) rescue() error {
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
		if len(have) >= r.at.d {
			return r.reconstruct(have)
		}
		atOnce := r.beginMore(r.at.d - len(have) - r.count(errUnderWay))
		switch {
		case atOnce:
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
			return r.damage(len(have))
		}
	}
	return r.ctx.Err()
}

// widen adds the columns that were not asked for, and has all cover the same
// pieces. Every column that is not good gets a buffer: to be read into, or, of one
// asked for, to be computed in, since a read that hangs may keep its own.
func (r *reading) widen() error {
	lo, hi := r.cols[0].lo, r.cols[0].hi
	for _, c := range r.cols {
		lo, hi = min(lo, c.lo), max(hi, c.hi)
	}
	all := r.at.d + r.at.seg.m
	asked, lacking := uint64(0), all
	for _, c := range r.cols {
		if c.err == nil && (c.lo > lo || c.hi < hi) {
			c.err = errUnread
		}
		if c.err == nil {
			lacking--
		}
		c.lo, c.hi = lo, hi
		asked |= 1 << c.stored
	}
	bufs, err := r.p.mem.rescues.appendAll(r.ctx, r.more[:0], lacking)
	if err != nil {
		return err
	}
	r.more = bufs
	for i := range all {
		if asked&(1<<i) == 0 {
			c := r.add()
			c.stored, c.lo, c.hi, c.err = i, lo, hi, errUnread
		}
	}
	slices.SortFunc(r.cols, func(a, b *column) int { return a.stored - b.stored })
	for _, c := range r.cols {
		switch {
		case !c.asked:
			c.buf = bufs[0]
		case c.err != nil:
			c.spare = bufs[0]
		default:
			continue
		}
		bufs = bufs[1:]
	}
	return nil
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
		alone := r.p.newReading(r.ctx, r.at)
		alone.cols = append(alone.cols, c)
		err := alone.rescue()
		if c.spare != nil {
			c.spare.Release()
			c.spare = nil
		}
		for i := range alone.cols {
			if alone.cols[i] == c {
				alone.cols[i] = &column{} // this one stays here
			}
		}
		alone.end()
		if err != nil {
			return err
		}
	}
	return nil
}

// beginMore begins to read up to n columns that were not read yet: first those
// that are asked for, others in place of those that cannot be had. It says whether
// any of them was there at once.
func (r *reading) beginMore(n int) (atOnce bool) {
	for _, asked := range []bool{true, false} {
		for _, c := range r.cols {
			if n > 0 && c.asked == asked && c.err == errUnread {
				r.begin(c)
				if c.err == nil || c.err == errUnderWay {
					n--
				}
				atOnce = atOnce || c.err == nil
			}
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
		if c.err != nil && (cause == nil || !errors.Is(c.err, errAway)) {
			cause = c.err
		}
	}
	return &DamageError{Segment: r.at.seg.id, Stripe: r.at.no, Good: good, Need: r.at.d, Cause: cause}
}

// agreeing finds good columns with the same tables, the most of any such set (R1).
func agreeing(cols []*column) (best []*column) {
	for i, c := range cols {
		if len(best) >= len(cols)-i {
			break // no set of the others has more
		}
		if c.err != nil {
			continue
		}
		set := append(make([]*column, 0, len(cols)-i), c)
		for _, o := range cols[i+1:] {
			if o.err == nil && o.head.SameStripe(&c.head) {
				set = append(set, o)
			}
		}
		if len(set) > len(best) {
			best = set
		}
	}
	return best
}

// reconstruct computes the columns asked for that are not among the good ones and
// verifies every piece of them by the table the good ones carry (R3).
func (r *reading) reconstruct(have []*column) error {
	at := r.at
	code, err := r.p.code(at.seg.k)
	if err != nil {
		return err
	}
	var shards [maxColumns][]byte
	var haveBits, wantBits uint64
	for _, c := range have {
		haveBits |= 1 << c.stored
	}
	for i, c := range r.cols {
		if c.asked && haveBits&(1<<c.stored) == 0 {
			wantBits |= 1 << c.stored
			if c.spare != nil { // a read may write to the other yet, also one given up
				trade(c.buf, c.spare) // the caller may keep it for long, and rescues go on
				c.buf, c.spare = c.spare, c.buf
			}
		}
		shards[i] = c.pieces(at.length)
	}
	if wantBits == 0 {
		return nil
	}
	if err := code.Reconstruct(at.d, shards[:len(r.cols)], haveBits, wantBits); err != nil {
		return fmt.Errorf("segment %v: stripe %d: %w", at.seg.id, at.no, err)
	}
	head := &have[0].head
	for _, c := range r.cols {
		if wantBits&(1<<c.stored) == 0 {
			continue
		}
		if !head.CheckPieces(c.stored, c.lo, c.hi, c.pieces(at.length)) {
			// All inputs held, and yet the result is wrong: parity and data
			// disagree. Nothing here may be trusted, nothing is mended (R2).
			return &DamageError{Segment: at.seg.id, Stripe: at.no, Good: len(have), Need: at.d,
				Cause: errors.New("all checksums hold but parity disagrees")}
		}
		sums := append(c.head.Sums[:0], head.Sums...)
		c.head, c.err = *head, nil
		c.head.Sums = sums
	}
	return nil
}
