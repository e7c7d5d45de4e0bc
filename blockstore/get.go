package blockstore

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// Object is an object opened for reading. Its segments are pinned until Close,
// so that it can be read to its end whatever happens to its key meanwhile.
type Object struct {
	p      *Pool
	info   ObjectInfo
	object catalog.Object
	segs   []*segment  // of the extents
	seg    [1]*segment // where segs begins: most objects are small
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
	o.segs = o.seg[:0]
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
// A whole object is verified against its own checksum as well, and each part of a
// multipart object that lies in the range, before its last bytes are written (R3).
//
// Errors: *WriteError if w fails, *DamageError (ErrUnavailable) if a stripe
// cannot be read; then what was written so far was right.
func (o *Object) WriteTo(ctx context.Context, w io.Writer, off, n int64) error {
	if off < 0 || n < 0 || off+n > o.info.Size {
		return fmt.Errorf("range %d+%d is not within the object's %d bytes", off, n, o.info.Size)
	}
	err := o.p.send(ctx, o, w, off, n)
	o.p.noteUnreadable(o.info.Bucket, o.info.Key, err)
	return err
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
