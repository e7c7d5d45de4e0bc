package blockstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
)

// keyBytesMax is the longest key, in bytes of UTF-8, as in S3.
const keyBytesMax = 1024

// Pair is a name and a value kept with an object.
type Pair = catalog.Pair

// ObjectInfo describes an object.
type ObjectInfo struct {
	Bucket, Key string
	Size        int64  // bytes
	ETag        string // without quotes
	ContentType string
	Meta        []Pair // the client's own, ascending by name
	System      []Pair // kept headers, ascending by name
	Modified    time.Time
	Version     uint64
	Parts       []PartInfo // of a multipart object, ascending; not in listings
}

// BucketInfo describes a bucket.
type BucketInfo struct {
	Name    string
	Created time.Time
}

// Condition is what must hold when a change is committed; it is decided with
// the commit, so of two clients that ask for the same at once one is refused.
// The zero Condition always holds. ETags are without quotes; "*" is any object.
type Condition struct {
	IfMatch     []string // the object exists with one of these
	IfNoneMatch []string // there is no object with one of these
}

func (c Condition) holds(o *catalog.Object) bool {
	if len(c.IfMatch) > 0 && (o == nil || !slices.Contains(c.IfMatch, "*") && !slices.Contains(c.IfMatch, o.ETag)) {
		return false
	}
	if len(c.IfNoneMatch) > 0 && o != nil && (slices.Contains(c.IfNoneMatch, "*") || slices.Contains(c.IfNoneMatch, o.ETag)) {
		return false
	}
	return true
}

// PutOptions says how a body is stored.
type PutOptions struct {
	Size        int64 // bytes; -1 if not known
	ContentType string
	Meta        []Pair
	System      []Pair
	If          Condition
	// Digest, if set, is given the body's bytes in order, piece by piece, beside
	// the encoding: by one goroutine at a time, which need not be the caller's. It
	// must not keep p, nor wait for anything but others' Digests at their computing: it
	// holds memory that others may be waiting for. All its calls are over before Finish.
	Digest func(p []byte)
	// Finish is called once, after the body's last byte and before the object
	// becomes visible. Its error rejects the object.
	Finish func() (Finished, error)
}

// Finished is what only the whole body tells.
type Finished struct {
	ETag   string // without quotes
	System []Pair // kept beside the options' own; names occur in one of them only
}

func checkKey(key string) error {
	switch {
	case key == "":
		return fmt.Errorf("%w: the key is empty", ErrInvalidName)
	case len(key) > keyBytesMax:
		return ErrKeyTooLong
	case !utf8.ValidString(key):
		return fmt.Errorf("%w: the key is not UTF-8", ErrInvalidName)
	}
	return nil
}

// Delete removes an object and says whether there was one. Deleting what is
// not there is no error, unless a condition asks for it.
func (p *Pool) Delete(ctx context.Context, bucket, key string, cond Condition) (existed bool, err error) {
	end, err := p.enter()
	if err != nil {
		return false, err
	}
	defer end()
	if err := checkKey(key); err != nil {
		return false, err
	}
	if err := p.readOnly(); err != nil {
		return false, err
	}
	_, err = p.submit(ctx, &request{decide: func(d *decision) (catalog.Record, error) {
		b, err := d.bucket(bucket)
		if err != nil {
			return nil, err
		}
		o, err := d.object(b.ID, key)
		if err != nil {
			return nil, err
		}
		if !cond.holds(o) {
			return nil, ErrPrecondition
		}
		if o == nil {
			return nil, errNothingToDo
		}
		d.setObject(b.ID, key, nil)
		return &catalog.Delete{Bucket: b.ID, Key: key}, nil
	}})
	if errors.Is(err, errNothingToDo) {
		return false, nil
	}
	return err == nil, err
}

// errNothingToDo answers a change that would change nothing.
var errNothingToDo = errors.New("nothing to do")

// Stat describes an object.
func (p *Pool) Stat(ctx context.Context, bucket, key string) (ObjectInfo, error) {
	end, err := p.enter()
	if err != nil {
		return ObjectInfo{}, err
	}
	defer end()
	o, err := p.lookUp(ctx, bucket, key)
	if err != nil {
		return ObjectInfo{}, err
	}
	return infoOf(bucket, key, &o), nil
}

func (p *Pool) lookUp(ctx context.Context, bucket, key string) (catalog.Object, error) {
	if err := checkKey(key); err != nil {
		return catalog.Object{}, err
	}
	if err := p.settledBucket(bucket, 0, false); err != nil {
		return catalog.Object{}, err
	}
	b, err := p.catalog.Bucket(ctx, bucket)
	if err != nil {
		return catalog.Object{}, notFoundAs(err, ErrNoSuchBucket)
	}
	if err := p.settledObject(b.ID, key); err != nil {
		return catalog.Object{}, err
	}
	o, err := p.catalog.Object(ctx, b.ID, key)
	if err != nil {
		return catalog.Object{}, notFoundAs(err, ErrNoSuchKey)
	}
	return o, nil
}

func infoOf(bucket, key string, o *catalog.Object) ObjectInfo {
	return ObjectInfo{
		Bucket: bucket, Key: key, Size: o.Size, ETag: o.ETag, ContentType: o.ContentType,
		Meta: o.Meta, System: o.System, Modified: time.Unix(0, o.ModTimeUnixNano).UTC(), Version: o.Version,
		Parts: partsOf(o),
	}
}

func partsOf(o *catalog.Object) []PartInfo {
	var list []PartInfo
	for _, part := range o.Parts {
		list = append(list, PartInfo{Number: part.Number, Size: part.Size, System: part.System})
	}
	return list
}

const (
	extentBytes    = 32 // about what an extent takes in a record
	partEntryBytes = 24 // and a part of an object in its entry, without its pairs
)

func pairBytes(pairs []Pair) int64 {
	n := 0
	for _, p := range pairs {
		n += len(p.Name) + len(p.Value) + 8
	}
	return int64(n)
}

// sortPairs orders pairs by name, as records want them.
func sortPairs(pairs []Pair) []Pair {
	sorted := slices.Clone(pairs)
	slices.SortStableFunc(sorted, func(a, b Pair) int { return strings.Compare(a.Name, b.Name) })
	return sorted
}

// mergePairs adds pairs to sorted ones. Of two with one name that which was added counts.
func mergePairs(sorted, added []Pair) []Pair {
	if len(added) == 0 {
		return sorted
	}
	all := sortPairs(slices.Concat(added, sorted)) // stable: what was added comes first
	return slices.CompactFunc(all, func(a, b Pair) bool { return a.Name == b.Name })
}
