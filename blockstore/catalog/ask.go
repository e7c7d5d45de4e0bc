package catalog

import (
	"context"
	"errors"
	"iter"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// ask puts a question to the replica that serves and has applied need, and to
// the next one if that fails, turns out corrupt or takes too long. The question
// runs on another goroutine: what a drive hangs in cannot be cancelled,
// only left behind. An answer that comes too late is given to discard, if any.
//
// What takes long may be the question and not the drive. So each replica is given
// twice the time that the one before it had: else they would be asked in turn for
// ever, by ever more questions that were left behind and take the time of the next.
func ask[T any](ctx context.Context, c *Catalog, need uint64, f func(*member) (T, error), discard func(T)) (T, error) {
	v, _, err := askAll(ctx, c, need, f, discard)
	return v, err
}

// askAll is ask, and says whether a question was left behind: then f may still be running, or yet run.
func askAll[T any](ctx context.Context, c *Catalog, need uint64, f func(*member) (T, error), discard func(T)) (v T, left bool, err error) {
	var none T
	for patience := c.opts.Patience; ; patience *= 2 {
		m, err := c.current(ctx, need)
		if err != nil {
			return none, left, err
		}
		h := c.hand()
		if h == nil {
			return none, left, ErrUnavailable
		}
		q := &asked[T]{question: question[T]{done: h.done, discard: discard}, m: m, f: f}
		h.work <- q
		h.late.Reset(patience)
		v, err, answered := wait(ctx, c, need, q, h.late)
		h.late.Stop()
		if answered {
			c.hands.rest(h)
		}
		switch {
		case !answered:
			left = true
			if err := ctx.Err(); err != nil {
				return none, left, err
			}
			continue
		case m.r.Failed() != nil:
			err = m.r.Failed() // whatever it said is worth nothing
			if discard != nil && q.err == nil {
				discard(v)
			}
		case err == nil || errors.Is(err, ErrNotFound):
			return v, left, err
		}
		if !errors.Is(err, errClosed) {
			c.drop(m, err)
		}
	}
}

// asked is a question to a replica.
type asked[T any] struct {
	question[T]
	m *member
	f func(*member) (T, error)
}

func (q *asked[T]) run() (left bool) { return q.answer(q.f(q.m)) }

// wait waits for the answer, until ctx ends or another replica is to be asked.
func wait[T any](ctx context.Context, c *Catalog, need uint64, q *asked[T], late *time.Timer) (v T, err error, answered bool) {
	for {
		select {
		case <-q.done:
			return q.v, q.err, true
		case <-q.m.gone:
			return q.leave()
		case <-late.C:
			if c.handOver(q.m, need) {
				return q.leave()
			}
			late.Reset(c.opts.Patience)
		case <-ctx.Done():
			return q.leave()
		}
	}
}

// question is one call and its answer, which is taken once or discarded.
type question[T any] struct {
	discard func(T)
	done    chan struct{} // has room for one token, which comes when v and err are there

	mu       sync.Mutex
	v        T
	err      error
	answered bool
	left     bool
}

// answer gives the answer to who waits, or says that he has left.
func (q *question[T]) answer(v T, err error) (left bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.left {
		if q.discard != nil && err == nil {
			q.discard(v)
		}
		return true
	}
	q.v, q.err, q.answered = v, err, true
	q.done <- struct{}{}
	return false
}

// leave gives up waiting, unless the answer has just come.
func (q *question[T]) leave() (v T, err error, answered bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.answered {
		q.left = true
		return v, nil, false
	}
	select {
	case <-q.done: // nobody may find it there who asks the next question
	default:
	}
	return q.v, q.err, true
}

// read asks for what was acknowledged.
func read[T any](ctx context.Context, c *Catalog, f func(pebble.Reader) (T, error)) (T, error) {
	return ask(ctx, c, c.Applied(), func(m *member) (v T, err error) {
		err = m.r.with(func(db *pebble.DB) error {
			v, err = f(db)
			return err
		})
		return v, err
	}, nil)
}

// BucketName gives the name of the bucket of that id, or ErrNotFound.
func (c *Catalog) BucketName(ctx context.Context, id uint64) (string, error) {
	return read(ctx, c, func(r pebble.Reader) (string, error) { return getBucketName(r, id) })
}

// Buckets gives all buckets, by name.
func (c *Catalog) Buckets(ctx context.Context) ([]Bucket, error) {
	var all []Bucket
	for last := ""; ; {
		page, err := read(ctx, c, func(r pebble.Reader) ([]Bucket, error) { return listBuckets(r, last, MaxPage) })
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if len(page) < MaxPage {
			return all, nil
		}
		last = page[len(page)-1].Name
	}
}

// BucketEmpty tells whether the bucket of that id holds neither objects nor uploads.
func (c *Catalog) BucketEmpty(ctx context.Context, id uint64) (bool, error) {
	return read(ctx, c, func(r pebble.Reader) (bool, error) { return bucketEmpty(r, id) })
}

// List gives one page of a bucket's keys.
func (c *Catalog) List(ctx context.Context, bucket uint64, o ListOptions) (ListPage, error) {
	return read(ctx, c, func(r pebble.Reader) (ListPage, error) {
		it, err := r.NewIter(prefixOptions(objectKey(bucket, o.Prefix)))
		if err != nil {
			return ListPage{}, err
		}
		page, err := listObjects(it, bucket, o)
		return page, errors.Join(err, it.Close())
	})
}

// Upload gives an upload under way, or ErrNotFound.
func (c *Catalog) Upload(ctx context.Context, bucket uint64, key string, id uint64) (Upload, error) {
	return read(ctx, c, func(r pebble.Reader) (Upload, error) { return getUpload(r, bucket, key, id) })
}

// Uploads gives one page of a bucket's uploads.
func (c *Catalog) Uploads(ctx context.Context, bucket uint64, o UploadListOptions) (UploadPage, error) {
	return read(ctx, c, func(r pebble.Reader) (UploadPage, error) {
		it, err := r.NewIter(prefixOptions(escape(uploadPrefix(bucket), o.Prefix)))
		if err != nil {
			return UploadPage{}, err
		}
		page, err := listUploads(it, bucket, o)
		return page, errors.Join(err, it.Close())
	})
}

// Part gives a part of an upload under way, or ErrNotFound.
func (c *Catalog) Part(ctx context.Context, upload uint64, number int) (Part, error) {
	return read(ctx, c, func(r pebble.Reader) (Part, error) { return getPart(r, upload, number) })
}

// Parts gives up to max parts of an upload, by number, after that number, and
// says whether there are more. They come without their extents and checksums.
func (c *Catalog) Parts(ctx context.Context, upload uint64, after, max int) (parts []Part, more bool, err error) {
	page, err := read(ctx, c, func(r pebble.Reader) (partsPage, error) {
		return listParts(r, upload, after, min(max, MaxPage))
	})
	return page.parts, page.more, err
}

// NamedParts gives the parts of an upload that have these numbers, which ascend,
// all as of one moment. ErrNotFound if one is not there; ErrTooLarge if they are
// more than one object can be made of.
func (c *Catalog) NamedParts(ctx context.Context, upload uint64, numbers []int) ([]Part, error) {
	n, err := read(ctx, c, func(r pebble.Reader) (namedParts, error) { return getNamedParts(r, upload, numbers) })
	if err == nil && n.tooLarge { // which is no failure of the replica
		return nil, ErrTooLarge
	}
	return n.parts, err
}

// Segment gives the entry of a segment, or ErrNotFound.
func (c *Catalog) Segment(ctx context.Context, id drive.SegmentID) (SegmentEntry, error) {
	return read(ctx, c, func(r pebble.Reader) (SegmentEntry, error) { return getSegment(r, id) })
}

// Segments goes through the segment table by id. It reads a page at a time,
// each as of its own moment, and ends with the first error.
func (c *Catalog) Segments(ctx context.Context) iter.Seq2[SegmentEntry, error] {
	const segmentPage = 256
	return func(yield func(SegmentEntry, error) bool) {
		var last drive.SegmentID
		for {
			after := last // a question that was left behind may still read it
			page, err := read(ctx, c, func(r pebble.Reader) ([]SegmentEntry, error) {
				return listSegments(r, after, segmentPage)
			})
			if err != nil {
				yield(SegmentEntry{}, err)
				return
			}
			for _, s := range page {
				if !yield(s, nil) {
					return
				}
			}
			if len(page) < segmentPage {
				return
			}
			last = page[len(page)-1].ID
		}
	}
}

// Live gives the bytes of objects and parts that lie in a segment; 0 for one it does not know.
func (c *Catalog) Live(ctx context.Context, id drive.SegmentID) (int64, error) {
	return read(ctx, c, func(r pebble.Reader) (int64, error) { return getLive(r, id) })
}

// Setting gives the value of a setting, or ErrNotFound.
func (c *Catalog) Setting(ctx context.Context, name string) ([]byte, error) {
	return read(ctx, c, func(r pebble.Reader) ([]byte, error) { return getSetting(r, name) })
}

// Totals gives the number of objects and the sum of their sizes.
func (c *Catalog) Totals(ctx context.Context) (objects, bytes int64, err error) {
	m, err := read(ctx, c, getMeta)
	return m.objects, m.bytes, err
}

// Digest is the serving replica's (see Replica.Digest).
func (c *Catalog) Digest(ctx context.Context) (uint64, error) {
	return ask(ctx, c, c.Applied(), func(m *member) (uint64, error) { return m.r.Digest() }, nil)
}
