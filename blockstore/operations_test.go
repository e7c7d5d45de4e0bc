package blockstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
)

// The operations of the model: each is noted in the history before it begins
// and after it returns. They return an error only when the pool gave an answer
// that the model excludes.

// trickle reads a few bytes at a time.
type trickle struct {
	r io.Reader
	n int
}

func (t *trickle) Read(p []byte) (int, error) { return t.r.Read(p[:min(len(p), t.n)]) }

// fuss is how much a change may meet: what fails meanwhile.
type fuss struct {
	faults bool // drives fail at the same time: a change may answer ErrUnavailable
}

func (f fuss) accept(err error) error {
	if err == nil || f.faults && maybe(err) {
		return nil
	}
	return err
}

// put stores v. If rng is not nil, it chooses how: with the length announced or
// not, in one piece or many, or under a condition.
func (w *world) put(ctx context.Context, bucket, key string, v *value, f fuss, rng *rand.Rand) error {
	name := bucket + "/" + key
	o := PutOptions{
		Size: int64(len(v.body)), ContentType: "text/x-" + v.etag, Meta: []Pair{{Name: "z", Value: v.etag}, {Name: "a", Value: "b"}},
		Finish: func() (Finished, error) { return Finished{ETag: v.etag}, nil },
	}
	var body io.Reader = bytes.NewReader(v.body)
	want := error(nil)
	if rng != nil {
		if rng.IntN(3) == 0 {
			o.Size = -1
		}
		if rng.IntN(3) == 0 {
			body = &trickle{body, 1 + rng.IntN(1+len(v.body))}
		}
		if old, known := w.h.current(name); known && rng.IntN(4) == 0 {
			holds := true
			switch rng.IntN(3) {
			case 0:
				o.If.IfNoneMatch, holds = []string{"*"}, old == nil
			case 1:
				o.If.IfMatch, holds = []string{"none", "*"}, old != nil
			case 2:
				o.If.IfMatch, holds = []string{"other"}, false
				if old != nil && rng.IntN(2) == 0 {
					o.If.IfMatch, holds = []string{"other", old.etag}, true
				}
			}
			if !holds {
				want = ErrPrecondition
			}
		}
	}
	c := w.h.begin(name, v)
	_, err := w.p.Put(ctx, bucket, key, body, o)
	w.h.end(c, err)
	if want != nil && errors.Is(err, want) {
		return nil
	}
	if f.accept(err) != nil || want != nil && !maybe(err) {
		return fmt.Errorf("put %s, %v: %w, wanted %v", name, v, err, want)
	}
	return nil
}

func (w *world) delete(ctx context.Context, bucket, key string, f fuss) error {
	name := bucket + "/" + key
	old, known := w.h.current(name)
	c := w.h.begin(name, nil)
	existed, err := w.p.Delete(ctx, bucket, key, Condition{})
	w.h.end(c, err)
	if err := f.accept(err); err != nil {
		return fmt.Errorf("delete %s: %w", name, err)
	}
	if err == nil && known && existed != (old != nil) {
		return fmt.Errorf("delete %s: existed %t, but it was %v", name, existed, old)
	}
	return nil
}

func (w *world) createBucket(ctx context.Context, name string, f fuss) error {
	old, known := w.h.current(name)
	c := w.h.begin(name, &value{})
	err := w.p.CreateBucket(ctx, name)
	if known && old != nil && errors.Is(err, ErrBucketExists) || !known && errors.Is(err, ErrBucketExists) {
		err = nil // it is there now
	}
	w.h.end(c, err)
	if err := f.accept(err); err != nil {
		return fmt.Errorf("create bucket %s: %w", name, err)
	}
	return nil
}

// deleteBucket deletes a bucket, or is refused because it is not empty.
func (w *world) deleteBucket(ctx context.Context, name string, f fuss) error {
	empty, sure := true, true
	w.h.mu.Lock()
	var keys []string
	for n := range w.h.names {
		if strings.HasPrefix(n, name+"/") {
			keys = append(keys, n)
		}
	}
	w.h.mu.Unlock()
	for _, n := range keys {
		v, known := w.h.current(n)
		empty, sure = empty && v == nil, sure && known
	}
	uploads, known := w.h.uploadsIn(name)
	empty, sure = empty && !uploads, sure && known
	old, known := w.h.current(name)
	c := w.h.begin(name, nil)
	err := w.p.DeleteBucket(ctx, name)
	if errors.Is(err, ErrNoSuchBucket) && (old == nil || !known) {
		err = nil
	}
	w.h.end(c, err)
	if errors.Is(err, ErrBucketNotEmpty) && (!empty || !sure) {
		return nil
	}
	if err == nil && !empty && sure {
		return fmt.Errorf("bucket %s was deleted with objects in it", name)
	}
	if err := f.accept(err); err != nil {
		return fmt.Errorf("delete bucket %s: %w", name, err)
	}
	return nil
}

