package catalog

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"

	"github.com/cockroachdb/pebble/v2"
)

// Owner is something that bytes in segments belong to: an object, or a part of
// an upload under way.
type Owner struct {
	Bucket     uint64
	BucketName string // empty if there is no bucket of that id, which cannot be
	Key        string
	Upload     uint64 // 0: an object
	Part       int    // 0: an object
	Version    uint64
	Extents    []Extent
}

const (
	ownerPage  = 256       // entries read at a time
	ownerBytes = 256 << 10 // of values after which a page ends
)

// Owners goes through all that owns extents: the parts of all uploads by key,
// then all objects by bucket and key. What owns no bytes comes too.
//
// It reads a page at a time, each as of its own moment; so the loss of a replica
// is nothing to it, another gives the next page. Whatever is an owner all the
// time comes once, and as it was at some moment meanwhile. That holds for bytes
// whose part becomes part of an object, too: they come with the one or the
// other, perhaps with both, since objects are read after all parts. Bytes stored
// after the beginning may not come. It ends with the first error.
func (c *Catalog) Owners(ctx context.Context) iter.Seq2[Owner, error] {
	return func(yield func(Owner, error) bool) {
		for _, from := range []byte{kindUpload, kindObject} {
			at := ownerCursor{key: []byte{from}}
			for at.key != nil {
				begin := at // a question that was left behind may still read it
				page, err := read(ctx, c, func(r pebble.Reader) (ownersPage, error) { return listOwners(r, begin) })
				if err != nil {
					yield(Owner{}, err)
					return
				}
				for _, o := range page.owners {
					if !yield(o, nil) {
						return
					}
				}
				at = page.next
			}
		}
	}
}

// ownerCursor is where a page begins.
type ownerCursor struct {
	key  []byte // the least key of an upload or object; nil: behind the end
	part int    // with the key of an upload: parts after this one
}

type ownersPage struct {
	owners []Owner
	next   ownerCursor
}

// ownerLister fills a page.
type ownerLister struct {
	r     pebble.Reader
	page  ownersPage
	bytes int
	names map[uint64]string

	// An object is decoded where the one before it was.
	obj   Object
	coder coder
}

func listOwners(r pebble.Reader, at ownerCursor) (p ownersPage, err error) {
	l := ownerLister{r: r, names: make(map[uint64]string)}
	l.page.owners = make([]Owner, 0, ownerPage)
	it, err := r.NewIter(prefixOptions(at.key[:1]))
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.SeekGE(at.key); ok; ok = it.Next() {
		k := it.Key()
		if l.full() {
			l.page.next = ownerCursor{key: bytes.Clone(k)}
			return l.page, nil
		}
		l.bytes += len(k)
		if k[0] == kindObject {
			if err := l.object(k, it); err != nil {
				return p, err
			}
			continue
		}
		if at.part != 0 && string(k) != string(at.key) {
			at.part = 0 // that upload is gone
		}
		last, all, err := l.parts(k, at.part)
		if err != nil {
			return p, err
		}
		if !all {
			l.page.next = ownerCursor{key: bytes.Clone(k), part: last}
			return l.page, nil
		}
		at.part = 0
	}
	return l.page, it.Error()
}

// full says that the page is. One upload or object at least is always in it.
func (l *ownerLister) full() bool { return len(l.page.owners) >= ownerPage || l.bytes >= ownerBytes }

func (l *ownerLister) object(k []byte, it *pebble.Iterator) error {
	if len(k) < 9 {
		return fmt.Errorf("%w: object key %x", errInconsistent, k)
	}
	v, err := it.ValueAndErr()
	if err != nil {
		return err
	}
	l.obj = Object{}
	if err := l.coder.entry(k, it, l.obj.code); err != nil {
		return err
	}
	l.bytes += len(v)
	return l.add(Owner{Bucket: binary.BigEndian.Uint64(k[1:]), Key: string(k[9:]), Version: l.obj.Version, Extents: l.obj.Extents})
}

// parts adds the parts of the upload with that key, those with greater numbers
// than after, and says whether that were all. Last is the number to go on after.
func (l *ownerLister) parts(k []byte, after int) (last int, all bool, err error) {
	bucket, key, upload, err := parseUploadKey(k)
	if err != nil {
		return 0, false, fmt.Errorf("%w: %v", errInconsistent, err)
	}
	it, err := l.r.NewIter(prefixOptions(partPrefix(upload)))
	if err != nil {
		return 0, false, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.SeekGE(partKey(upload, after+1)); ok; ok = it.Next() {
		if l.full() {
			return after, false, nil
		}
		v, err := it.ValueAndErr()
		if err != nil {
			return 0, false, err
		}
		number, p, err := decodePart(it.Key(), it)
		if err != nil {
			return 0, false, err
		}
		l.bytes += len(v)
		o := Owner{Bucket: bucket, Key: key, Upload: upload, Part: number, Version: p.Version, Extents: p.Extents}
		if err := l.add(o); err != nil {
			return 0, false, err
		}
		after = number
	}
	return after, true, it.Error()
}

// add puts an owner into the page, with the name of its bucket.
func (l *ownerLister) add(o Owner) error {
	name, ok := l.names[o.Bucket]
	if !ok {
		var err error
		if name, err = getBucketName(l.r, o.Bucket); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		l.names[o.Bucket] = name
	}
	o.BucketName = name
	l.page.owners = append(l.page.owners, o)
	return nil
}
