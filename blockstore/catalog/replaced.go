package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"github.com/cockroachdb/pebble/v2"
)

// replaced is what a database holds of the objects that a batch stores or deletes, looked up for all of them
// together before the batch is applied. One iterator that goes from key to key may ask the filters of the last
// level, which Get does not: most of what is stored replaces nothing, and then no block need be read to know that.
//
// Invariant: only a key that one record of the batch alone is about is known here. So nothing in the batch can
// have changed its entry before that record's turn, and what the database says is what the batch would say.
//
// Its memory is used again from batch to batch.
type replaced struct {
	known []replacedObject // by record

	list    []keyedRecord
	keys    []byte // of list
	old     Object
	coder   coder
	extents []Extent // of known
}

// extentBytesKept is what an extent takes in memory, bytes.
const extentBytesKept = int(unsafe.Sizeof(Extent{}))

// replacedObject is what counts of an object when it goes.
type replacedObject struct {
	known   bool
	there   bool
	size    int64
	extents []Extent
}

// of gives what is known of the object that a record is about.
func (r *replaced) of(record int) (o replacedObject, known bool) {
	if record >= len(r.known) {
		return replacedObject{}, false
	}
	return r.known[record], r.known[record].known
}

// keyedRecord is a record's place in its batch and the key of the object that it may change.
type keyedRecord struct {
	key    []byte
	record int
}

// keyed lists the records that may change an object, by key.
func (r *replaced) keyed(records []Record) {
	size := 0
	for _, record := range records {
		if _, key, ok := changedObject(record); ok {
			size += 1 + 8 + len(key)
		}
	}
	r.list, r.keys = r.list[:0], slices.Grow(r.keys[:0], size)
	for i, record := range records {
		if bucket, key, ok := changedObject(record); ok {
			at := len(r.keys)
			r.keys = appendObjectKey(r.keys, bucket, key)
			r.list = append(r.list, keyedRecord{r.keys[at:len(r.keys):len(r.keys)], i})
		}
	}
	slices.SortFunc(r.list, func(a, b keyedRecord) int { return bytes.Compare(a.key, b.key) })
}

// lookUp looks up what the records replace. Filters says whether those of the last level are asked, too.
func (r *replaced) lookUp(db *pebble.DB, records []Record, filters bool) (err error) {
	r.known, r.extents = r.known[:0], r.extents[:0]
	r.keyed(records)
	if len(r.list) == 0 {
		return nil
	}
	o := prefixOptions([]byte{kindObject})
	o.UseL6Filters = filters
	it, err := db.NewIter(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	r.known = slices.Grow(r.known, len(records))[:len(records)]
	clear(r.known)
	for i, k := range r.list {
		if len(r.extents)*extentBytesKept >= objectsBytes { // where what is replaced is of very many extents, the others are looked up in their turn
			break
		}
		if i > 0 && bytes.Equal(k.key, r.list[i-1].key) || i+1 < len(r.list) && bytes.Equal(k.key, r.list[i+1].key) {
			continue
		}
		o := replacedObject{known: true}
		// The whole key is the prefix that the filters know.
		switch {
		case !it.SeekPrefixGE(k.key):
			if err := it.Error(); err != nil {
				return err
			}
		case bytes.Equal(it.Key(), k.key):
			if err := r.read(k.key, it, &o); err != nil {
				return err
			}
		}
		r.known[k.record] = o
	}
	return nil
}

// read takes from an entry what counts of its object.
func (r *replaced) read(key []byte, it *pebble.Iterator, o *replacedObject) error {
	v, err := it.ValueAndErr()
	if err != nil {
		return fmt.Errorf("reading the catalog: %w", err)
	}
	old := &r.old
	*old = Object{Extents: old.Extents[:0]}
	if err := r.coder.decode(v, old.code); err != nil {
		return fmt.Errorf("%w: entry %x: %v", errInconsistent, key, err)
	}
	at := len(r.extents)
	r.extents = append(r.extents, old.Extents...)
	o.there, o.size, o.extents = true, old.Size, r.extents[at:len(r.extents):len(r.extents)]
	return nil
}
