package catalog

import (
	"fmt"
	"slices"
	"testing"
)

// TestVisitRecords: each is as if it were decoded by itself, whatever the one before it
// said, and what it refers to stays.
func TestVisitRecords(t *testing.T) {
	var b []byte
	full := Object{ETag: "e", ContentType: "c", Checksum: Checksum{Sum: 7, Leaves: true}, Meta: []Pair{{"m", "v"}}, System: []Pair{{"s", "w"}}}
	for _, r := range []Record{
		&Put{Bucket: b1, Key: "one", Object: full}, &Put{Bucket: b2, Key: "two"}, &Delete{Bucket: b1, Key: "one"},
		&Put{Bucket: b1, Key: "three", Object: Object{Meta: []Pair{{"n", "x"}}}},
	} {
		b = AppendRecord(b, r)
	}
	var want, got []string
	var keys, metas []string
	if err := DecodeRecords(b, func(r Record) error { want = append(want, fmt.Sprintf("%T %+v", r, r)); return nil }); err != nil {
		t.Fatal(err)
	}
	var kept [][]Pair
	if err := VisitRecords(b, func(r Record) error {
		got = append(got, fmt.Sprintf("%T %+v", r, r))
		if r, ok := r.(*Put); ok {
			keys, kept = append(keys, r.Key), append(kept, r.Object.Meta)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, m := range kept {
		metas = append(metas, fmt.Sprint(m))
	}
	if !slices.Equal(got, want) || !slices.Equal(keys, []string{"one", "two", "three"}) || !slices.Equal(metas, []string{"[{m v}]", "[]", "[{n x}]"}) {
		t.Errorf("visited %q with %q and %q, decoded %q", got, keys, metas, want)
	}
}
