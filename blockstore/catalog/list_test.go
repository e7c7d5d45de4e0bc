package catalog

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// listModel is listing over a sorted slice, word for word as ListOptions says.
func listModel(keys []string, o ListOptions) (objects, prefixes []string, next string, truncated bool) {
	n := 0
	for _, k := range keys {
		if !strings.HasPrefix(k, o.Prefix) || k <= o.After && o.After != "" {
			continue
		}
		common := ""
		if o.Delimiter != "" {
			if i := strings.Index(k[len(o.Prefix):], o.Delimiter); i >= 0 {
				common = k[:len(o.Prefix)+i+len(o.Delimiter)]
			}
		}
		switch {
		case common != "" && common == o.After:
			continue
		case common != "" && len(prefixes) > 0 && prefixes[len(prefixes)-1] == common:
			continue
		case n == o.Max:
			return objects, prefixes, next, true
		case common != "":
			prefixes, next = append(prefixes, common), common
		default:
			objects, next = append(objects, k), k
		}
		n++
	}
	return objects, prefixes, "", false
}

func putKeys(t *testing.T, c *Catalog, keys []string) {
	t.Helper()
	lsn := c.Applied()
	if err := c.Apply(t.Context(), batchOf(lsn+1, &BucketCreate{Name: "one"}, &BucketCreate{Name: "two"})); err != nil {
		t.Fatal(err)
	}
	for part := range slices.Chunk(keys, 500) {
		lsn++
		var records []Record
		for _, k := range part {
			records = append(records, &Put{Bucket: b1, Key: k, Object: Object{ETag: "e" + k, Meta: []Pair{{"a", "b"}}}})
		}
		records = append(records, put(b2, fmt.Sprint("other", lsn)), put(99, "void"))
		if err := c.Apply(t.Context(), batchOf(lsn+1, records...)); err != nil {
			t.Fatal(err)
		}
	}
}

func names(p ListPage) []string {
	var out []string
	for _, o := range p.Objects {
		out = append(out, o.Key)
	}
	return out
}

// TestListAgainstModel compares pages with a model, over keys that are nasty
// on purpose: delimiters at the ends and in a row, bytes 0x00 and 0xff.
func TestListAgainstModel(t *testing.T) {
	rng := random(t)
	alphabet := []string{"a", "b", "/", "//", "\x00", "\xff", "a/", "-"}
	word := func(n int) string {
		var s strings.Builder
		for range rng.IntN(n) {
			s.WriteString(pick(rng, alphabet))
		}
		return s.String()
	}
	set := map[string]bool{}
	for range 400 {
		if k := word(7); k != "" {
			set[k] = true
		}
	}
	var keys []string
	for k := range set {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	c := newCatalog(t, newFS(t, 1), Options{}, 1)
	shuffled := slices.Clone(keys)
	rng.Shuffle(len(keys), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	putKeys(t, c, shuffled)

	for range 1500 {
		o := ListOptions{Prefix: word(4), Delimiter: pick(rng, []string{"", "/", "/", "//", "a/", "\xff"}), After: word(5), Max: rng.IntN(12)}
		for pages := 0; ; pages++ {
			got, err := c.List(t.Context(), b1, o)
			if err != nil {
				t.Fatal(err)
			}
			objects, prefixes, next, truncated := listModel(keys, o)
			if o.Max == 0 {
				objects, prefixes, next, truncated = nil, nil, "", false
			}
			if !reflect.DeepEqual(names(got), objects) || !reflect.DeepEqual(got.Prefixes, prefixes) || got.Truncated != truncated || got.Next != next {
				t.Fatalf("%+v\n got %+q %+q %q %v\nwant %+q %+q %q %v", o, names(got), got.Prefixes, got.Next, got.Truncated,
					objects, prefixes, next, truncated)
			}
			if !got.Truncated {
				break
			}
			o.After = got.Next
		}
	}
}

func TestListedObject(t *testing.T) {
	c := newCatalog(t, newFS(t, 1), Options{}, 1)
	if err := c.Apply(t.Context(), batchOf(1, &BucketCreate{Name: "one"}, &Put{Bucket: b1, Key: "k", Object: Object{
		Size: 5, ModTimeUnixNano: 7, ETag: "e", ContentType: "t", Checksum: Checksum{Sum: 8}, Meta: []Pair{{"a", "b"}},
	}, Body: Body{Inline: true, Size: 5}})); err != nil {
		t.Fatal(err)
	}
	page, err := c.List(t.Context(), b1, ListOptions{Max: 10})
	want := []ListedObject{{Key: "k", Object: Object{Version: 1<<16 | 1, Size: 5, ModTimeUnixNano: 7, ETag: "e", ContentType: "t"}}}
	if err != nil || !reflect.DeepEqual(page.Objects, want) {
		t.Fatalf("%+v, %v", page, err)
	}
	if page, err := c.List(t.Context(), 12345, ListOptions{Max: 10}); err != nil || len(page.Objects) > 0 {
		t.Fatalf("a bucket that never was: %+v, %v", page, err)
	}
}

// countingCursor counts what a listing does to its iterator.
type countingCursor struct {
	cursor
	seeks, steps int
}

func (c *countingCursor) SeekGE(k []byte) bool { c.seeks++; return c.cursor.SeekGE(k) }
func (c *countingCursor) Next() bool           { c.steps++; return c.cursor.Next() }

// TestListSkipsSubTrees shows that a page costs what it shows, not what lies
// below its common prefixes: one seek for each, and no step.
func TestListSkipsSubTrees(t *testing.T) {
	var keys []string
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range 20 {
		for range 300 {
			keys = append(keys, fmt.Sprintf("photos/%02d/%08x", i, rng.Uint32()))
		}
	}
	keys = append(keys, "photos/readme", "zebra")
	r := openTestReplica(t, newFS(t, 1), catalogDir(0))
	c := New(Options{})
	if err := c.Attach(r, "d0"); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	putKeys(t, c, keys)
	if err := r.Flush(); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name                     string
		o                        ListOptions
		prefixes, objects        int
		seeksAtMost, stepsAtMost int
	}{
		{"top", ListOptions{Delimiter: "/", Max: 1000}, 1, 1, 2, 1},
		{"photos", ListOptions{Prefix: "photos/", Delimiter: "/", Max: 1000}, 20, 1, 21, 1},
		{"one page", ListOptions{Prefix: "photos/", Delimiter: "/", Max: 5}, 5, 0, 6, 0},
		{"next page", ListOptions{Prefix: "photos/", Delimiter: "/", After: "photos/04/", Max: 5}, 5, 0, 6, 0},
		{"no delimiter", ListOptions{Max: 10}, 0, 10, 1, 10},
	} {
		it, err := r.db.NewIter(prefixOptions(objectKey(b1, tc.o.Prefix)))
		if err != nil {
			t.Fatal(err)
		}
		n := &countingCursor{cursor: it}
		page, err := listObjects(n, b1, tc.o)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Prefixes) != tc.prefixes || len(page.Objects) != tc.objects {
			t.Errorf("%s: %d prefixes and %d objects", tc.name, len(page.Prefixes), len(page.Objects))
		}
		if n.seeks > tc.seeksAtMost || n.steps > tc.stepsAtMost {
			t.Errorf("%s: %d seeks and %d steps, at most %d and %d", tc.name, n.seeks, n.steps, tc.seeksAtMost, tc.stepsAtMost)
		}
		if err := it.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
