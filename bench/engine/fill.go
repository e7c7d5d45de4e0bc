package engine

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-storage/holdfast/bench"
	"github.com/holdfast-storage/holdfast/blockstore"
)

// Filling is objects to be stored quickly: the keys of a load, [bench.Key] of
// the numbers from From to To, with bodies of Size random bytes.
type Filling struct {
	Bucket, Prefix string
	Size           int64
	From, To       int64 // To is not among them
	// Writers is how many store at a time; 0: as many as pay.
	Writers int
	// Key, if set, gives the key of the n-th instead.
	Key func(n int64) string
	// Told is called now and then with how many are stored; nil: nobody is told.
	Told func(done int64)
}

// toldEvery is after how many objects Told is called.
const toldEvery = 1000

// writers is how many store at a time. A batch of the journal takes along what
// has gathered while the one before was on its way, so small objects want many.
func (f Filling) writers() int {
	if f.Writers > 0 {
		return f.Writers
	}
	return int(max(4, min(1024, (64<<20)/max(1, f.Size))))
}

// Fill stores objects with as many goroutines as pay. The bucket is made, if it
// is not there.
func Fill(ctx context.Context, pool *blockstore.Pool, f Filling) error {
	if err := pool.CreateBucket(ctx, f.Bucket); err != nil && !errors.Is(err, blockstore.ErrBucketExists) {
		return err
	}
	if f.Key == nil {
		f.Key = func(n int64) string { return bench.Key(f.Prefix, f.Size, n) }
	}
	body := newBody()
	var done atomic.Int64
	next := atomic.Int64{}
	next.Store(f.From)
	group, ctx := errgroup.WithContext(ctx)
	for range min(int64(f.writers()), f.To-f.From) {
		group.Go(func() error {
			for n := next.Add(1) - 1; n < f.To; n = next.Add(1) - 1 {
				_, err := pool.Put(ctx, f.Bucket, f.Key(n), body.reader(uint64(n)*0x9e3779b97f4a7c15, f.Size), blockstore.PutOptions{Size: f.Size})
				if err != nil {
					return fmt.Errorf("object %d of %d: %w", n, f.To, err)
				}
				if d := done.Add(1); d%toldEvery == 0 && f.Told != nil {
					f.Told(d)
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// each calls do for 0 to n-1, many at a time.
func each(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(256)
	for i := range n {
		group.Go(func() error { return do(ctx, i) })
	}
	return group.Wait()
}
