package blockstore

import (
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

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
	var list []uploadedStripe
	if d > 0 {
		list, err = u.restripe(seg, d, length, rd.spans, s.bytes)
	} else {
		list, err = u.rewriteSplit(seg, rd)
	}
	if err != nil {
		return err
	}
	u.stripes = slices.Replace(u.stripes, i, i+1, list...)
	return nil
}

// rewriteSplit stores a stripe that is too large for the narrower segment as
// several, which it returns.
func (u *upload) rewriteSplit(seg *segment, rd *stripeRead) (list []uploadedStripe, err error) {
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
		parts, err := u.restripe(seg, d, length, part, n)
		if err != nil {
			return nil, err
		}
		list = append(list, parts...)
	}
	return list, nil
}

// restripe writes spans as a new stripe, or as several if it has to be split,
// and returns what it wrote.
func (u *upload) restripe(seg *segment, d, length int, spans [][]byte, bytes int64) ([]uploadedStripe, error) {
	bufs, err := u.p.mem.further(u.ctx, nil, d, seg.m)
	if err != nil {
		return nil, err
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
	return u.put(nil, seg, st, bytes)
}
