package limits

import (
	"context"
	"crypto/md5"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-storage/holdfast/bench"
	own "github.com/holdfast-storage/holdfast/fuse-free-api/md5"
)

// MD5 is what S3's ETag asks for, as Go's crypto/md5 computes it: what anybody has who does nothing about it.
func MD5() bench.Side { return hashing("crypto/md5", md5.New()) }

// OwnMD5 is the daemon's own MD5 of one stream, in pieces of a column's payload, as it gets them.
func OwnMD5() bench.Side {
	buf, hash := random(hashBytes), own.NewGroup().New()
	return onThread("MD5, the daemon's", hashBytes, func() {
		for at := 0; at < len(buf); at += columnBytes {
			hash.Write(buf[at : at+columnBytes])
		}
	})
}

// OwnMD5s is the daemon's own MD5 of so many streams at the same time, each on a goroutine of its own, as uploads are: they
// are hashed beside each other as they meet. Bytes are those of all streams, and the CPU time is the process's.
func OwnMD5s(streams int) bench.Side {
	group, buf := own.NewGroup(), random(hashBytes)
	run := func(ctx context.Context, span time.Duration) (s bench.Sample, err error) {
		var pieces atomic.Int64
		var all sync.WaitGroup
		cpu, began := bench.OwnCPU(), time.Now()
		for i := range streams {
			at := i * columnBytes % len(buf)
			all.Go(func() {
				hash := group.New()
				defer group.Give(hash)
				for ctx.Err() == nil && time.Since(began) < span {
					hash.Write(buf[at : at+columnBytes])
					pieces.Add(1)
				}
			})
		}
		all.Wait()
		s.Elapsed, s.CPU, s.Ops = time.Since(began), bench.OwnCPU()-cpu, pieces.Load()
		s.Bytes = s.Ops * columnBytes
		return s, ctx.Err()
	}
	return bench.Side{Name: fmt.Sprintf("MD5, the daemon's, %d streams", streams), Run: run}
}
