package engine

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"

	"github.com/holdfast-storage/holdfast/bench"
	"github.com/holdfast-storage/holdfast/blockstore"
)

// operation is what the load's clients do; nil: there is no such operation.
func (r *Runner) operation() operation {
	switch r.load.Operation {
	case bench.Put:
		return r.put()
	case bench.Get:
		return r.get(func(*client) (off, n int64) { return 0, r.load.Size })
	case bench.Range:
		n := min(bench.RangeBytes, r.load.Size)
		return r.get(func(c *client) (int64, int64) { return c.rng.Int64N(r.load.Size - n + 1), n })
	case bench.Head:
		return r.head
	case bench.List:
		return r.list
	case bench.Delete:
		return r.delete
	case bench.Mix:
		get, put := r.get(func(*client) (off, n int64) { return 0, r.load.Size }), r.put()
		return func(ctx context.Context, c *client) (int64, bool, error) {
			if c.rng.IntN(100) < bench.GetShare {
				return get(ctx, c)
			}
			return put(ctx, c)
		}
	}
	return nil
}

// some is the key of some object of the load.
func (r *Runner) some(c *client) string {
	return r.load.Key(c.rng.Int64N(r.load.Keys))
}

func (r *Runner) put() operation {
	return func(ctx context.Context, c *client) (int64, bool, error) {
		if c.written.Add(r.load.Size) > r.load.MostBytes+r.load.Size {
			return 0, false, nil
		}
		opt := blockstore.PutOptions{Size: r.load.Size}
		if r.load.MD5 {
			sum := md5.New()
			opt.Digest = func(p []byte) { sum.Write(p) }
			opt.Finish = func() (blockstore.Finished, error) {
				return blockstore.Finished{ETag: hex.EncodeToString(sum.Sum(nil))}, nil
			}
		}
		_, err := r.pool.Put(ctx, r.load.Bucket, r.some(c), r.body.reader(c.rng.Uint64(), r.load.Size), opt)
		return r.load.Size, true, err
	}
}

// get reads the range that part chooses.
func (r *Runner) get(part func(*client) (off, n int64)) operation {
	return func(ctx context.Context, c *client) (int64, bool, error) {
		o, err := r.pool.Get(ctx, r.load.Bucket, r.some(c))
		if err != nil {
			return 0, false, err
		}
		defer o.Close()
		off, n := part(c)
		c.sink.n = 0
		if err := o.WriteTo(ctx, &c.sink, off, n); err != nil {
			return 0, false, err
		}
		if c.sink.n != n {
			return 0, false, fmt.Errorf("%s gave %d bytes of %d", o.Info().Key, c.sink.n, n)
		}
		return n, true, nil
	}
}

func (r *Runner) head(ctx context.Context, c *client) (int64, bool, error) {
	_, err := r.pool.Stat(ctx, r.load.Bucket, r.some(c))
	return 0, true, err
}

func (r *Runner) delete(ctx context.Context, c *client) (int64, bool, error) {
	n := c.next.Add(1) - 1
	if n >= r.load.Keys {
		return 0, false, nil
	}
	existed, err := r.pool.Delete(ctx, r.load.Bucket, r.load.Key(n), blockstore.Condition{})
	if err == nil && !existed {
		err = fmt.Errorf("object %d was not there to be deleted", n)
	}
	return 0, true, err
}
