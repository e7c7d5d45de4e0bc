package engine

import (
	"fmt"
	"math"
	"testing"

	"github.com/holdfast-storage/holdfast/bench"
	"github.com/holdfast-storage/holdfast/blockstore"
)

// BenchmarkFill stores tiny objects with as many goroutines as pay.
func BenchmarkFill(b *testing.B) {
	pool := testPool(b)
	b.ReportAllocs()
	b.ResetTimer()
	if err := Fill(b.Context(), pool, Filling{Bucket: "bench", Prefix: "fill", Size: 100, To: int64(b.N)}); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkPool does each operation with one client and with 32, on objects of
// 4 KiB; and what moves bytes on objects of 64 MiB, with one client. PUTs go
// with an MD5, as through S3. An "op" is one of all clients' together.
func BenchmarkPool(b *testing.B) {
	pool := testPool(b)
	for _, operation := range bench.Operations() {
		for _, clients := range []int{1, 32} {
			benchmark(b, pool, Load{Operation: operation, Size: 4 << 10, Clients: clients, MD5: true})
		}
	}
	for _, operation := range []bench.Operation{bench.Put, bench.Get, bench.Range} {
		benchmark(b, pool, Load{Operation: operation, Size: 64 << 20, Keys: 2, MD5: true})
	}
}

func benchmark(b *testing.B, pool *blockstore.Pool, load Load) {
	b.Run(load.String(), func(b *testing.B) {
		load.MostBytes = math.MaxInt64 / 2
		if load.Operation == bench.Delete {
			load.Keys = int64(b.N)
		}
		r, err := NewRunner(pool, load)
		if err != nil {
			b.Fatal(err)
		}
		if err := r.Prepare(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		b.ResetTimer()
		s, err := r.do(b.Context(), &work{r: r, span: math.MaxInt64, most: int64(b.N)})
		b.StopTimer()
		if err != nil || s.Ops != int64(b.N) {
			b.Fatalf("%d operations of %d: %v", s.Ops, b.N, err)
		}
		if s.Bytes > 0 {
			b.SetBytes(s.Bytes / s.Ops)
		}
		if err := r.Clean(b.Context()); err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkStored scrubs and rebuilds a pool of 1 GiB, beside the bare reads
// and copies, five times in turn. Its ns/op says nothing; the shares do.
func BenchmarkStored(b *testing.B) {
	for _, object := range []int64{4 << 10, 64 << 20} {
		s, err := Store(b.Context(), Content{Dirs: testDirs(b), Bytes: 1 << 30, ObjectBytes: object})
		if err != nil {
			b.Fatal(err)
		}
		way := Readings()[0]
		for _, pair := range [][2]bench.Side{{s.Scrub(), s.Read(way)}, {s.Rebuild(), s.CopyDirect(way)}} {
			b.Run(fmt.Sprintf("%s/%d", pair[0].Name, object), func(b *testing.B) {
				for range b.N {
					got, err := bench.InTurn(b.Context(), bench.Turns{}, pair[0], pair[1])
					if err != nil {
						b.Fatal(err)
					}
					b.ReportMetric(got[0].Median(bench.ByteRate)/1e6, "MB/s")
					b.ReportMetric(got[1].Median(bench.ByteRate)/1e6, "bare-MB/s")
					b.ReportMetric(bench.Ratio(got[0], got[1], bench.ByteRate), "share")
					b.ReportMetric(got[0].Median(bench.CPUPerByte)*(1<<30), "CPU-s/GiB")
				}
			})
		}
		if err := s.Close(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
