package blockstore

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
)

// TestPartsHaveTheirOwnChecksum: of a multipart object whose blocks are good, and
// one part of which is not what its checksum says, no client gets the last bytes
// of that part, unless it asks for a range without its beginning (R3).
func TestPartsHaveTheirOwnChecksum(t *testing.T) {
	for _, leaves := range []bool{true, false} {
		t.Run(fmt.Sprint("leaves ", leaves), func(t *testing.T) { partsHaveTheirOwnChecksum(t, leaves) })
	}
}

func partsHaveTheirOwnChecksum(t *testing.T, leaves bool) {
	w := openWorld(t, shape{2, 1, 3})
	bodies := [][]byte{randomBody(1, 300_000), nil, randomBody(2, 200_001), randomBody(3, 5000)}
	bucket, err := w.p.catalog.Bucket(t.Context(), "bucket")
	must(t, err)
	upload := w.forge(t, &catalog.UploadCreate{Bucket: bucket.ID, Key: "k"})
	var numbers []int
	var all []byte
	var ends []int64
	for i, b := range bodies {
		putBytes(t, w.p, "bucket", "body", b)
		_, o := w.entry(t, "body")
		part := catalog.PartPut{Bucket: bucket.ID, Key: "k", Upload: upload, Number: i + 1, Size: o.Size, Checksum: checksumOf(b, leaves), Body: catalog.Body{Extents: o.Extents}}
		if i == 2 {
			part.Checksum.Sum++
		}
		w.forge(t, &part)
		numbers = append(numbers, i+1)
		all = append(all, b...)
		ends = append(ends, int64(len(all)))
	}
	w.forge(t, &catalog.UploadComplete{Bucket: bucket.ID, Key: "k", Upload: upload, Parts: numbers})
	o, err := w.p.Get(t.Context(), "bucket", "k")
	must(t, err)
	defer o.Close()
	size := int64(len(all))
	for name, c := range map[string]struct {
		from, to int64
		bad      bool
	}{
		"all":                          {0, size, true},
		"the part before":              {0, ends[1], false},
		"the part and the one before":  {0, ends[2], true},
		"the part":                     {ends[1], ends[2], true},
		"the part but its first byte":  {ends[1] + 1, ends[2], false},
		"the part but its last byte":   {0, ends[2] - 1, false},
		"from within the one before":   {ends[0] - 1, size, true},
		"what comes behind it":         {ends[2], size, false},
		"from within it to the end":    {ends[1] + 70_000, size, false},
		"within it":                    {ends[1] + 1, ends[1] + 100, false},
		"nothing, where it begins":     {ends[1], ends[1], false},
		"one byte of the one before":   {ends[0] - 1, ends[0], false},
		"its end and what is behind":   {ends[2] - 1, size, false},
		"the one before and its start": {100, ends[1] + 100, false},
	} {
		var b bytes.Buffer
		err := o.WriteTo(t.Context(), &b, c.from, c.to-c.from)
		if c.bad != (err != nil) || c.bad && !errors.Is(err, errOwnChecksum) {
			t.Errorf("%s: %v", name, err)
		}
		if !bytes.HasPrefix(all[c.from:c.to], b.Bytes()) || !c.bad && int64(b.Len()) != c.to-c.from {
			t.Errorf("%s: other bytes, %d of them", name, b.Len())
		}
		if c.bad && c.from+int64(b.Len()) >= ends[2] {
			t.Errorf("%s: %d bytes came, to the end of the part that is wrong", name, b.Len())
		}
	}
}
