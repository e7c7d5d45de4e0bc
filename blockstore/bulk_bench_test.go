package blockstore

import (
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sync/errgroup"
)

// benchSize is the body of the benchmarks of large objects.
const benchSize = 64 << 20

// cpuPerGiB reports the processor time of the whole process for each GiB of
// bodies, which says more than the time by the clock on a machine that is shared.
func cpuPerGiB(b *testing.B, bytes int64, work func()) {
	b.Helper()
	b.SetBytes(bytes)
	var before, after syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	work()
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	gib := float64(bytes) * float64(b.N) / (1 << 30)
	b.ReportMetric(float64(after.Utime.Nano()-before.Utime.Nano())/1e9/gib, "user-s/GiB")
	b.ReportMetric(float64(after.Stime.Nano()-before.Stime.Nano())/1e9/gib, "sys-s/GiB")
}

// BenchmarkPutBulk stores large bodies that cost nothing to make.
func BenchmarkPutBulk(b *testing.B) {
	for _, c := range []struct {
		clients int
		size    int64
		md5     bool
	}{{1, benchSize, false}, {1, benchSize, true}, {4, benchSize, false}, {8, 1 << 20, true}} {
		b.Run(fmt.Sprintf("clients=%d/MiB=%d/md5=%v", c.clients, c.size>>20, c.md5), func(b *testing.B) {
			p := benchPool(b)
			var left, n atomic.Int64
			b.ReportAllocs()
			b.ResetTimer()
			left.Store(int64(b.N))
			cpuPerGiB(b, c.size, func() {
				var g errgroup.Group
				for range c.clients {
					g.Go(func() error {
						for left.Add(-1) >= 0 {
							opt := PutOptions{Size: c.size}
							if c.md5 {
								sum := md5.New()
								opt.Digest = func(p []byte) { sum.Write(p) }
							}
							if _, err := p.Put(b.Context(), "bucket", fmt.Sprint(n.Add(1)%16), &blank{c.size}, opt); err != nil {
								return err
							}
						}
						return nil
					})
				}
				if err := g.Wait(); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

// BenchmarkGetBulk reads a large object that was stored just before.
func BenchmarkGetBulk(b *testing.B) {
	p := benchPool(b)
	if _, err := p.Put(b.Context(), "bucket", "k", &blank{benchSize}, PutOptions{Size: benchSize}); err != nil {
		b.Fatal(err)
	}
	for _, clients := range []int{1, 4} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			var left atomic.Int64
			left.Store(int64(b.N))
			b.ReportAllocs()
			cpuPerGiB(b, benchSize, func() {
				var g errgroup.Group
				for range clients {
					g.Go(func() error {
						for left.Add(-1) >= 0 {
							o, err := p.Get(b.Context(), "bucket", "k")
							if err != nil {
								return err
							}
							err = o.WriteTo(b.Context(), io.Discard, 0, benchSize)
							o.Close()
							if err != nil {
								return err
							}
						}
						return nil
					})
				}
				if err := g.Wait(); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

// BenchmarkGetDegraded reads objects that were stored together, with all drives there and with two of them left out.
func BenchmarkGetDegraded(b *testing.B) {
	for _, size := range []int64{4 << 10, 64 << 10, 1 << 20, benchSize} {
		p := benchPool(b)
		objects := min(1000, max(1, benchSize/size))
		var next atomic.Int64
		var g errgroup.Group
		for range min(16, objects) {
			g.Go(func() error {
				for n := next.Add(1) - 1; n < objects; n = next.Add(1) - 1 {
					if _, err := p.Put(b.Context(), "bucket", fmt.Sprint(n), &blank{size}, PutOptions{Size: size}); err != nil {
						return err
					}
				}
				return nil
			})
		}
		if err := g.Wait(); err != nil {
			b.Fatal(err)
		}
		for _, lost := range []int{0, 2} {
			for i := range lost {
				if _, err := p.FailDrive(b.Context(), fmt.Sprint(i+1), ChangeOptions{Force: true}); err != nil && !errors.Is(err, ErrReadOnly) {
					b.Fatal(err)
				}
			}
			get := func(n int) {
				o, err := p.Get(b.Context(), "bucket", fmt.Sprint(n))
				if err != nil {
					b.Fatal(err)
				}
				defer o.Close()
				if err := o.WriteTo(b.Context(), io.Discard, 0, size); err != nil {
					b.Fatal(err)
				}
			}
			b.Run(fmt.Sprintf("KiB=%d/lost=%d", size>>10, lost), func(b *testing.B) {
				for n := range int(objects) { // into the page cache
					get(n)
				}
				b.ReportAllocs()
				b.ResetTimer()
				cpuPerGiB(b, size, func() {
					for i := range b.N {
						get(i * 7919 % int(objects))
					}
				})
			})
		}
	}
}
