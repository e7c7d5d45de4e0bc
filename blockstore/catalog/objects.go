package catalog

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// ObjectName is what an object is found by: the id of its bucket, and its key.
type ObjectName struct {
	Bucket uint64
	Key    string
}

const (
	// objectsPage is how many objects one question is about, at most: as many as it takes
	// for the way to a replica and back to count for little.
	objectsPage = 256
	// objectsTime is after how long it gives what it has: it is to be answered within a
	// replica's patience, 500 ms, even if each object is read from a drive that turns to it,
	// which takes 10 ms and more.
	objectsTime = 100 * time.Millisecond
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
		list, err := read(ctx, c, func(r pebble.Reader) ([]Object, error) { return getObjects(r, names, page, deadline(objectsTime)) })
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

// deadline says whether so much time has passed since it was made.
func deadline(after time.Duration) (late func() bool) {
	began := time.Now()
	return func() bool { return time.Since(began) >= after }
}

// getObjects gives the objects that have the names in that order, the first of
// them at least: where they get long, or it gets late, not all.
func getObjects(r pebble.Reader, names []ObjectName, order []int, late func() bool) (list []Object, err error) {
	it, err := r.NewIter(prefixOptions([]byte{kindObject}))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	list = make([]Object, 0, len(order))
	bytes := 0
	var c coder
	for _, i := range order {
		if bytes >= objectsBytes || len(list) > 0 && late() {
			break
		}
		list = append(list, Object{})
		o := &list[len(list)-1]
		key := objectKey(names[i].Bucket, names[i].Key)
		// The whole key is the prefix that the filters know.
		switch {
		case !it.SeekPrefixGE(key):
			if err := it.Error(); err != nil {
				return nil, err
			}
		case string(it.Key()) == string(key):
			if err := c.entry(key, it, o.code); err != nil {
				return nil, err
			}
			bytes += len(it.Value())
		}
	}
	return list, nil
}
