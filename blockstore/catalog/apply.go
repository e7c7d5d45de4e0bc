package catalog

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// Batch is what becomes durable together: the records of one LSN.
type Batch struct {
	LSN     uint64 // dense, from 1
	UID     uint64 // tells apart batches that were built for one LSN
	Records []byte // as AppendRecord makes them
	Place   Place  // of the batch's data; may be zero if no record has an inline body
}

// An applier turns the records of one batch into changes of entries. It reads
// through the Pebble batch that it fills, so that records see those before
// them. What it writes depends on the entries and the batch alone.
//
// Its memory is used again, but for that of one which was left behind.
type applier struct {
	out   *pebble.Batch
	from  pebble.Reader // what entries are read from: out, or the database if no record reads what another one changes
	meta  meta
	live  deltas
	place Place
	seq   uint64 // of the record at hand
	alive uint64 // a bucket that is known to be there; 0: none

	record   int // at hand, in the batch
	replaced replaced

	key, value []byte // of an entry that is being looked up or written: the batch copies them
	coder      coder
	old, new   Object    // what is replaced, and by what
	extent     [1]Extent // where the extents of new begin
}

// prepare gives the physical batch (and the meta entry in it) that takes a
// database at prior to b. An error means that the database could not be read
// or contradicts itself; what the records ask for is never an error.
//
// Filters says that those of the last level are to be asked.
func (a *applier) prepare(db *pebble.DB, prior meta, b decodedBatch, filters bool) ([]byte, meta, error) {
	if err := a.replaced.lookUp(db, b.records, filters); err != nil {
		return nil, meta{}, fmt.Errorf("batch %d: looking up what it replaces: %w", b.lsn, err)
	}
	if b.apart { // an index of what the batch changes would be made for nothing
		a.out = db.NewBatch()
		a.from = db
	} else {
		a.out = db.NewIndexedBatch()
		a.from = a.out
	}
	defer func() {
		_ = a.out.Close() // it was not applied
		a.out, a.from = nil, nil
	}()
	clear(a.live)
	a.meta, a.place, a.alive = prior, b.place, b.alive
	a.meta.lsn, a.meta.uid = b.lsn, b.uid
	for i, r := range b.records {
		a.seq, a.record = b.lsn<<16|uint64(i), i
		if err := a.apply(r); err != nil {
			return nil, meta{}, fmt.Errorf("batch %d: record %d of type %d: %w", b.lsn, i, r.Type(), err)
		}
	}
	if err := a.finish(); err != nil {
		return nil, meta{}, fmt.Errorf("batch %d: %w", b.lsn, err)
	}
	return slices.Clone(a.out.Repr()), a.meta, nil
}

// keeps says that the applier is worth keeping for another batch: one of very large objects is not.
func (a *applier) keeps() bool {
	const extents, bytes = 4 << 10, 256 << 10
	r := &a.replaced
	return cap(r.extents)+cap(r.old.Extents)+cap(a.old.Extents) <= extents &&
		cap(r.keys)+cap(a.value) <= bytes && len(a.live) <= extents
}

func (a *applier) apply(r Record) error {
	switch r := r.(type) {
	case *Put:
		return a.put(r)
	case *Delete:
		return a.delete(r)
	case *BucketCreate:
		return a.bucketCreate(r)
	case *BucketDelete:
		return a.bucketDelete(r)
	case *UploadCreate:
		return a.uploadCreate(r)
	case *PartPut:
		return a.partPut(r)
	case *UploadComplete:
		return a.uploadComplete(r)
	case *UploadAbort:
		return a.uploadAbort(r)
	case *Relocate:
		return a.relocate(r)
	case *Amend:
		return a.amend(r)
	case *Segment:
		return a.segment(r)
	case *Seal:
		return a.seal(r)
	case *Remap:
		return a.remap(r)
	case *Drop:
		return a.drop(r)
	case *Setting:
		if len(r.Value) == 0 {
			return a.unset(settingKey(r.Name))
		}
		return a.set(settingKey(r.Name), codeSetting(&r.Value))
	case *Restate, *Opening: // say nothing to a replica that applies them in their turn
		return nil
	}
	panic(fmt.Sprintf("catalog: record of type %d has no replay", r.Type()))
}

