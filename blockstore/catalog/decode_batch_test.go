package catalog

import (
	"testing"
)

// TestApart: a batch whose records change different objects is computed without an
// index of itself, any other with one; what comes of it is the same as of a replay, which
// always has one.
func TestApart(t *testing.T) {
	const bucket = 1 << 16
	one, other := put(bucket, "k", extent(1, 0, 10)), put(bucket, "k", extent(1, 10, 7))
	for _, test := range []struct {
		name    string
		records []Record
		apart   bool
	}{
		{"different objects", []Record{one, put(bucket, "l", extent(1, 20, 5)), &Delete{Bucket: bucket, Key: "old"}}, true},
		{"one object twice", []Record{one, other}, false},
		{"stored and deleted", []Record{one, &Delete{Bucket: bucket, Key: "k"}}, false},
		{"deleted twice", []Record{&Delete{Bucket: bucket, Key: "old"}, &Delete{Bucket: bucket, Key: "old"}}, false},
		{"in a bucket that is deleted", []Record{&Delete{Bucket: bucket, Key: "old"}, &BucketDelete{Bucket: bucket}, one}, false},
		{"in a bucket that is made", []Record{&BucketCreate{Name: "two"}, put(2<<16, "k", extent(1, 0, 10))}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			fs := newFS(t, 2)
			c := newCatalog(t, fs, Options{}, 1)
			replay := openTestReplica(t, fs, catalogDir(1))
			defer func() {
				if err := replay.Close(); err != nil {
					t.Error(err)
				}
			}()
			for _, records := range [][]Record{
				{&BucketCreate{Name: "one"}, put(bucket, "old", extent(1, 30, 3))}, test.records,
			} {
				b := batchOf(c.Applied()+1, records...)
				if err := c.Apply(t.Context(), b); err != nil {
					t.Fatal(err)
				}
				if err := replay.Apply(b); err != nil {
					t.Fatal(err)
				}
			}
			got, err := c.Digest(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			want, err := replay.Digest()
			if err != nil || got != want {
				t.Errorf("a replay comes to something else (%v)", err)
			}
			d, err := decodeBatch(batchOf(3, test.records...))
			if err != nil {
				t.Fatal(err)
			}
			if is := apart(d.records, c.objects.changedObjects(d)); is != test.apart {
				t.Errorf("apart: %v", is)
			}
		})
	}
}

// TestDecodingLeftBehind: the memory of a batch is used again, but for one that somebody
// who was left behind may still be computing with.
func TestDecodingLeftBehind(t *testing.T) {
	var m decoding
	decoded := func(key string) *Put {
		d, err := m.batch(batchOf(1, put(1<<16, key, extent(1, 0, 10))))
		if err != nil {
			t.Fatal(err)
		}
		return d.records[0].(*Put)
	}
	left := decoded("left")
	m.end(true)
	next := decoded("next")
	m.end(false)
	if left.Key != "left" || left == next {
		t.Errorf("the record of a batch that was left behind became %q", left.Key)
	}
	if last := decoded("last"); last != next || last.Key != "last" {
		t.Error("the memory of a record is not used again")
	}
}
