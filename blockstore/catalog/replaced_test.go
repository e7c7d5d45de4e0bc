package catalog

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestReplaced: what a batch replaces counts out, whether the filters of the last level are asked or not: an
// object that lies there, one in the memtable, none; and keys that several records of one batch are about, each
// of which finds what the one before left.
func TestReplaced(t *testing.T) {
	r := replacedPool(t, NewCache(1<<20, 1))
	if r.filtered == 0 {
		t.Fatal("filters are never asked")
	}
	plain := replacedPool(t, nil)
	if plain.filtered != 0 {
		t.Fatal("filters are asked where there is no room for them")
	}
	const bucket = 1 << 16
	put := func(key string, at int64) Record {
		return &Put{Bucket: bucket, Key: key, Object: Object{Size: 10}, Body: Body{Extents: []Extent{extent(uint64(segB), at, 10)}}}
	}
	b := batchOf(4,
		put("last 000", 0), put("memtable 000", 10), put("nowhere", 20),
		put("last 001", 30), &Delete{Bucket: bucket, Key: "last 001"}, put("last 001", 40), // there at the end
		put("nowhere else", 50), &Delete{Bucket: bucket, Key: "nowhere else"}, // not there
		&Delete{Bucket: bucket, Key: "last 002"}, &Delete{Bucket: bucket, Key: "never"},
		&Relocate{Bucket: bucket, Key: "last 003", Version: 2<<16 + 3, From: []Extent{extent(uint64(segA), 3*100, 100)}, Extents: []Extent{extent(uint64(segB), 60, 100)}},
		put("last 003", 70), // its bytes lie in B by now
	)
	for name, r := range map[string]*Replica{"filters": r, "no filters": plain} {
		if err := r.Apply(b); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		m := r.meta.Load()
		// Of 100 + 10 objects one is gone and one new; four of 100 bytes and one of the memtable's are of 10 now.
		if m.objects != 110 || m.bytes != 110*100-5*100+5*10 {
			t.Errorf("%s: %d objects of %d bytes", name, m.objects, m.bytes)
		}
		for id, want := range map[uint64]int64{uint64(segA): 110*100 - 500, uint64(segB): 50} {
			var n int64
			if err := get(r.db, liveKey(id), codeLive(&n)); err != nil || n != want {
				t.Errorf("%s: %d live bytes in segment %d, want %d (%v)", name, n, id, want, err)
			}
		}
	}
}

// replacedPool is a replica at LSN 3 with objects in the last level and others in the memtable.
func replacedPool(t *testing.T, c *Cache) *Replica {
	t.Helper()
	r, err := OpenReplica(vfs.NewMem(), "", ReplicaOptions{Cache: c})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		c.release()
	})
	store := func(lsn uint64, name string, n int) {
		var puts []Record
		for i := range n {
			at := int64(i) * 100
			puts = append(puts, &Put{
				Bucket: 1 << 16, Key: fmt.Sprintf("%s %03d", name, i), Object: Object{Size: 100},
				Body: Body{Extents: []Extent{extent(uint64(segA), at, 100)}},
			})
		}
		if err := r.Apply(batchOf(lsn, puts...)); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Apply(batchOf(1, &BucketCreate{Name: "one"})); err != nil {
		t.Fatal(err)
	}
	store(2, "last", 100)
	if err := r.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := r.db.Compact(t.Context(), []byte{0}, []byte{0xff}, false); err != nil {
		t.Fatal(err)
	}
	if m := r.db.Metrics(); m.Levels[len(m.Levels)-1].TablesCount == 0 {
		t.Fatalf("nothing lies in the last level:\n%v", m)
	}
	store(3, "memtable", 10)
	return r
}
