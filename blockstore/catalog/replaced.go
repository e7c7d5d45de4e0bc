package catalog

import (
	"bytes"
	"errors"
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
type replaced struct {
	known []replacedObject // by record
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

// keyedRecords gives the records that may change an object, by key.
func keyedRecords(records []Record) []keyedRecord {
	list := make([]keyedRecord, 0, len(records))
	size := 0
	for _, r := range records {
		if _, key, ok := changedObject(r); ok {
			size += 1 + 8 + len(key)
		}
	}
	keys := make([]byte, 0, size)
	for i, r := range records {
		if bucket, key, ok := changedObject(r); ok {
			at := len(keys)
			keys = appendObjectKey(keys, bucket, key)
			list = append(list, keyedRecord{keys[at:len(keys):len(keys)], i})
		}
	}
	slices.SortFunc(list, func(a, b keyedRecord) int { return bytes.Compare(a.key, b.key) })
	return list
}

// lookUpReplaced looks up what the records replace. Filters says whether those of the last level are asked, too.
func lookUpReplaced(db *pebble.DB, records []Record, filters bool) (found replaced, err error) {
	list := keyedRecords(records)
	if len(list) == 0 {
		return found, nil
	}
	o := prefixOptions([]byte{kindObject})
	o.UseL6Filters = filters
	it, err := db.NewIter(o)
	if err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	found.known = make([]replacedObject, len(records))
	kept := 0
	for i, k := range list {
		if kept >= objectsBytes { // where what is replaced is of very many extents, the others are looked up in their turn
			break
		}
		if i > 0 && bytes.Equal(k.key, list[i-1].key) || i+1 < len(list) && bytes.Equal(k.key, list[i+1].key) {
			continue
		}
		r := replacedObject{known: true}
		// The whole key is the prefix that the filters know.
		switch {
		case !it.SeekPrefixGE(k.key):
			if err := it.Error(); err != nil {
				return found, err
			}
		case bytes.Equal(it.Key(), k.key):
			var old Object
			if err := decodeValue(k.key, it, old.code); err != nil {
				return found, err
			}
			r.there, r.size, r.extents = true, old.Size, old.Extents
			kept += extentBytesKept * cap(old.Extents)
		}
		found.known[k.record] = r
	}
	return found, nil
}
