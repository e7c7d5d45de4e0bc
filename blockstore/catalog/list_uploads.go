package catalog

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// UploadListOptions say which uploads of a bucket a page shows, by key and then by id.
type UploadListOptions struct {
	Prefix    string // only keys that begin with it
	Delimiter string // as in ListOptions
	// The page starts behind the upload AfterID of AfterKey. If that is zero, it
	// starts behind all of AfterKey's and, if that is a common prefix, behind all below it.
	AfterKey string
	AfterID  uint64
	Max      int // uploads and common prefixes together; more than MaxPage counts as MaxPage, below 1 gives an empty page
}

// UploadPage is one page, both lists ascending.
type UploadPage struct {
	Uploads   []Upload // without content type, metadata and system pairs
	Prefixes  []string
	NextKey   string // AfterKey and AfterID of the next page, if Truncated
	NextID    uint64
	Truncated bool
}

// listUploads gives one page. It seeks past what lies below a common prefix, as listObjects does.
func listUploads(it cursor, bucket uint64, o UploadListOptions) (UploadPage, error) {
	var page UploadPage
	max := min(o.Max, MaxPage)
	if max < 1 {
		return page, nil
	}
	by := ListOptions{Prefix: o.Prefix, Delimiter: o.Delimiter}
	below := func(prefix string) []byte { return escape(uploadPrefix(bucket), prefix) }
	start := below(o.Prefix)
	if o.AfterKey >= o.Prefix && o.AfterKey != "" {
		common, ok := commonPrefix(o.AfterKey, by)
		switch {
		case o.AfterID != 0:
			start = after(uploadKey(bucket, o.AfterKey, o.AfterID))
		case ok && common == o.AfterKey:
			start = successor(below(common))
		default:
			start = successor(uploadKeyPrefix(bucket, o.AfterKey))
		}
	}
	var nextKey string
	var nextID uint64
	for valid := it.SeekGE(start); valid; {
		_, key, id, err := parseUploadKey(it.Key())
		if err != nil {
			return UploadPage{}, fmt.Errorf("%w: %v", errInconsistent, err)
		}
		if len(page.Uploads)+len(page.Prefixes) == max {
			page.NextKey, page.NextID, page.Truncated = nextKey, nextID, true
			return page, nil
		}
		if common, ok := commonPrefix(key, by); ok {
			page.Prefixes = append(page.Prefixes, common)
			nextKey, nextID = common, 0
			valid = it.SeekGE(successor(below(common)))
			continue
		}
		u := Upload{Bucket: bucket, Key: key, ID: id}
		if err := decodeStart(it.Key(), it, u.codeSummary); err != nil {
			return UploadPage{}, err
		}
		page.Uploads = append(page.Uploads, u)
		nextKey, nextID = key, id
		valid = it.Next()
	}
	return page, it.Error()
}

// partsPage is one page of an upload's parts.
type partsPage struct {
	parts []Part
	more  bool
}

func listParts(r pebble.Reader, upload uint64, last, max int) (page partsPage, err error) {
	if last >= MaxParts || max < 1 {
		return page, nil
	}
	start := partKey(upload, last+1)
	page.more, err = scan(r, start, partPrefix(upload), max, func(it *pebble.Iterator) error {
		number, err := parsePartNumber(it.Key())
		if err != nil {
			return err
		}
		p := Part{Upload: upload, Number: number}
		if err := decodeStart(it.Key(), it, p.codeSummary); err != nil {
			return err
		}
		p.Checksum = Checksum{} // half of it was read
		page.parts = append(page.parts, p)
		return nil
	})
	return page, err
}

// ErrTooLarge says that an object would have more extents, or a longer entry,
// than the format allows.
var ErrTooLarge = errors.New("catalog: more than an entry can hold")

type namedParts struct {
	parts    []Part
	tooLarge bool
}

// getNamedParts stops early rather than gather more than one object can hold.
func getNamedParts(r pebble.Reader, upload uint64, numbers []int) (n namedParts, err error) {
	it, err := r.NewIter(prefixOptions(partPrefix(upload)))
	if err != nil {
		return n, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	extents, bytes := 0, 0
	for _, want := range numbers {
		if !it.SeekGE(partKey(upload, want)) {
			if err := it.Error(); err != nil {
				return n, err
			}
			return n, ErrNotFound
		}
		number, p, err := decodePart(it.Key(), it)
		if err != nil {
			return n, err
		}
		if number != want {
			return n, ErrNotFound
		}
		v, err := it.ValueAndErr()
		if err != nil {
			return n, err
		}
		extents, bytes = extents+len(p.Extents), bytes+len(v)
		if extents > MaxExtents || bytes > 2*MaxEntryValue {
			return namedParts{tooLarge: true}, nil
		}
		n.parts = append(n.parts, p)
	}
	return n, nil
}
