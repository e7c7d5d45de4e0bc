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

// objectsPage is how many objects one question is about: it is to be answered
// within a replica's patience even if each is read from a drive.
const objectsPage = 256

// Objects gives many objects, in the order of their names. One that is not there
// has Version 0, which no object has. They are looked up a page at a time, each page
// as of its own moment. Names must not change any more, not even afterwards.
//
// It costs far less than as many calls of Object: a page takes one goroutine, and
// one iterator that goes from key to key.
func (c *Catalog) Objects(ctx context.Context, names []ObjectName) ([]Object, error) {
	all := make([]Object, 0, len(names))
	for page := range slices.Chunk(names, objectsPage) {
		list, err := read(ctx, c, func(r pebble.Reader) ([]Object, error) { return getObjects(r, page) })
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, nil
}

func getObjects(r pebble.Reader, names []ObjectName) (list []Object, err error) {
	order := make([]int, len(names))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(names[a].Bucket, names[b].Bucket), cmp.Compare(names[a].Key, names[b].Key))
	})
	it, err := r.NewIter(prefixOptions([]byte{kindObject}))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	list = make([]Object, len(names))
	for _, i := range order {
		key := objectKey(names[i].Bucket, names[i].Key)
		// The whole key is the prefix that the filters know.
		if !it.SeekPrefixGE(key) {
			if err := it.Error(); err != nil {
				return nil, err
			}
			continue
		}
		if string(it.Key()) != string(key) {
			continue
		}
		if err := decodeValue(key, it, list[i].code); err != nil {
			return nil, err
		}
	}
	return list, nil
}
