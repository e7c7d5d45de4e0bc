package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// MaxPage is the most that one page of any listing holds.
const MaxPage = 1000

// ListOptions say which keys of a bucket a page shows.
type ListOptions struct {
	Prefix    string // only keys that begin with it
	Delimiter string // empty: none. Keys that have it after the prefix are shown as one common prefix, up to and with it
	After     string // only keys greater than it; a common prefix itself skips all below it
	Max       int    // objects and common prefixes together; more than MaxPage counts as MaxPage, below 1 gives an empty page
}

// ListPage is one page, both lists ascending.
type ListPage struct {
	Objects   []ListedObject
	Prefixes  []string
	Next      string // the After of the next page, if Truncated
	Truncated bool
}

// ListedObject is an object as listings show it: of Object only Version, Size,
// ModTimeUnixNano, ETag and ContentType are there.
type ListedObject struct {
	Key    string
	Object Object
}

// cursor is the part of a Pebble iterator that a listing needs.
type cursor interface {
	valuer
	SeekGE(key []byte) bool
	Next() bool
	Key() []byte
	Error() error
}

// listObjects gives one page. Below a common prefix it does not step, it seeks
// past it: the work is in proportion to what the page shows, not to what lies
// under its prefixes.
func listObjects(it cursor, bucket uint64, o ListOptions) (ListPage, error) {
	var page ListPage
	max := min(o.Max, MaxPage)
	if max < 1 {
		return page, nil
	}
	base := objectPrefix(bucket)
	start := objectKey(bucket, o.Prefix)
	if o.After >= o.Prefix && o.After != "" {
		start = append(objectKey(bucket, o.After), 0)
		if common, ok := commonPrefix(o.After, o); ok && common == o.After {
			start = successor(objectKey(bucket, common))
		}
	}
	for valid := it.SeekGE(start); valid; {
		key := string(it.Key()[len(base):])
		if len(page.Objects)+len(page.Prefixes) == max {
			page.Truncated = true
			return page, nil
		}
		if common, ok := commonPrefix(key, o); ok {
			page.Prefixes = append(page.Prefixes, common)
			page.Next = common
			// A bucket's keys begin with its id, so there always is a successor.
			valid = it.SeekGE(successor(objectKey(bucket, common)))
			continue
		}
		obj, err := decodeSummary(it.Key(), it)
		if err != nil {
			return ListPage{}, err
		}
		page.Objects = append(page.Objects, ListedObject{Key: key, Object: obj})
		page.Next = key
		valid = it.Next()
	}
	page.Next = ""
	return page, it.Error()
}

// commonPrefix tells under which common prefix a listing shows the key, if any.
func commonPrefix(key string, o ListOptions) (string, bool) {
	if o.Delimiter == "" || !strings.HasPrefix(key, o.Prefix) {
		return "", false
	}
	i := strings.Index(key[len(o.Prefix):], o.Delimiter)
	if i < 0 {
		return "", false
	}
	return key[:len(o.Prefix)+i+len(o.Delimiter)], true
}

// decodeSummary reads the fields of an object that come first and leaves the rest.
func decodeSummary(key []byte, it valuer) (Object, error) {
	var o Object
	err := decodeStart(key, it, o.codeSummary)
	return o, err
}

// decodeStart decodes the fields that come first in the value an iterator stands
// on, and leaves the rest.
func decodeStart(key []byte, it valuer, code func(*coder)) error {
	v, err := it.ValueAndErr()
	if err != nil {
		return err
	}
	c := coder{in: v}
	code(&c)
	if c.err != nil {
		return fmt.Errorf("%w: entry %x: %v", errInconsistent, key, c.err)
	}
	return nil
}

// scan calls f on up to max entries from start on, in key order, and says
// whether there are more.
func scan(r pebble.Reader, start, prefix []byte, max int, f func(*pebble.Iterator) error) (more bool, err error) {
	it, err := r.NewIter(prefixOptions(prefix))
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	n := 0
	for ok := it.SeekGE(start); ok; ok = it.Next() {
		if n == max {
			return true, nil
		}
		if err := f(it); err != nil {
			return false, err
		}
		n++
	}
	return false, it.Error()
}

// after is the least key greater than k.
func after(k []byte) []byte { return append(bytes.Clone(k), 0) }

func listBuckets(r pebble.Reader, last string, max int) ([]Bucket, error) {
	var out []Bucket
	start := []byte{kindBucket}
	if last != "" {
		start = after(bucketKey(last))
	}
	_, err := scan(r, start, []byte{kindBucket}, max, func(it *pebble.Iterator) error {
		b := Bucket{Name: string(it.Key()[1:])}
		if err := decodeValue(it.Key(), it, b.code); err != nil {
			return err
		}
		out = append(out, b)
		return nil
	})
	return out, err
}

func listSegments(r pebble.Reader, last drive.SegmentID, max int) ([]SegmentEntry, error) {
	var out []SegmentEntry
	_, err := scan(r, after(segmentKey(uint64(last))), []byte{kindSegment}, max, func(it *pebble.Iterator) error {
		id, err := parseNumberKey(it.Key(), kindSegment)
		if err != nil {
			return fmt.Errorf("%w: %v", errInconsistent, err)
		}
		s := SegmentEntry{ID: drive.SegmentID(id)}
		if err := decodeValue(it.Key(), it, s.code); err != nil {
			return err
		}
		out = append(out, s)
		return nil
	})
	return out, err
}
