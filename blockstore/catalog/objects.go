package catalog

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

// ObjectName is what an object is found by: the id of its bucket, and its key.
type ObjectName struct {
	Bucket uint64
	Key    string
}

const (
	// objectsPage is how many objects one question is about, at most: it is to be answered
	// within a replica's patience, 500 ms, even if each is read from a drive that turns
	// to it, which takes 10 ms and more.
	objectsPage = 32
	// objectsBytes is about how many bytes of entries it reads, but for one more: that of an
	// object of ten thousand parts has a MiB and more.
	objectsBytes = 1 << 20
)

// Objects looks up many objects, and calls f with each and the index of its name,
// in the order of the names' bytes. One that is not there has Version 0, which no
// object has. They are looked up a page at a time, each page as of its own moment, and
// no more than a page is held. It ends with the first error, f's among them. Names must
// not change any more, not even afterwards.
//
// It costs far less than as many calls of Object: a page takes one goroutine, and
// one iterator that goes from key to key.
func (c *Catalog) Objects(ctx context.Context, names []ObjectName, f func(i int, o *Object) error) error {
	order := make([]int, len(names))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(names[a].Bucket, names[b].Bucket), cmp.Compare(names[a].Key, names[b].Key))
	})
	for len(order) > 0 {
		page := order[:min(len(order), objectsPage)] // a question that was left behind may still read it
		list, err := read(ctx, c, func(r pebble.Reader) ([]Object, error) { return getObjects(r, names, page) })
		if err != nil {
			return err
		}
		for i := range list {
			if err := f(order[i], &list[i]); err != nil {
				return err
			}
		}
		order = order[len(list):]
	}
	return nil
}

// getObjects gives the objects that have the names in that order, the first of
// them at least: where they get long, not all.
func getObjects(r pebble.Reader, names []ObjectName, order []int) (list []Object, err error) {
	it, err := r.NewIter(prefixOptions([]byte{kindObject}))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	list = make([]Object, 0, len(order))
	bytes := 0
	for _, i := range order {
		if bytes >= objectsBytes {
			break
		}
		var o Object
		key := objectKey(names[i].Bucket, names[i].Key)
		// The whole key is the prefix that the filters know.
		switch {
		case !it.SeekPrefixGE(key):
			if err := it.Error(); err != nil {
				return nil, err
			}
		case string(it.Key()) == string(key):
			if err := decodeValue(key, it, o.code); err != nil {
				return nil, err
			}
			bytes += len(it.Value())
		}
		list = append(list, o)
	}
	return list, nil
}
