package catalog

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
)

// TestObjects: many at once are what each by itself is, whatever their order, over
// several pages, after a flush and before it.
func TestObjects(t *testing.T) {
	c := newCatalog(t, newFS(t, 2), Options{}, 2)
	apply(t, c, &BucketCreate{Name: "one"})
	for i := range 2 * objectsPage {
		apply(t, c, &Put{Bucket: b1, Key: fmt.Sprintf("k%05d", 2*i), Object: Object{ETag: fmt.Sprint(i), Checksum: Checksum{Sum: uint64(i), Leaves: i%2 == 1}}})
		if i == objectsPage {
			if _, err := c.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	names := []ObjectName{{b1 + 1, "k00000"}, {b1, "k"}, {b1, "k00002"}, {b1, "k00002"}, {0, "k00002"}, {b1, "z"}}
	for i := 4 * objectsPage; i >= 0; i-- { // every second one is there
		names = append(names, ObjectName{b1, fmt.Sprintf("k%05d", i)})
	}
	list := objects(t, c, names)
	found := 0
	for i, n := range names {
		alone, err := c.Object(t.Context(), n.Bucket, n.Key)
		if (err == nil) != (list[i].Version != 0) || list[i].ETag != alone.ETag || list[i].Checksum != alone.Checksum || list[i].Version != alone.Version {
			t.Errorf("%v: %+v, alone %+v, %v", n, list[i], alone, err)
		}
		if err == nil {
			found++
		}
	}
	if found != 2*objectsPage+2 {
		t.Errorf("%d were found", found)
	}
	objects(t, c, nil)
}

// TestLongObjects: long entries are read too, a few at a time.
func TestLongObjects(t *testing.T) {
	c := newCatalog(t, newFS(t, 2), Options{}, 2)
	apply(t, c, &BucketCreate{Name: "one"})
	var names []ObjectName
	meta := []Pair{{"m", strings.Repeat("v", MaxPairValue)}}
	for i := range 2*objectsBytes/MaxPairValue + 2 { // of which no page holds all
		key := fmt.Sprintf("k%d", i)
		apply(t, c, &Put{Bucket: b1, Key: key, Object: Object{ETag: key, Meta: meta}})
		names = append(names, ObjectName{b1, key})
	}
	list := objects(t, c, names)
	for i, n := range names {
		if list[i].ETag != n.Key {
			t.Errorf("%s: %q was found", n.Key, list[i].ETag)
		}
	}
}

// objects asks for many at once, and wants each to come once.
func objects(t *testing.T, c *Catalog, names []ObjectName) []Object {
	t.Helper()
	list, came := make([]Object, len(names)), make([]int, len(names))
	err := c.Objects(t.Context(), names, func(i int, o *Object) error {
		list[i], came[i] = *o, came[i]+1
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range came {
		if n != 1 {
			t.Errorf("%v came %d times", names[i], n)
		}
	}
	return list
}

// TestLateObjects: a question that takes long gives what it has, one object at least.
func TestLateObjects(t *testing.T) {
	c := newCatalog(t, newFS(t, 1), Options{}, 1)
	apply(t, c, &BucketCreate{Name: "one"}, &Put{Bucket: b1, Key: "a"}, &Put{Bucket: b1, Key: "b"}, &Put{Bucket: b1, Key: "c"})
	names := []ObjectName{{b1, "a"}, {b1, "b"}, {b1, "c"}}
	for _, most := range []int{0, 1, 2, 3} {
		looked := 0
		list, err := read(t.Context(), c, func(r pebble.Reader) ([]Object, error) {
			return getObjects(r, names, []int{0, 1, 2}, func() bool { looked++; return looked >= most })
		})
		if want := max(1, most); err != nil || len(list) != want || list[want-1].Version == 0 {
			t.Errorf("late after %d: %+v, %v", most, list, err)
		}
	}
}