// finish writes the derived entries.
func (a *applier) finish() error {
	if err := writeLive(a.from, a.out, a.live); err != nil {
		return err
	}
	if a.meta.objects < 0 || a.meta.bytes < 0 {
		return fmt.Errorf("%w: totals below zero", errInconsistent)
	}
	return a.set(metaKey, a.meta.code)
}

// writeLive adds the deltas to the stored live bytes, in the order of the
// segments; an entry that comes to zero is removed.
func writeLive(from pebble.Reader, out *pebble.Batch, live deltas) error {
	ids := make([]drive.SegmentID, 0, len(live))
	for id, d := range live {
		if d != 0 {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	for _, id := range ids {
		n, err := getLive(from, id)
		if err != nil {
			return err
		}
		n += live[id]
		switch {
		case n < 0:
			return fmt.Errorf("%w: live bytes of segment %d below zero", errInconsistent, uint64(id))
		case n == 0:
			err = out.Delete(liveKey(uint64(id)), nil)
		default:
			err = out.Set(liveKey(uint64(id)), value(codeLive(&n)), nil)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *applier) set(key []byte, code func(*coder)) error {
	a.value = a.coder.value(a.value[:0], code)
	return a.out.Set(key, a.value, nil)
}

func (a *applier) unset(key []byte) error { return a.out.Delete(key, nil) }

// found turns an absent entry from an error into false.
func found(err error) (bool, error) {
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// bucketAlive tells whether the incarnation of that id is there (R11).
func (a *applier) bucketAlive(id uint64) (bool, error) {
	if id == a.alive && id != 0 { // as for most records of a batch
		return true, nil
	}
	_, err := getBucketName(a.from, id)
	ok, err := found(err)
	if ok {
		a.alive = id
	}
	return ok, err
}

// objectKey is the key of an object's entry, until the next one is asked for.
func (a *applier) objectKey(bucket uint64, key string) []byte {
	a.key = appendObjectKey(a.key[:0], bucket, key)
	return a.key
}

// forget takes the old entry of the object that the record at hand is about out of
// the account. It is deleted or overwritten by the caller.
func (a *applier) forget(bucket uint64, key string) (bool, error) {
	old, known := a.replaced.of(a.record)
	if !known {
		o := &a.old
		*o = Object{Extents: o.Extents[:0]}
		ok, err := found(a.coder.get(a.from, a.objectKey(bucket, key), o.code))
		if err != nil {
			return false, err
		}
		old = replacedObject{there: ok, size: o.Size, extents: o.Extents}
	}
	if !old.there {
		return false, nil
	}
	a.live.add(old.extents, -1)
	a.meta.objects--
	a.meta.bytes -= old.size
	return true, nil
}

func (a *applier) store(bucket uint64, key string, o *Object) error {
	if _, err := a.forget(bucket, key); err != nil {
		return err
	}
	a.live.add(o.Extents, 1)
	a.meta.objects++
	a.meta.bytes += o.Size
	return a.set(a.objectKey(bucket, key), o.code)
}

func (a *applier) put(r *Put) error {
	if ok, err := a.bucketAlive(r.Bucket); !ok {
		return err
	}
	o := r.Object // a copy: the record is shared between replicas
	o.Version, o.Extents = a.seq, r.Body.resolveIn(a.extent[:0], a.place)
	if o.Size > math.MaxInt64-a.meta.bytes {
		return nil // void: totals could not be told any more
	}
	a.new = o
	return a.store(r.Bucket, r.Key, &a.new)
}

func (a *applier) delete(r *Delete) error {
	if ok, err := a.forget(r.Bucket, r.Key); !ok {
		return err
	}
	return a.unset(objectKey(r.Bucket, r.Key))
}

// Object is what the record makes of an object of its version. ErrTooLarge if no
// entry can hold it: then the record is void, as when the version is not current.
func (r *Amend) Object(o Object) (Object, error) {
	o.System = r.System
	return o, o.fits()
}

// fits says whether an entry can hold the object: if not, no checkpoint could restate it.
func (o *Object) fits() error {
	entry, err := encode(nil, o.code)
	if len(entry) > MaxEntryValue {
		return ErrTooLarge
	}
	return err
}

func (a *applier) amend(r *Amend) error {
	o, err := getObject(a.from, r.Bucket, r.Key)
	if ok, err := found(err); !ok {
		return err
	}
	if o.Version != r.Version {
		return nil
	}
	o, err = r.Object(o)
	if errors.Is(err, ErrTooLarge) {
		return nil
	}
	if err != nil {
		return err
	}
	return a.set(objectKey(r.Bucket, r.Key), o.code)
}

func (a *applier) bucketCreate(r *BucketCreate) error {
	_, err := getBucket(a.from, r.Name)
	if ok, err := found(err); ok || err != nil {
		return err
	}
	b := Bucket{Name: r.Name, ID: a.seq, CreatedUnixNano: r.CreatedUnixNano}
	name := r.Name
	if err := a.set(idKey(b.ID), codeName(&name)); err != nil {
		return err
	}
	return a.set(bucketKey(r.Name), b.code)
}

func (a *applier) bucketDelete(r *BucketDelete) error {
	name, err := getBucketName(a.from, r.Bucket)
	if ok, err := found(err); !ok {
		return err
	}
	if empty, err := bucketEmpty(a.from, r.Bucket); !empty {
		return err
	}
	if err := a.unset(bucketKey(name)); err != nil {
		return err
	}
	a.alive = 0
	return a.unset(idKey(r.Bucket))
}

func (a *applier) segment(r *Segment) error {
	_, err := getSegment(a.from, r.ID)
	if ok, err := found(err); ok || err != nil {
		return err
	}
	s := SegmentEntry{ID: r.ID, Kind: r.Kind, K: r.K, M: r.M, Base: r.Base, Drives: r.Drives}
	return a.set(segmentKey(uint64(r.ID)), s.code)
}

func (a *applier) seal(r *Seal) error {
	s, err := getSegment(a.from, r.ID)
	if ok, err := found(err); !ok {
		return err
	}
	if r.Suspect>>(s.K+s.M) != 0 {
		return nil
	}
	for _, k := range r.Classes {
		if k.Rotation >= s.K+s.M || k.D > s.K {
			return nil
		}
	}
	s.Sealed, s.Stripes, s.End, s.Last, s.Classes, s.Suspect = true, r.Stripes, r.End, r.Last, r.Classes, r.Suspect
	return a.set(segmentKey(uint64(r.ID)), s.code)
}

func (a *applier) remap(r *Remap) error {
	s, err := getSegment(a.from, r.ID)
	if ok, err := found(err); !ok {
		return err
	}
	if r.Index >= len(s.Drives) {
		return nil
	}
	s.Drives[r.Index] = r.Drive
	s.Suspect &^= 1 << r.Index
	return a.set(segmentKey(uint64(r.ID)), s.code)
}

func (a *applier) drop(r *Drop) error {
	n, err := getLive(a.from, r.ID)
	if err != nil || n+a.live[r.ID] > 0 {
		return err
	}
	return a.unset(segmentKey(uint64(r.ID)))
}

// relocate replaces a run of extents, if the version is current and the run is there.
func (a *applier) relocate(r *Relocate) error {
	if r.Upload != 0 {
		return a.relocatePart(r)
	}
	o, err := getObject(a.from, r.Bucket, r.Key)
	if ok, err := found(err); !ok {
		return err
	}
	moved, ok := replaceRun(o.Extents, r.From, r.Extents)
	if !ok || o.Version != r.Version {
		return nil
	}
	o.Extents = moved
	a.moved(r)
	return a.set(objectKey(r.Bucket, r.Key), o.code)
}

func (a *applier) relocatePart(r *Relocate) error {
	p, err := getPart(a.from, r.Upload, r.Number)
	if ok, err := found(err); !ok {
		return err
	}
	moved, ok := replaceRun(p.Extents, r.From, r.Extents)
	if !ok || p.Version != r.Version {
		return nil
	}
	p.Extents = moved
	a.moved(r)
	return a.set(partKey(r.Upload, r.Number), p.code)
}

func (a *applier) moved(r *Relocate) {
	a.live.add(r.From, -1)
	a.live.add(r.Extents, 1)
}

// replaceRun puts to in the place of from, which must be there as a run.
func replaceRun(list, from, to []Extent) ([]Extent, bool) {
	if len(list)-len(from)+len(to) > MaxExtents {
		return nil, false
	}
	for i := 0; i+len(from) <= len(list); i++ {
		if slices.Equal(list[i:i+len(from)], from) {
			return slices.Concat(list[:i], to, list[i+len(from):]), true
		}
	}
	return nil, false
}
