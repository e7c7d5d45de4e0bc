package catalog

import (
	"fmt"
	"testing"
)

// TestObjects: many at once are what each by itself is, whatever their order, over
// several pages, after a flush and before it.
func TestObjects(t *testing.T) {
	c := newCatalog(t, newFS(t, 2), Options{}, 2)
	apply(t, c, &BucketCreate{Name: "one"})
	for i := range 2 * objectsPage {
		apply(t, c, &Put{Bucket: b1, Key: fmt.Sprintf("k%05d", 2*i), Object: Object{ETag: fmt.Sprint(i), Checksum: uint64(i)}})
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
	list, err := c.Objects(t.Context(), names)
	if err != nil || len(list) != len(names) {
		t.Fatalf("%d objects of %d, %v", len(list), len(names), err)
	}
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
	if list, err := c.Objects(t.Context(), nil); err != nil || len(list) != 0 {
		t.Errorf("of no names: %v, %v", list, err)
	}
}
