package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dustin/go-humanize"
	"golang.org/x/sync/errgroup"

	"github.com/holdfast-storage/holdfast/bench"
	"github.com/holdfast-storage/holdfast/blockstore"
)

// Load is one operation, on objects of one size, by a number of clients.
type Load struct {
	Operation bench.Operation
	Size      int64 // of the objects, bytes; from 1
	Clients   int   // 0: 1
	// Keys is how many objects the load is about: what it reads was stored before,
	// what it writes replaces one of them. 0: as many as hold 256 MiB, from 16 to
	// 10,000, and as many as two clients, or pages of a LIST, need.
	Keys int64
	// There says that the objects are there already: Prepare stores none.
	There bool
	// MD5 has the pool give every body to an MD5, as S3 has it for the ETag.
	MD5 bool
	// MostBytes ends a run that has written so much, and so bounds what a run takes
	// of the drives before parity. 0: 1 GiB.
	MostBytes int64
	// FirstPage has LISTs ask for the first page only, instead of one anywhere.
	FirstPage bool
	Bucket    string // 0: "bench"
	Prefix    string // of the keys, without a slash at its end. 0: "pool"
	// Key, if set, gives the key of the n-th object instead of [bench.Key]. It begins as that does.
	Key func(n int64) string
}

func (l Load) withDefaults() (Load, error) {
	if l.Size < 1 {
		return l, fmt.Errorf("a load of objects of %d bytes: a size from 1 is wanted", l.Size)
	}
	if l.Clients < 1 {
		l.Clients = 1
	}
	if l.Keys == 0 {
		l.Keys = max(min(10_000, 256<<20/l.Size), 16, 2*int64(l.Clients))
		if l.Operation == bench.List {
			l.Keys = max(l.Keys, 10*bench.ListKeys)
		}
	}
	if l.MostBytes == 0 {
		l.MostBytes = 1 << 30
	}
	if l.Bucket == "" {
		l.Bucket = "bench"
	}
	if l.Prefix == "" {
		l.Prefix = "pool"
	}
	if l.Key == nil {
		prefix, size := l.Prefix, l.Size
		l.Key = func(n int64) string { return bench.Key(prefix, size, n) }
	}
	return l, nil
}

// String names the load: "PUT 4 KiB, 32 clients".
func (l Load) String() string {
	clients := "1 client"
	if l.Clients > 1 {
		clients = fmt.Sprintf("%d clients", l.Clients)
	}
	return fmt.Sprintf("%s %s, %s", l.Operation, humanize.IBytes(uint64(max(0, l.Size))), clients)
}

// Runner runs a load on a pool.
type Runner struct {
	pool   *blockstore.Pool
	load   Load
	body   *body
	rounds uint64   // runs begun: each has its own random numbers
	gone   int64    // of a DELETE: keys from 0 on that the last run has deleted
	pages  []string // of a LIST: after which keys full pages begin
}

// NewRunner prepares nothing yet; see Prepare.
func NewRunner(pool *blockstore.Pool, load Load) (*Runner, error) {
	l, err := load.withDefaults()
	if err != nil {
		return nil, err
	}
	r := &Runner{pool: pool, load: l, body: newBody()}
	if r.operation() == nil {
		return nil, fmt.Errorf("no load does %q; there are %q", l.Operation, bench.Operations())
	}
	return r, nil
}

// Prepare makes the bucket, if it is not there, and stores what the load reads or deletes.
func (r *Runner) Prepare(ctx context.Context) error {
	if err := r.pool.CreateBucket(ctx, r.load.Bucket); err != nil && !errors.Is(err, blockstore.ErrBucketExists) {
		return err
	}
	if r.load.Operation != bench.Put && !r.load.There {
		if err := r.store(ctx, r.load.Keys); err != nil {
			return err
		}
	}
	if r.load.Operation == bench.List {
		return r.findPages(ctx)
	}
	return nil
}

// Warm reads all that the operation reads, once, so that what is measured then comes from the page cache.
func (r *Runner) Warm(ctx context.Context) error {
	switch r.load.Operation {
	case bench.Get, bench.Range, bench.Mix:
	default:
		return nil
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for n := range r.load.Keys {
		group.Go(func() error {
			o, err := r.pool.Get(ctx, r.load.Bucket, r.load.Key(n))
			if err != nil {
				return err
			}
			defer o.Close()
			return o.WriteTo(ctx, &counter{}, 0, r.load.Size)
		})
	}
	return group.Wait()
}

// store puts the first n objects.
func (r *Runner) store(ctx context.Context, n int64) error {
	return Fill(ctx, r.pool, Filling{Bucket: r.load.Bucket, Prefix: r.load.Prefix, Size: r.load.Size, To: n, Key: r.load.Key})
}

// Side is the load to be measured, named as it is.
func (r *Runner) Side() bench.Side {
	return bench.Side{Name: r.load.String(), Run: r.run}
}

// Stored is the most bytes, before parity, that Prepare and so many runs leave on the drives.
func (r *Runner) Stored(runs int) int64 {
	all := r.load.Keys * r.load.Size
	switch r.load.Operation {
	case bench.Put:
		return int64(runs) * (r.load.MostBytes + int64(r.load.Clients)*r.load.Size)
	case bench.Mix:
		return all + int64(runs)*(r.load.MostBytes+int64(r.load.Clients)*r.load.Size)
	case bench.Delete:
		return all * int64(runs+1)
	}
	return all
}

// Clean deletes the load's objects. What they took comes back with the pool's directories.
func (r *Runner) Clean(ctx context.Context) error {
	after := ""
	for {
		page, err := r.page(ctx, after)
		if errors.Is(err, blockstore.ErrNoSuchBucket) {
			return nil
		}
		if err != nil {
			return err
		}
		err = each(ctx, len(page.Objects), func(ctx context.Context, i int) error {
			_, err := r.pool.Delete(ctx, r.load.Bucket, page.Objects[i].Key, blockstore.Condition{})
			return err
		})
		if err != nil || !page.Truncated {
			return err
		}
		after = page.Next
	}
}

// run is the Run of the side.
func (r *Runner) run(ctx context.Context, span time.Duration) (bench.Sample, error) {
	return r.do(ctx, &work{r: r, span: span})
}

func (r *Runner) do(ctx context.Context, w *work) (bench.Sample, error) {
	if r.load.Operation == bench.Delete && r.gone > 0 {
		if err := r.store(ctx, r.gone); err != nil { // again, before it is timed
			return bench.Sample{}, err
		}
	}
	r.rounds++
	sample, err := w.run(ctx)
	r.gone = min(w.next.Load(), r.load.Keys)
	return sample, err
}
