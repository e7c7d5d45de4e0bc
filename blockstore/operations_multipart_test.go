package blockstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
)

// The model's operations on multipart uploads, and on what is kept with objects.

// partsMost is how many parts uploads of the model have.
const partsMost = 4

// multipart is one random change of an upload for the key, or a look at it.
func (w *world) multipart(ctx context.Context, bucket, key string, f fuss, rng *rand.Rand) error {
	ups := w.h.uploadsOf(bucket, key)
	if len(ups) == 0 || rng.IntN(8) == 0 {
		_, err := w.beginUpload(ctx, bucket, key, f, rng)
		return err
	}
	up := ups[rng.IntN(len(ups))]
	switch rng.IntN(9) {
	case 0:
		return w.abort(ctx, up, f)
	case 1, 2, 3:
		return w.complete(ctx, up, f, rng)
	default:
		return w.putPart(ctx, up, 1+rng.IntN(partsMost), newValue(rng, w.randomSize(rng)), f, rng)
	}
}

func (w *world) beginUpload(ctx context.Context, bucket, key string, f fuss, rng *rand.Rand) (*uploadAs, error) {
	as := uploadAs{bucket: bucket, key: key, label: fmt.Sprintf("%08x", rng.Uint32())}
	b := w.h.asked(as)
	id, err := w.p.CreateUpload(ctx, bucket, key, as.options())
	w.h.begun(b, id, err)
	if f.accept(err) != nil {
		return nil, fmt.Errorf("begin an upload of %s/%s: %w", bucket, key, err)
	}
	as.id = id
	return &as, nil
}

func (w *world) putPart(ctx context.Context, up *uploadAs, number int, v *value, f fuss, rng *rand.Rand) error {
	o := PartOptions{Size: int64(len(v.body)), Finish: func() (Finished, error) { return Finished{ETag: v.etag}, nil }}
	var body io.Reader = bytes.NewReader(v.body)
	if rng != nil && rng.IntN(3) == 0 {
		o.Size, body = -1, &trickle{body, 1 + rng.IntN(1+len(v.body))}
	}
	c := w.h.begin(partName(up.id, number), v)
	_, err := w.p.PutPart(ctx, up.bucket, up.key, up.id, number, body, o)
	w.h.end(c, err)
	if f.accept(err) != nil {
		return fmt.Errorf("part %d of %s, %v: %w", number, up.id, v, err)
	}
	return nil
}

// complete makes an object of some of the parts that are known to be there.
func (w *world) complete(ctx context.Context, up *uploadAs, f fuss, rng *rand.Rand) error {
	name := up.bucket + "/" + up.key
	var o CompleteOptions
	v := &value{label: up.label, system: up.options().System, from: up.id}
	var etags []string
	absent := 0
	for n := 1; n <= partsMost; n++ {
		part, known := w.h.current(partName(up.id, n))
		switch {
		case known && part == nil:
			absent = n
		case known && rng.IntN(8) > 0:
			o.Numbers, etags = append(o.Numbers, n), append(etags, part.etag)
			v.parts = append(v.parts, PartInfo{Number: n, Size: int64(len(part.body))})
			v.body = append(v.body, part.body...)
		}
	}
	v.etag = fmt.Sprintf("%s-%d-%04x", up.id, len(o.Numbers), rng.IntN(1<<16))
	want := error(nil)
	switch old, known := w.h.current(name); {
	case len(o.Numbers) == 0 || absent > 0 && rng.IntN(6) == 0:
		want = ErrNoSuchPart
		if absent > 0 && !slices.Contains(o.Numbers, absent) {
			o.Numbers = append(o.Numbers, absent)
			slices.Sort(o.Numbers)
		}
	case known && rng.IntN(5) == 0:
		o.If.IfNoneMatch = []string{"*"}
		if old != nil {
			want = ErrPrecondition
		}
	}
	done := Finished{ETag: v.etag}
	if rng.IntN(3) == 0 {
		done.System = pairsOf("own", v.etag)
		v.system = done.System
	}
	o.Finish = func(parts []PartInfo) (Finished, error) {
		for i, part := range parts {
			if !samePart(part, v.parts[i]) || part.ETag != etags[i] {
				return Finished{}, fmt.Errorf("complete %s: shown %+v, wanted %+v, ETag %s", up.id, part, v.parts[i], etags[i])
			}
		}
		return done, nil
	}
	object, upload := w.h.begin(name, v), w.h.begin(uploadName(up.id), nil)
	_, err := w.p.CompleteUpload(ctx, up.bucket, up.key, up.id, o)
	w.h.end(object, err)
	w.h.end(upload, err)
	if want != nil && errors.Is(err, want) {
		return nil
	}
	if f.accept(err) != nil || want != nil && !maybe(err) {
		return fmt.Errorf("complete %s of %s, parts %v: %w, wanted %v", up.id, name, o.Numbers, err, want)
	}
	return nil
}

func (w *world) abort(ctx context.Context, up *uploadAs, f fuss) error {
	c := w.h.begin(uploadName(up.id), nil)
	err := w.p.AbortUpload(ctx, up.bucket, up.key, up.id)
	w.h.end(c, err)
	if f.accept(err) != nil {
		return fmt.Errorf("abort %s: %w", up.id, err)
	}
	return nil
}

// amend replaces what is kept with an object, or is refused.
func (w *world) amend(ctx context.Context, bucket, key string, f fuss, rng *rand.Rand) error {
	name := bucket + "/" + key
	old, known := w.h.current(name)
	if !known {
		return nil
	}
	info, err := w.p.Stat(ctx, bucket, key)
	if err != nil {
		if old == nil && (errors.Is(err, ErrNoSuchKey) || errors.Is(err, ErrNoSuchBucket)) {
			err = nil
			if e := w.p.SetSystem(ctx, bucket, key, 1, nil); !errors.Is(e, ErrNoSuchKey) && !errors.Is(e, ErrNoSuchBucket) && f.accept(e) != nil || e == nil {
				err = fmt.Errorf("amend %s, which is absent: %v", name, e)
			}
		}
		return err
	}
	if old == nil {
		return fmt.Errorf("stat %s: %+v, which is absent", name, info)
	}
	v := *old
	if v.system = nil; rng.IntN(4) > 0 {
		v.system = pairsOf("amended", fmt.Sprintf("%08x", rng.Uint32()))
	}
	version, want := info.Version, error(nil)
	if rng.IntN(4) == 0 {
		version, want = version-1, ErrPrecondition
	}
	c := w.h.begin(name, &v)
	err = w.p.SetSystem(ctx, bucket, key, version, v.system)
	w.h.end(c, err)
	if want != nil && errors.Is(err, want) {
		return nil
	}
	if f.accept(err) != nil || want != nil && !maybe(err) {
		return fmt.Errorf("amend %s, %v: %w, wanted %v", name, old, err, want)
	}
	return nil
}
