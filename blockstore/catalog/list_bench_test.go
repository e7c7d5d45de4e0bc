package catalog

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

var listKeys = flag.Int("list-keys", 100_000, "keys of the large catalog in BenchmarkListFirst")

// BenchmarkListFirst lists the first 1,000 keys of 1,000 and of many, in turn,
// so that what else the machine does weighs on both alike. The page shows the
// same, so it should cost the same: issue 4 allows 1.2 times. Its medians and
// their ratio are reported; run it with -list-keys 1000000 for the number.
func BenchmarkListFirst(b *testing.B) {
	few, many := listCatalog(b, MaxPage), listCatalog(b, *listKeys)
	first := func(c *Catalog) time.Duration {
		began := time.Now()
		page, err := c.List(b.Context(), b1, ListOptions{Max: MaxPage})
		took := time.Since(began)
		if err != nil || len(page.Objects) != MaxPage {
			b.Fatalf("%d objects, %v", len(page.Objects), err)
		}
		return took
	}
	for range 10 { // caches warm
		first(few)
		first(many)
	}
	var tookFew, tookMany []time.Duration
	for b.Loop() {
		tookFew = append(tookFew, first(few))
		tookMany = append(tookMany, first(many))
	}
	slices.Sort(tookFew)
	slices.Sort(tookMany)
	f, m := tookFew[len(tookFew)/2], tookMany[len(tookMany)/2]
	b.ReportMetric(float64(f.Microseconds()), "few-µs")
	b.ReportMetric(float64(m.Microseconds()), "many-µs")
	b.ReportMetric(float64(m)/float64(f), "many/few")
}

// listCatalog makes a catalog of n keys in one bucket, written in no order,
// on the real file system, with everything in its tables.
func listCatalog(b *testing.B, n int) *Catalog {
	b.Helper()
	cache := NewCache(8<<20, 1) // as a pool has
	r, err := OpenReplica(vfs.Default, b.TempDir(), ReplicaOptions{Cache: cache})
	if err != nil {
		b.Fatal(err)
	}
	c := New(Options{})
	if err := c.Attach(r, "d0"); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := c.Close(); err != nil {
			b.Error(err)
		}
		cache.Close()
	})
	began := time.Now()
	lsn := uint64(1)
	if err := c.Apply(b.Context(), batchOf(lsn, &BucketCreate{Name: "one"})); err != nil {
		b.Fatal(err)
	}
	order := rand.New(rand.NewPCG(1, 1)).Perm(n)
	for part := range slices.Chunk(order, 500) {
		var records []Record
		for _, i := range part {
			records = append(records, &Put{Bucket: b1, Key: fmt.Sprintf("backups/host-%02d/2026-03-04/data/%08d", i%10, i), Object: Object{
				Size: 70000, ModTimeUnixNano: int64(i), ETag: fmt.Sprintf("%032x", i), ContentType: "application/octet-stream", Meta: []Pair{{"mtime", "1772600767.891"}},
			}, Body: Body{Extents: []Extent{extent(uint64(segA), int64(i)*4096, 70000)}}})
		}
		lsn++
		if err := c.Apply(b.Context(), batchOf(lsn, records...)); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := c.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Logf("%d keys written in %v", n, time.Since(began).Round(time.Millisecond))
	return c
}
