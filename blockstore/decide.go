package blockstore

import (
	"context"
	"errors"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
)

// decision is what the changes of one batch are judged by (R5): the catalog,
// which holds every batch before it, and what this batch has decided so far.
type decision struct {
	ctx     context.Context
	catalog *catalog.Catalog
	lsn     uint64
	index   int // of the record being decided

	found   catalog.Bucket                // the last that was found in the catalog
	buckets map[string]*catalog.Bucket    // nil: deleted in this batch
	objects map[objectKey]*catalog.Object // nil: deleted in this batch
	stored  map[uint64]bool               // buckets that this batch stores into
	uploads map[uint64]*catalog.Upload    // nil: ended in this batch
	parts   map[partOf]bool               // stored in this batch
	entries int64                         // bytes of objects' entries that this batch reads and writes, about

	// Of the change being decided: what it makes of objects, in their order, and of all else.
	changed []changedObject
	effects []func()
}

// changedObject is what a change makes of an object; nil: nothing is left of it.
type changedObject struct {
	key objectKey
	o   *catalog.Object
}

type objectKey struct {
	bucket uint64
	key    string
}

// partOf names a part of an upload.
type partOf struct {
	upload uint64
	number int
}

func newDecision(p *Pool) *decision {
	return &decision{
		ctx: p.ctx, catalog: p.catalog,
		buckets: make(map[string]*catalog.Bucket),
		objects: make(map[objectKey]*catalog.Object),
		stored:  make(map[uint64]bool),
		uploads: make(map[uint64]*catalog.Upload),
		parts:   make(map[partOf]bool),
	}
}

// begin forgets what was decided, for the batch of that LSN.
func (d *decision) begin(lsn uint64) {
	d.lsn, d.index, d.entries, d.found = lsn, 0, 0, catalog.Bucket{}
	clear(d.buckets)
	clear(d.objects)
	clear(d.stored)
	clear(d.uploads)
	clear(d.parts)
	d.reject()
}

// version is that of the record being decided.
func (d *decision) version() uint64 { return sequence(d.lsn, d.index) }

// bucket finds a bucket, or returns ErrNoSuchBucket. What it gives is so until the next one is found.
func (d *decision) bucket(name string) (*catalog.Bucket, error) {
	if b, ok := d.buckets[name]; ok {
		if b == nil {
			return nil, ErrNoSuchBucket
		}
		return b, nil
	}
	if d.found.Name == name && name != "" { // no batch was applied since
		return &d.found, nil
	}
	b, err := d.catalog.Bucket(d.ctx, name)
	if err != nil {
		return nil, notFoundAs(err, ErrNoSuchBucket)
	}
	d.found = b
	return &d.found, nil
}

// sameBucket says that the bucket of that name is still the one of that id.
func (d *decision) sameBucket(name string, id uint64) error {
	b, err := d.bucket(name)
	if err == nil && b.ID != id {
		err = ErrNoSuchBucket // another one of that name
	}
	return err
}

// condition says whether one holds.
func (d *decision) condition(bucket uint64, key string, c Condition) error {
	if len(c.IfMatch) == 0 && len(c.IfNoneMatch) == 0 {
		return nil
	}
	o, err := d.object(bucket, key)
	if err == nil && !c.holds(o) {
		err = ErrPrecondition
	}
	return err
}

// object finds an object, or returns nil.
func (d *decision) object(bucket uint64, key string) (*catalog.Object, error) {
	if o, ok := d.objects[objectKey{bucket, key}]; ok {
		return o, nil
	}
	o, err := d.catalog.Object(d.ctx, bucket, key)
	if errors.Is(err, catalog.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, unavailable(err)
	}
	d.entries += entryBytes(&o)
	return &o, nil
}

// setObject says what the change being decided makes of an object; nil deletes it.
func (d *decision) setObject(bucket uint64, key string, o *catalog.Object) {
	d.changed = append(d.changed, changedObject{objectKey{bucket, key}, o})
}

// entryBytes is about how long an object's entry in the catalog is.
func entryBytes(o *catalog.Object) int64 {
	n := pairBytes(o.Meta) + pairBytes(o.System) + int64(extentBytes*len(o.Extents))
	for i := range o.Parts {
		n += partEntryBytes + pairBytes(o.Parts[i].System)
	}
	return n
}

// setBucket says what the change being decided makes of a bucket; nil deletes it.
func (d *decision) setBucket(name string, b *catalog.Bucket) {
	d.effects = append(d.effects, func() { d.buckets[name] = b })
}

// upload finds an upload, or returns ErrNoSuchUpload.
func (d *decision) upload(bucket uint64, key string, id uint64) (*catalog.Upload, error) {
	u, ok := d.uploads[id]
	if !ok {
		found, err := d.catalog.Upload(d.ctx, bucket, key, id)
		if err != nil {
			return nil, notFoundAs(err, ErrNoSuchUpload)
		}
		u = &found
	}
	if u == nil || u.Bucket != bucket || u.Key != key {
		return nil, ErrNoSuchUpload
	}
	return u, nil
}

// setUpload says that the change being decided begins an upload, or ends the one
// of that id: u is nil.
func (d *decision) setUpload(id uint64, u *catalog.Upload) {
	d.effects = append(d.effects, func() {
		d.uploads[id] = u
		if u != nil {
			d.stored[u.Bucket] = true
		}
	})
}

// setPart says that the change being decided stores a part.
func (d *decision) setPart(upload uint64, number int) {
	d.effects = append(d.effects, func() { d.parts[partOf{upload, number}] = true })
}

// accept lets later changes of the batch see the one just decided; reject
// forgets it.
func (d *decision) accept() {
	for _, c := range d.changed {
		d.objects[c.key] = c.o
		if c.o != nil {
			d.stored[c.key.bucket] = true
			d.entries += entryBytes(c.o)
		}
	}
	for _, f := range d.effects {
		f()
	}
	d.reject()
}

func (d *decision) reject() {
	clear(d.changed)
	clear(d.effects)
	d.changed, d.effects = d.changed[:0], d.effects[:0]
}

// empty says whether a bucket holds nothing. Within the batch it errs on the
// side of "no": what was stored and deleted in one batch counts as stored.
func (d *decision) empty(bucket uint64) (bool, error) {
	if d.stored[bucket] {
		return false, nil
	}
	empty, err := d.catalog.BucketEmpty(d.ctx, bucket)
	if err != nil {
		return false, unavailable(err)
	}
	return empty, nil
}

// notFoundAs translates the catalog's answer into the pool's: what is not
// there is missing, whatever else is wrong is unavailable, never "not found"
// (R12).
func notFoundAs(err, missing error) error {
	if errors.Is(err, catalog.ErrNotFound) {
		return missing
	}
	return unavailable(err)
}

func unavailable(err error) error {
	if err == nil || errors.Is(err, ErrUnavailable) {
		return err
	}
	return errors.Join(ErrUnavailable, err)
}

// sequence numbers the records of the log: a batch's LSN and the record's place
// in it. It is an object's version, a bucket's and an upload's id.
func sequence(lsn uint64, index int) uint64 { return lsn<<16 | uint64(index) }
