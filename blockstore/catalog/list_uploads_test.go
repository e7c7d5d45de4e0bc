package catalog

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// listUploadsModel is a page of uploads over a sorted slice, word for word as
// UploadListOptions says.
func listUploadsModel(all []Upload, o UploadListOptions) (page UploadPage) {
	n := 0
	last := UploadPage{}
	for _, u := range all {
		if !strings.HasPrefix(u.Key, o.Prefix) {
			continue
		}
		if o.AfterKey != "" && (u.Key < o.AfterKey || u.Key == o.AfterKey && (o.AfterID == 0 || u.ID <= o.AfterID)) {
			continue
		}
		common := ""
		if i := strings.Index(u.Key[len(o.Prefix):], o.Delimiter); o.Delimiter != "" && i >= 0 {
			common = u.Key[:len(o.Prefix)+i+len(o.Delimiter)]
		}
		switch {
		case common != "" && common == o.AfterKey && o.AfterID == 0:
			continue
		case common != "" && slices.Contains(page.Prefixes, common):
			continue
		case n == o.Max:
			page.Truncated, page.NextKey, page.NextID = true, last.NextKey, last.NextID
			return page
		case common != "":
			page.Prefixes = append(page.Prefixes, common)
			last.NextKey, last.NextID = common, 0
		default:
			page.Uploads = append(page.Uploads, u)
			last.NextKey, last.NextID = u.Key, u.ID
		}
		n++
	}
	return page
}

func TestListUploadsAgainstModel(t *testing.T) {
	rng := random(t)
	alphabet := []string{"a", "b", "/", "//", "\x00", "\xff", "a/", "\x01"}
	word := func(n int) string {
		var s strings.Builder
		for range rng.IntN(n) {
			s.WriteString(pick(rng, alphabet))
		}
		return s.String()
	}
	c := newCatalog(t, newFS(t, 1), Options{}, 1)
	apply(t, c, &BucketCreate{Name: "one"}, &BucketCreate{Name: "two"})
	var all []Upload
	var records []Record
	for range 300 {
		key := word(6) + pick(rng, alphabet)
		all = append(all, Upload{Bucket: b1, Key: key, ID: 2<<16 | uint64(len(records)), CreatedUnixNano: int64(len(records))})
		records = append(records,
			&UploadCreate{Bucket: b1, Key: key, CreatedUnixNano: int64(len(records)), ContentType: "t"},
			&UploadCreate{Bucket: b2, Key: key})
	}
	apply(t, c, records...)
	slices.SortFunc(all, func(a, b Upload) int {
		if n := strings.Compare(a.Key, b.Key); n != 0 {
			return n
		}
		return int(int64(a.ID) - int64(b.ID))
	})
	for range 1500 {
		o := UploadListOptions{Prefix: word(3), Delimiter: pick(rng, []string{"", "/", "/", "//", "a/", "\xff", "\x00"}), AfterKey: word(5), Max: 1 + rng.IntN(12)}
		if rng.IntN(3) == 0 {
			u := pick(rng, all)
			o.AfterKey, o.AfterID = u.Key, u.ID+rng.Uint64N(3)
		}
		for {
			got, err := c.Uploads(t.Context(), b1, o)
			if err != nil {
				t.Fatal(err)
			}
			if want := listUploadsModel(all, o); !reflect.DeepEqual(got, want) {
				t.Fatalf("%#v\n got %#v\nwant %#v", o, got, want)
			}
			if !got.Truncated {
				break
			}
			o.AfterKey, o.AfterID = got.NextKey, got.NextID
		}
	}
	if page, err := c.Uploads(t.Context(), b1, UploadListOptions{}); err != nil || len(page.Uploads) > 0 || page.Truncated {
		t.Errorf("a page of none: %+v, %v", page, err)
	}
}

// TestListUploadsSkipsSubTrees: one seek for each common prefix, and no step.
func TestListUploadsSkipsSubTrees(t *testing.T) {
	r := openTestReplica(t, newFS(t, 1), catalogDir(0))
	c := New(Options{})
	if err := c.Attach(r, "d0"); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	apply(t, c, &BucketCreate{Name: "one"})
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range 20 {
		var records []Record
		for range 100 {
			records = append(records, &UploadCreate{Bucket: b1, Key: fmt.Sprintf("photos/%02d/%08x", i, rng.Uint32())})
		}
		apply(t, c, records...)
	}
	for _, o := range []UploadListOptions{
		{Prefix: "photos/", Delimiter: "/", Max: 5},
		{Prefix: "photos/", Delimiter: "/", Max: 5, AfterKey: "photos/04/"},
	} {
		it, err := r.db.NewIter(prefixOptions(escape(uploadPrefix(b1), o.Prefix)))
		if err != nil {
			t.Fatal(err)
		}
		n := &countingCursor{cursor: it}
		page, err := listUploads(n, b1, o)
		if err != nil || len(page.Prefixes) != 5 || len(page.Uploads) > 0 || !page.Truncated || n.seeks > 6 || n.steps > 0 {
			t.Errorf("%+v: %+v with %d seeks and %d steps, %v", o, page, n.seeks, n.steps, err)
		}
		if err := it.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNamedParts: more than an object can have is refused, and no replica is dropped for it.
func TestNamedParts(t *testing.T) {
	c := newCatalog(t, newFS(t, 1), Options{}, 1)
	apply(t, c, &BucketCreate{Name: "one"}, &UploadCreate{Bucket: b1, Key: "u"})
	const id = 1<<16 | 1
	apply(t, c,
		&PartPut{Bucket: b1, Key: "u", Upload: id, Number: 1, Size: MaxExtents, Body: Body{Extents: manyIn(segA, MaxExtents)}},
		&PartPut{Bucket: b1, Key: "u", Upload: id, Number: 2, Size: 1, Body: Body{Extents: manyIn(segA, 1)}},
	)
	if _, err := c.NamedParts(t.Context(), id, []int{1, 2}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("%v", err)
	}
	if parts, err := c.NamedParts(t.Context(), id, []int{1}); err != nil || len(parts[0].Extents) != MaxExtents {
		t.Errorf("%v", err)
	}
}
