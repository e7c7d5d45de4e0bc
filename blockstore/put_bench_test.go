package blockstore

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkPutSmall stores objects of 4 KiB in a 4+2 pool on the file system of
// $TMPDIR, which must sync for the figures to mean anything. Beside the time of an
// operation it says what CPU time of the process it took, which other work on the
// machine moves little, and how many objects went into a batch.
func BenchmarkPutSmall(b *testing.B) {
	for _, clients := range []int{1, 8, 32} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			p := benchPool(b)
			body := make([]byte, 4<<10)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			before, cpu := p.batches.Load(), processCPU()
			var next atomic.Int64
			var wg sync.WaitGroup
			b.ResetTimer()
			for range clients {
				wg.Go(func() {
					for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
						if err := benchPut(p, fmt.Sprintf("a/prefix/%08d", i*7919%100_000_007), body); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			if cpu > 0 {
				b.ReportMetric(float64(processCPU()-cpu)/1e3/float64(b.N), "cpu-µs/op")
			}
			b.ReportMetric(float64(b.N)/float64(p.batches.Load()-before), "ops/batch")
		})
	}
}

// benchPut stores a body with its MD5 taken on the way, as S3 asks for.
func benchPut(p *Pool, key string, body []byte) error {
	sum := md5.New()
	_, err := p.Put(context.Background(), "bucket", key, bytes.NewReader(body), PutOptions{
		Size: int64(len(body)), ContentType: "application/octet-stream",
		Digest: func(piece []byte) { sum.Write(piece) },
		Finish: func() (Finished, error) { return Finished{ETag: hex.EncodeToString(sum.Sum(nil))}, nil },
	})
	return err
}

// benchPool makes a 4+2 pool with a bucket "bucket" on the real file system.
func benchPool(b testing.TB) *Pool {
	b.Helper()
	root := b.TempDir()
	var dirs []string
	for i := range 6 {
		dirs = append(dirs, filepath.Join(root, fmt.Sprintf("d%d", i)))
	}
	p, err := Open(b.Context(), Options{Dirs: dirs, Init: true, Parity: 2})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := p.Close(context.Background()); err != nil {
			b.Error(err)
		}
	})
	if err := p.CreateBucket(b.Context(), "bucket"); err != nil {
		b.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond) // replicas of the catalog are made
	runtime.GC()
	return p
}
