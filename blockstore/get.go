package blockstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// Object is an object opened for reading. Its segments are pinned until Close,
// so that it can be read to its end whatever happens to its key meanwhile.
type Object struct {
	p      *Pool
	info   ObjectInfo
	object catalog.Object
	segs   []*segment // of the extents
	end    func()
}

// Get opens an object for reading.
func (p *Pool) Get(ctx context.Context, bucket, key string) (*Object, error) {
	end, err := p.enter()
	if err != nil {
		return nil, err
	}
	p.pinning.RLock() // no segment is dropped between the look-up and the pin
	defer p.pinning.RUnlock()
	rec, err := p.lookUp(ctx, bucket, key)
	if err != nil {
		end()
		return nil, err
	}
	o := &Object{p: p, info: infoOf(bucket, key, &rec), object: rec, end: end}
	for _, e := range rec.Extents {
		seg := p.segments.get(e.Segment)
		if seg == nil {
			o.Close()
			return nil, &DamageError{Segment: e.Segment, Stripe: e.Stripe, Cause: errors.New("the segment is not in the table")}
		}
		seg.pins.Add(1)
		o.segs = append(o.segs, seg)
	}
	return o, nil
}

// Info describes the object.
func (o *Object) Info() ObjectInfo { return o.info }

// Close lets go of the object. It may be called once.
func (o *Object) Close() {
	for _, s := range o.segs {
		s.pins.Add(-1)
	}
	o.segs = nil
	o.end()
}

// WriteTo writes n bytes of the object from off on to w: verified bytes only.
// A whole object is verified against its own checksum as well, before its last
// bytes are written (R3).
//
// Errors: *WriteError if w fails, *DamageError (ErrUnavailable) if a stripe
// cannot be read; then what was written so far was right.
func (o *Object) WriteTo(ctx context.Context, w io.Writer, off, n int64) error {
	if off < 0 || n < 0 || off+n > o.info.Size {
		return fmt.Errorf("range %d+%d is not within the object's %d bytes", off, n, o.info.Size)
	}
	s := sender{o: o, w: w, off: off, left: n}
	if n == o.info.Size && len(o.object.Parts) == 0 {
		s.sum = xxhash.New()
	}
	for s.left > 0 {
		send := s.stripes
		if s.slow {
			send = s.sip
		}
		if err := send(ctx); err != nil {
			return err
		}
	}
	return nil
}

const (
	// slowWrite is a wait for a client to take bytes that makes the next ones
	// go through memory of its own.
	slowWrite = 50 * time.Millisecond
	sipBytes  = 32 << 10
)

// sender sends a range of an object.
//
// A client that does not take its bytes must not hold buffers of the budget
// that others wait for (R21). So it is sent stripes, the next one read ahead,
// only while it takes them promptly and nobody waits; else small pieces, each
// copied out of the budget before it is written.
type sender struct {
	o         *Object
	w         io.Writer
	off, left int64
	sum       *xxhash.Digest // of a whole object
	slow      bool
	own       []byte // for sips
}

// write sends verified bytes.
func (s *sender) write(b []byte) error {
	if s.sum != nil {
		s.sum.Write(b)
		if int64(len(b)) == s.left && s.sum.Sum64() != s.o.object.Checksum {
			return fmt.Errorf("%w: object %q does not match its own checksum", ErrUnavailable, s.o.info.Key)
		}
	}
	began := time.Now()
	if _, err := s.w.Write(b); err != nil {
		return &WriteError{err}
	}
	s.slow = time.Since(began) > slowWrite || s.o.p.mem.reads.pressed()
	s.off, s.left = s.off+int64(len(b)), s.left-int64(len(b))
	return nil
}