// get reads a range of an object whose value is known.
func (w *world) get(ctx context.Context, bucket, key string, rng *rand.Rand) error {
	name := bucket + "/" + key
	want, known := w.h.current(name)
	if !known {
		return nil
	}
	o, err := w.p.Get(ctx, bucket, key)
	if want == nil {
		if !errors.Is(err, ErrNoSuchKey) && !errors.Is(err, ErrNoSuchBucket) {
			return fmt.Errorf("get %s, which is absent: %v", name, err)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("get %s, %v: %w", name, want, err)
	}
	defer o.Close()
	if i := o.Info(); i.ETag != want.etag || i.Size != int64(len(want.body)) || i.ContentType != "text/x-"+want.labelled() ||
		!slices.Equal(i.Meta, pairsOf("a", "b", "z", want.labelled())) || !slices.Equal(i.System, want.system) ||
		!slices.EqualFunc(i.Parts, want.parts, samePart) {
		return fmt.Errorf("get %s: %+v, wanted %v", name, i, want)
	}
	from := rng.IntN(len(want.body) + 1)
	to := from + rng.IntN(len(want.body)-from+1)
	if rng.IntN(3) == 0 {
		from, to = 0, len(want.body)
	}
	var b bytes.Buffer
	if err := o.WriteTo(ctx, &b, int64(from), int64(to-from)); err != nil {
		return fmt.Errorf("get %s, %v, bytes %d to %d: %w", name, want, from, to, err)
	}
	if !bytes.Equal(b.Bytes(), want.body[from:to]) {
		return fmt.Errorf("get %s, %v, bytes %d to %d: other bytes", name, want, from, to)
	}
	return nil
}

// list compares one listing with what the history implies; all of the bucket
// must be known and at rest.
func (w *world) list(ctx context.Context, bucket string, o ListOptions) error {
	var objects, prefixes []string
	w.h.mu.Lock()
	var names []string
	for n := range w.h.names {
		names = append(names, n)
	}
	w.h.mu.Unlock()
	slices.Sort(names)
	for _, n := range names {
		key, ok := strings.CutPrefix(n, bucket+"/")
		if !ok || !strings.HasPrefix(key, o.Prefix) {
			continue
		}
		v, known := w.h.current(n)
		if !known {
			return nil
		}
		if v == nil {
			continue
		}
		if key <= o.After {
			continue
		}
		if i := strings.Index(key[len(o.Prefix):], o.Delimiter); o.Delimiter != "" && i >= 0 {
			common := key[:len(o.Prefix)+i+len(o.Delimiter)]
			if common != o.After && !slices.Contains(prefixes, common) {
				prefixes = append(prefixes, common)
			}
		} else {
			objects = append(objects, key)
		}
	}
	var gotObjects, gotPrefixes []string
	page := o
	for {
		got, err := w.p.List(ctx, bucket, page)
		if err != nil {
			return fmt.Errorf("list %s %+v: %w", bucket, page, err)
		}
		for _, i := range got.Objects {
			gotObjects = append(gotObjects, i.Key)
		}
		gotPrefixes = append(gotPrefixes, got.Prefixes...)
		if n := len(got.Objects) + len(got.Prefixes); n > o.Max || n == 0 && got.Truncated {
			return fmt.Errorf("list %s %+v: a page of %d", bucket, page, n)
		}
		if !got.Truncated {
			break
		}
		page.After = got.Next
	}
	if !slices.Equal(objects, gotObjects) || !slices.Equal(prefixes, gotPrefixes) {
		return fmt.Errorf("list %s %+v: %q and %q, wanted %q and %q", bucket, o, gotObjects, gotPrefixes, objects, prefixes)
	}
	return nil
}

// newValue makes a body of n bytes that no other value has.
func newValue(rng *rand.Rand, n int) *value {
	seed := rng.Uint64N(1 << 32)
	return &value{body: randomBody(seed, n), etag: fmt.Sprintf("%08x-%d", seed, n)}
}
