package blockstore

import (
	"context"
	"fmt"
	"io"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
)

// putting is what a Put keeps until its object is durable: the upload, the change that
// goes into a batch, and its record.
//
// Its memory is used again, so that a small object costs none. Invariant: it goes back
// only when nobody else can have it any more. The committer has it from handOver until it
// has answered, so not when the pool closes meanwhile; and those who want memory back may
// hold an upload for a while that had columns (lending.idle), so none that had any goes back.
// What the client gets refers to nothing of it, nor does what the catalog is given.
type putting struct {
	p      *Pool
	bucket string
	cond   Condition

	up     upload
	change request
	rec    catalog.Put
	stored catalog.Object // as later changes of its batch see it
	text   []byte         // the record, encoded to see that it is valid
	enc    catalog.Encoder

	decide func(*decision) (catalog.Record, error) // decided, made once
}

// putTextMax is the longest text that is kept for the next Put, in bytes.
const putTextMax = 4 << 10

// putting gets a Put its memory.
func (p *Pool) putting() *putting {
	w, _ := p.puttings.Get().(*putting)
	if w == nil {
		w = &putting{p: p}
		w.decide = w.decided
	}
	return w
}

// give gives it back. answered says that no change of it is with the committer.
func (w *putting) give(answered bool) {
	lent := w.up.lent
	w.up.close()
	if !answered || lent {
		return
	}
	w.up.forget()
	w.bucket, w.cond = "", Condition{}
	w.change = request{done: w.change.done}
	w.rec, w.stored = catalog.Put{}, catalog.Object{}
	if cap(w.text) > putTextMax {
		w.text = nil
	}
	w.p.puttings.Put(w)
}

// Put stores an object, in place of the one of that key if there is one. When
// it returns nil, the object is durable: every stored block of it is synced on
// its drive. On error nothing has changed, but for ErrUnavailable, which leaves
// open whether it has.
func (p *Pool) Put(ctx context.Context, bucket, key string, body io.Reader, opt PutOptions) (ObjectInfo, error) {
	end, err := p.enter()
	if err != nil {
		return ObjectInfo{}, err
	}
	defer end()
	if err := checkKey(key); err != nil {
		return ObjectInfo{}, err
	}
	if err := p.writable(); err != nil {
		return ObjectInfo{}, err
	}
	b, err := p.catalog.Bucket(ctx, bucket)
	if err != nil {
		return ObjectInfo{}, notFoundAs(err, ErrNoSuchBucket)
	}
	w := p.putting()
	w.bucket, w.cond = bucket, opt.If
	w.rec.Bucket, w.rec.Key = b.ID, key
	obj := &w.rec.Object
	obj.ContentType, obj.Meta, obj.System = opt.ContentType, sortPairs(opt.Meta), sortPairs(opt.System)
	w.up.begin(p, ctx, body, opt.Size, opt.Digest)
	answered := true
	defer func() { w.give(answered) }()
	if w.text, err = w.enc.AppendValid(w.text[:0], &w.rec); err != nil { // before the body is read
		return ObjectInfo{}, fmt.Errorf("%w: %w", ErrInvalidName, err)
	}
	stored, err := w.up.store(opt.Finish)
	if err != nil {
		return ObjectInfo{}, err
	}
	obj.Size, obj.ModTimeUnixNano, obj.ETag, obj.Checksum = stored.size, p.now().UnixNano(), stored.ETag, stored.checksum
	obj.System = mergePairs(obj.System, stored.System)
	w.rec.Body = stored.body()
	stored.fill(&w.change, pairBytes(obj.Meta)+pairBytes(obj.System)+int64(len(key)))
	w.change.decide = w.decide
	answered = false
	version, err := p.submit(ctx, &w.change)
	answered = w.change.answered
	if err != nil {
		return ObjectInfo{}, err
	}
	info := infoOf(bucket, key, obj)
	info.Version = version
	return info, nil
}

// decided judges the change (request.decide).
func (w *putting) decided(d *decision) (catalog.Record, error) {
	if err := w.p.writable(); err != nil { // no more than when the body began
		return nil, err
	}
	if err := d.sameBucket(w.bucket, w.rec.Bucket); err != nil {
		return nil, err
	}
	if err := d.condition(w.rec.Bucket, w.rec.Key, w.cond); err != nil {
		return nil, err
	}
	w.stored = w.rec.Object
	w.stored.Version = d.version()
	d.setObject(w.rec.Bucket, w.rec.Key, &w.stored)
	return &w.rec, nil
}