// stripes sends whole stripes until the end, or until the client is slow.
func (s *sender) stripes(ctx context.Context) error {
	err := s.o.p.eachStripe(ctx, s.o, s.off, s.left, func(rd *stripeRead) error {
		defer rd.release()
		for _, b := range rd.spans {
			if err := s.write(b); err != nil {
				return err
			}
		}
		if s.slow {
			return errSlowClient
		}
		return nil
	})
	if errors.Is(err, errSlowClient) {
		return nil
	}
	return err
}

var errSlowClient = errors.New("the client is slow")

// sip sends one small piece.
func (s *sender) sip(ctx context.Context) error {
	if s.own == nil {
		s.own = make([]byte, 0, sipBytes)
	}
	var err error
	s.own = s.own[:0]
	s.o.parts(s.off, min(s.left, sipBytes), func(sp stripePart) bool {
		var rd *stripeRead
		if rd, err = s.o.p.readStripe(ctx, sp.at, sp.from, sp.n); err != nil {
			return false
		}
		for _, b := range rd.spans {
			s.own = append(s.own, b...)
		}
		rd.release()
		return true
	})
	if err != nil {
		return err
	}
	return s.write(s.own)
}

// stripePart is a range of one stripe.
type stripePart struct {
	at      stripeAt
	from, n int64
}

// parts yields the stripe ranges that hold bytes [off, off+n) of the object.
func (o *Object) parts(off, n int64, yield func(stripePart) bool) {
	for i, e := range o.object.Extents {
		if n == 0 {
			return
		}
		if off >= e.Length {
			off -= e.Length
			continue
		}
		take := min(n, e.Length-off)
		if !splitRun(o.segs[i], e, off, take, yield) {
			return
		}
		off, n = 0, n-take
	}
}

// splitRun yields the stripe ranges of bytes [off, off+n) of an extent.
func splitRun(seg *segment, e catalog.Extent, off, n int64, yield func(stripePart) bool) bool {
	per := int64(e.D) * int64(e.Column)
	stride := drive.BlockBytes(seg.kind, e.D, seg.m, e.Column)
	for pos := e.Start + off; n > 0; {
		i := pos / per
		take := min(n, per-pos%per)
		part := stripePart{
			at:   stripeAt{seg: seg, no: e.Stripe + uint32(i), offset: e.Offset + i*stride, d: e.D, length: e.Column},
			from: pos % per, n: take,
		}
		if !yield(part) {
			return false
		}
		pos, n = pos+take, n-take
	}
	return true
}

// readAhead is the number of stripes read while one is being sent.
const readAhead = 1

// eachStripe reads the stripes of a range in order, one ahead of the one that
// emit gets.
func (p *Pool) eachStripe(ctx context.Context, o *Object, off, n int64, emit func(*stripeRead) error) error {
	var parts []stripePart
	o.parts(off, n, func(sp stripePart) bool {
		parts = append(parts, sp)
		return len(parts) < 2
	})
	if len(parts) == 0 {
		return nil
	}
	if len(parts) == 1 {
		rd, err := p.readStripe(ctx, parts[0].at, parts[0].from, parts[0].n)
		if err != nil {
			return err
		}
		return emit(rd)
	}
	type result struct {
		rd  *stripeRead
		err error
	}
	ctx, cancel := context.WithCancel(ctx)
	results := make(chan result, readAhead)
	go func() {
		defer close(results)
		o.parts(off, n, func(sp stripePart) bool {
			rd, err := p.readStripe(ctx, sp.at, sp.from, sp.n)
			select {
			case results <- result{rd, err}:
				return err == nil
			case <-ctx.Done():
				if rd != nil {
					rd.release()
				}
				return false
			}
		})
	}()
	var err error
	for r := range results {
		switch {
		case err != nil:
			if r.rd != nil {
				r.rd.release()
			}
		case r.err != nil:
			err = r.err
			cancel()
		default:
			if err = emit(r.rd); err != nil {
				cancel()
			}
		}
	}
	if err == nil {
		err = ctx.Err() // the reader gave up
	}
	cancel()
	return err
}
