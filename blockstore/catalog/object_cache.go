package catalog

import (
	"context"
	"hash/maphash"
	"math/bits"
	"strings"

	"github.com/cockroachdb/pebble/v2"
)

const (
	// objectCacheSets of objectCacheWays entries each are remembered at most, none of more than
	// objectCacheEntry bytes: 16 MiB, and about 7 if they are of small objects with short keys.
	objectCacheSets  = 4096
	objectCacheWays  = 4
	objectCacheEntry = 1 << 10
)

// objectCache remembers objects that were asked for, since what is read is mostly read again: a
// look into Pebble, and handing the question to a goroutine that may hang there, take a seventh of
// a GET of 4 KiB. The Catalog's mutex guards it. It is a table of sets with a few entries each, of
// which the one asked for longest ago makes room.
//
// Invariant: what is remembered of an object is so as of every batch that was acknowledged, and of
// every one that is queued. A batch makes it forget the objects that it may change before it is
// queued for any replica. Until that batch was acknowledged nothing is remembered in their sets: what
// a replica answers meanwhile may be from before, or from a batch that another replica, which may be
// the one to serve next, does not have yet. An answer to a question from before the batch is told by
// the set's lsn, and not taken.
//
// Entries are shared by all who ask, and are never changed.
type objectCache struct {
	seed maphash.Seed
	lsn  uint64      // of no batch up to this one is it known what it changed
	sets []objectSet // nil until there is something to remember
}

type objectSet struct {
	lsn  uint64                             // of the last batch that may change an object of the set
	ways [objectCacheWays]*rememberedObject // the one asked for last is first
}

type rememberedObject struct {
	hash   uint64
	bucket uint64
	key    string
	object Object
}

func newObjectCache(lsn uint64) objectCache { return objectCache{seed: maphash.MakeSeed(), lsn: lsn} }

// hash tells the same key of several buckets apart in its lower bits too, which choose the set: those of
// buckets' ids are nearly always zero.
func (o *objectCache) hash(bucket uint64, key string) uint64 {
	return maphash.String(o.seed, key) ^ bits.RotateLeft64(bucket*0x9e3779b97f4a7c15, 32)
}

// find gives an object that is remembered, or nil.
func (o *objectCache) find(hash, bucket uint64, key string) *rememberedObject {
	if o.sets == nil {
		return nil
	}
	ways := &o.sets[hash%objectCacheSets].ways
	for i, r := range ways {
		if r != nil && r.hash == hash && r.bucket == bucket && r.key == key {
			copy(ways[1:i+1], ways[:i])
			ways[0] = r
			return r
		}
	}
	return nil
}

// changed is the LSN of the last batch that may have changed an object of that hash.
func (o *objectCache) changed(hash uint64) uint64 {
	if o.sets == nil {
		return o.lsn
	}
	return max(o.lsn, o.sets[hash%objectCacheSets].lsn)
}

// note remembers an object that was asked for when changed said lsn.
func (o *objectCache) note(r *rememberedObject, lsn uint64) {
	if o.changed(r.hash) != lsn {
		return
	}
	if o.sets == nil {
		o.sets = make([]objectSet, objectCacheSets)
	}
	ways := &o.sets[r.hash%objectCacheSets].ways
	for _, other := range ways {
		if other != nil && other.hash == r.hash { // who asked at the same time was quicker
			return
		}
	}
	free := 0 // or the last one's place
	for free < objectCacheWays-1 && ways[free] != nil {
		free++
	}
	copy(ways[1:free+1], ways[:free])
	ways[0] = r
}

// forget forgets the objects of these hashes for a batch that may change them.
func (o *objectCache) forget(hashes []uint64, lsn uint64) {
	if o.sets == nil {
		if len(hashes) > 0 {
			o.lsn = lsn
		}
		return
	}
	for _, hash := range hashes {
		set := &o.sets[hash%objectCacheSets]
		set.lsn = lsn
		for i, r := range set.ways {
			if r != nil && r.hash == hash {
				set.ways[i] = nil
			}
		}
	}
}

// changedObjects gives the hashes of all objects that a batch may change.
func (o *objectCache) changedObjects(d decodedBatch) []uint64 {
	hashes := make([]uint64, 0, len(d.records))
	for _, r := range d.records {
		if bucket, key, ok := changedObject(r); ok {
			hashes = append(hashes, o.hash(bucket, key))
		}
	}
	return hashes
}

// changedObject says which object's entry a record may change. (A bucket is deleted only if it holds none.)
func changedObject(r Record) (bucket uint64, key string, ok bool) {
	switch r := r.(type) {
	case *Put:
		return r.Bucket, r.Key, true
	case *Delete:
		return r.Bucket, r.Key, true
	case *Amend:
		return r.Bucket, r.Key, true
	case *UploadComplete:
		return r.Bucket, r.Key, true
	case *Relocate:
		return r.Bucket, r.Key, r.Upload == 0
	}
	return 0, "", false
}

// rememberedBytes is about how much memory an object takes.
func rememberedBytes(key string, o *Object) int {
	n := 256 + len(key) + len(o.ETag) + len(o.ContentType) + 56*cap(o.Extents)
	for _, pairs := range [][]Pair{o.Meta, o.System} {
		n += 32 * cap(pairs)
		for _, p := range pairs {
			n += len(p.Name) + len(p.Value)
		}
	}
	return n
}

// Object gives an object, or ErrNotFound. What it points to must not be changed.
func (c *Catalog) Object(ctx context.Context, bucket uint64, key string) (Object, error) {
	hash := c.objects.hash(bucket, key)
	c.mu.Lock()
	if !c.closed && c.serving != nil && c.serving.r.Failed() == nil {
		if r := c.objects.find(hash, bucket, key); r != nil {
			c.mu.Unlock()
			return r.object, nil
		}
	}
	at := c.objects.changed(hash)
	settled := c.acked >= at
	c.mu.Unlock()
	o, err := read(ctx, c, func(r pebble.Reader) (Object, error) { return getObject(r, bucket, key) })
	if err == nil && settled && len(o.Parts) == 0 && rememberedBytes(key, &o) <= objectCacheEntry {
		r := &rememberedObject{hash: hash, bucket: bucket, key: strings.Clone(key), object: o}
		c.mu.Lock()
		c.objects.note(r, at)
		c.mu.Unlock()
	}
	return o, err
}
