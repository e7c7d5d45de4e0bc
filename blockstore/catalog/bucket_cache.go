package catalog

import (
	"context"
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

// bucketCacheMax is how many buckets are remembered.
const bucketCacheMax = 1024

// bucketCache remembers buckets, since every request asks for one, and next to no
// request changes any. The Catalog's mutex guards it.
//
// Invariant: what is remembered is so as of every batch that was acknowledged, and
// of every one that is queued. A batch that makes or deletes buckets empties it
// before it is queued for any replica, and until that batch was acknowledged
// nothing is remembered: what a replica answers meanwhile may be from before. An
// answer to a question from before it is told by lsn, and not taken.
type bucketCache struct {
	byName map[string]Bucket
	ids    map[uint64]bool // of those
	lsn    uint64          // of the last batch that makes or deletes buckets
}

// forget empties the cache for a batch that makes or deletes buckets.
func (b *bucketCache) forget(lsn uint64) {
	clear(b.byName)
	clear(b.ids)
	b.lsn = lsn
}

// among gives the id of a bucket that is remembered, and that a record stores into;
// 0 if it finds none at once.
func (b *bucketCache) among(records []Record) (id uint64) {
	if len(records) == 0 {
		return 0
	}
	switch r := records[0].(type) {
	case *Put:
		id = r.Bucket
	case *UploadCreate:
		id = r.Bucket
	}
	if !b.ids[id] {
		return 0
	}
	return id
}

func changesBuckets(d decodedBatch) bool {
	return slices.ContainsFunc(d.records, func(r Record) bool {
		switch r.(type) {
		case *BucketCreate, *BucketDelete:
			return true
		}
		return false
	})
}

// note remembers a bucket that was asked for when lsn was what it is.
func (b *bucketCache) note(bucket Bucket, lsn uint64) {
	if b.lsn != lsn {
		return
	}
	if b.byName == nil {
		b.byName, b.ids = make(map[string]Bucket), make(map[uint64]bool)
	}
	if len(b.byName) >= bucketCacheMax { // any of them will do
		for name, old := range b.byName {
			delete(b.byName, name)
			delete(b.ids, old.ID)
			break
		}
	}
	b.byName[bucket.Name], b.ids[bucket.ID] = bucket, true
}

// Bucket gives the bucket of that name, or ErrNotFound. As all reads it gives
// ErrUnavailable if no replica can answer, and ctx's error if that ends first.
func (c *Catalog) Bucket(ctx context.Context, name string) (Bucket, error) {
	c.mu.Lock()
	b, known := c.buckets.byName[name]
	at, settled := c.buckets.lsn, c.acked >= c.buckets.lsn
	known = known && !c.closed && c.serving != nil && c.serving.r.Failed() == nil
	c.mu.Unlock()
	if known {
		return b, nil
	}
	b, err := read(ctx, c, func(r pebble.Reader) (Bucket, error) { return getBucket(r, name) })
	if err == nil && settled {
		c.mu.Lock()
		c.buckets.note(b, at)
		c.mu.Unlock()
	}
	return b, err
}
