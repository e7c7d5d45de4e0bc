package catalog

import (
	"errors"
	"math"

	"github.com/cockroachdb/pebble/v2"
)

// Replay of multipart uploads. All of these are void if the upload is gone.

func (a *applier) uploadAlive(bucket uint64, key string, upload uint64) (bool, error) {
	_, err := getUpload(a.out, bucket, key, upload)
	return found(err)
}

func (a *applier) uploadCreate(r *UploadCreate) error {
	if ok, err := a.bucketAlive(r.Bucket); !ok {
		return err
	}
	u := Upload{CreatedUnixNano: r.CreatedUnixNano, ContentType: r.ContentType, Meta: r.Meta, System: r.System}
	return a.set(uploadKey(r.Bucket, r.Key, a.seq), u.code)
}

func (a *applier) partPut(r *PartPut) error {
	if ok, err := a.uploadAlive(r.Bucket, r.Key, r.Upload); !ok {
		return err
	}
	old, err := getPart(a.out, r.Upload, r.Number)
	ok, err := found(err)
	if err != nil {
		return err
	}
	if ok {
		a.live.add(old.Extents, -1)
	}
	p := Part{
		Version: a.seq, Size: r.Size, ModTimeUnixNano: r.ModTimeUnixNano, ETag: r.ETag,
		Checksum: r.Checksum, System: r.System, Extents: r.Body.resolve(a.place),
	}
	a.live.add(p.Extents, 1)
	return a.set(partKey(r.Upload, r.Number), p.code)
}

// Object is what the record makes of its upload and parts, with that version.
// Part gives one of the upload's. ErrTooLarge if no entry can hold it: then the
// record is void, so whoever is about to make one asks this first.
func (r *UploadComplete) Object(version uint64, u *Upload, part func(number int) (Part, error)) (Object, error) {
	o := Object{
		Version: version, ModTimeUnixNano: r.ModTimeUnixNano, ETag: r.ETag,
		ContentType: u.ContentType, Meta: u.Meta, System: u.System,
	}
	if len(r.System) > 0 {
		o.System = r.System
	}
	for _, number := range r.Parts {
		p, err := part(number)
		if err != nil {
			return Object{}, err
		}
		if p.Size > math.MaxInt64-o.Size || len(o.Extents)+len(p.Extents) > MaxExtents {
			return Object{}, ErrTooLarge
		}
		o.Size += p.Size
		o.Parts = append(o.Parts, PartInfo{Number: number, Size: p.Size, Checksum: p.Checksum, System: p.System})
		o.Extents = append(o.Extents, p.Extents...)
	}
	return o, o.fits()
}

func (a *applier) uploadComplete(r *UploadComplete) error {
	u, err := getUpload(a.out, r.Bucket, r.Key, r.Upload)
	if ok, err := found(err); !ok {
		return err
	}
	o, err := r.Object(a.seq, &u, func(number int) (Part, error) { return getPart(a.out, r.Upload, number) })
	if errors.Is(err, ErrTooLarge) {
		return nil // void
	}
	if ok, err := found(err); !ok {
		return err
	}
	if o.Size > math.MaxInt64-a.meta.bytes {
		return nil // void: totals could not be told any more
	}
	if err := a.endUpload(r.Bucket, r.Key, r.Upload); err != nil {
		return err
	}
	return a.store(r.Bucket, r.Key, &o)
}

func (a *applier) uploadAbort(r *UploadAbort) error {
	if ok, err := a.uploadAlive(r.Bucket, r.Key, r.Upload); !ok {
		return err
	}
	return a.endUpload(r.Bucket, r.Key, r.Upload)
}

// endUpload removes an upload and all its parts.
func (a *applier) endUpload(bucket uint64, key string, upload uint64) error {
	it, err := a.out.NewIter(prefixOptions(partPrefix(upload)))
	if err != nil {
		return err
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		_, p, err := decodePart(it.Key(), it)
		if err != nil {
			return err
		}
		a.live.add(p.Extents, -1)
		// The iterator does not see what the batch gains after it was made.
		if err := a.out.Delete(it.Key(), nil); err != nil {
			return err
		}
	}
	if err := it.Error(); err != nil {
		return err
	}
	return a.unset(uploadKey(bucket, key, upload))
}

func prefixOptions(prefix []byte) *pebble.IterOptions {
	return &pebble.IterOptions{LowerBound: prefix, UpperBound: successor(prefix)}
}
