package catalog

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
)

// remembered says whether an object is, and is told from memory.
func remembered(c *Catalog, bucket uint64, key string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.objects.find(c.objects.hash(bucket, key), bucket, key) != nil
}

// TestObjectsRemembered has clients ask for objects all the while they are replaced and deleted. None
// may be told anything that was over before it asked, nor go back behind what any was told before.
func TestObjectsRemembered(t *testing.T) {
	c := newCatalog(t, newFS(t, 2), Options{}, 2)
	apply(t, c, &BucketCreate{Name: "one"})
	const bucket, keys = 1 << 16, 3
	type span struct{ least, most uint64 } // versions that may be told now
	var mu sync.Mutex
	var now [keys]span
	done := make(chan struct{})
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := g; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				n := i % keys
				mu.Lock()
				from := now[n].least
				mu.Unlock()
				o, err := c.Object(t.Context(), bucket, fmt.Sprint("k", n))
				mu.Lock()
				to := now[n].most
				now[n].least = max(now[n].least, o.Version)
				mu.Unlock()
				switch {
				case err == nil && (o.Version < from || o.Version > to):
					t.Errorf("version %d is told, which is none of %d to %d", o.Version, from, to)
				case err != nil && !errors.Is(err, ErrNotFound):
					t.Error(err)
				}
			}
		})
	}
	for i := range 600 {
		n, lsn := i%keys, c.Applied()+1
		key := fmt.Sprint("k", n)
		record := Record(put(bucket, key, extent(1, 0, 10)))
		if i%5 == 4 {
			record = &Delete{Bucket: bucket, Key: key}
		}
		mu.Lock()
		now[n].most = lsn << 16 // from now on it may be seen
		mu.Unlock()
		apply(t, c, record)
		mu.Lock()
		now[n].least = lsn << 16 // and must be
		mu.Unlock()
		for range 2 {
			o, err := c.Object(t.Context(), bucket, key)
			if i%5 == 4 && !errors.Is(err, ErrNotFound) || i%5 < 4 && (err != nil || o.Version != lsn<<16) {
				t.Fatalf("%+v, %v", o, err)
			}
		}
		if i%5 < 4 && !remembered(c, bucket, key) {
			t.Fatal("what was asked for is not remembered")
		}
	}
	close(done)
	wg.Wait()
}

// TestObjectsRememberedBeforeAcknowledged asks for an object that a batch changes which is queued, and was
// not acknowledged: what a replica says of it then may be from before, and from after on the next.
func TestObjectsRememberedBeforeAcknowledged(t *testing.T) {
	c := newCatalog(t, newFS(t, 1), Options{}, 1)
	apply(t, c, &BucketCreate{Name: "one"})
	const bucket = 1 << 16
	apply(t, c, put(bucket, "a", extent(1, 0, 1)), put(bucket, "b", extent(1, 0, 1)))
	ask := func(key string) {
		t.Helper()
		if _, err := c.Object(t.Context(), bucket, key); err != nil {
			t.Fatal(err)
		}
	}
	ask("a")
	ask("b")
	p, err := c.Prepare(t.Context(), batchOf(3, put(bucket, "a", extent(1, 0, 2))))
	if err != nil {
		t.Fatal(err)
	}
	if !remembered(c, bucket, "a") {
		t.Error("a batch that may come to nothing made it forget")
	}
	at := c.objects.changed(c.objects.hash(bucket, "a"))
	if err := c.enqueue(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if remembered(c, bucket, "a") || !remembered(c, bucket, "b") {
		t.Error("queueing a batch makes it forget what the batch changes, and that alone")
	}
	settle(t, c)
	ask("a")
	if remembered(c, bucket, "a") {
		t.Error("remembered of a batch that was not acknowledged")
	}
	c.objects.note(&rememberedObject{hash: c.objects.hash(bucket, "a"), bucket: bucket, key: "a"}, at)
	if remembered(c, bucket, "a") {
		t.Error("remembered what was asked for before the batch")
	}
	if err := c.await(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	ask("a")
	if o, err := c.Object(t.Context(), bucket, "a"); err != nil || o.Size != 2 || !remembered(c, bucket, "a") {
		t.Errorf("%+v, %v", o, err)
	}
}

// TestObjectsAfterAnyRecord holds what is remembered against a replica, after batches of all records there are.
func TestObjectsAfterAnyRecord(t *testing.T) {
	c := newCatalog(t, newFS(t, 1), Options{}, 1)
	w := &writer{rng: random(t)}
	type name struct {
		bucket uint64
		key    string
	}
	seen := map[name]bool{}
	told := 0
	for range 400 {
		if err := c.Apply(t.Context(), w.batch()); err != nil {
			t.Fatal(err)
		}
		for _, p := range w.placed {
			if p.upload == 0 {
				seen[name{p.bucket, p.key}] = true
			}
		}
		for _, u := range w.uploads {
			seen[name{u.Bucket, u.Key}] = true
		}
		for n := range seen {
			was := remembered(c, n.bucket, n.key)
			o, err := c.Object(t.Context(), n.bucket, n.key)
			want, wantErr := getObject(c.members[0].r.db, n.bucket, n.key)
			if !errors.Is(err, wantErr) || !reflect.DeepEqual(o, want) {
				t.Fatalf("%v: %+v, %v; the replica says %+v, %v", n, o, err, want, wantErr)
			}
			if was {
				told++
			}
		}
	}
	if told < 1000 {
		t.Errorf("only %d objects were told from memory", told)
	}
}

// TestObjectsForgotten: as many are remembered as there is room for, none that is long, and without replicas none is
// told.
func TestObjectsForgotten(t *testing.T) {
	c := newCatalog(t, newFS(t, 1), Options{}, 1)
	apply(t, c, &BucketCreate{Name: "one"})
	const bucket = 1 << 16
	long := put(bucket, "long", extent(1, 0, 1))
	long.Object.Meta = []Pair{{Name: "a", Value: strings.Repeat("x", objectCacheEntry)}}
	apply(t, c, put(bucket, "short", extent(1, 0, 1)), long)
	for _, key := range []string{"short", "long"} {
		if _, err := c.Object(t.Context(), bucket, key); err != nil {
			t.Fatal(err)
		}
	}
	if !remembered(c, bucket, "short") || remembered(c, bucket, "long") {
		t.Error("the short one is to be remembered, not the long one")
	}
	at := c.objects.changed(0)
	for i := range uint64(objectCacheWays + 1) { // all of one set
		c.objects.note(&rememberedObject{hash: i * objectCacheSets, bucket: i}, at)
	}
	for i := range uint64(objectCacheWays + 1) {
		if got := c.objects.find(i*objectCacheSets, i, "") != nil; got != (i > 0) {
			t.Errorf("%d remembered: %v", i, got)
		}
	}
	if err := c.Detach(t.Context(), "d0"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Object(t.Context(), bucket, "short"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("without replicas: %v", err)
	}
}

// TestObjectCacheSpreads: what is called the same in many buckets does not fall into one set.
func TestObjectCacheSpreads(t *testing.T) {
	o := newObjectCache(0)
	sets := make(map[uint64]bool)
	for bucket := range uint64(100) {
		sets[o.hash((bucket+1)<<16, "config")%objectCacheSets] = true
	}
	if len(sets) < 50 {
		t.Errorf("one key of 100 buckets is in %d sets", len(sets))
	}
}

// TestObjectCacheFillsGaps: where one was forgotten there is room, and nobody else has to go.
func TestObjectCacheFillsGaps(t *testing.T) {
	o := newObjectCache(0)
	remember := func(hash uint64) { o.note(&rememberedObject{hash: hash, key: "k"}, o.changed(hash)) }
	for i := range uint64(objectCacheWays) {
		remember(i * objectCacheSets)
	}
	o.forget([]uint64{(objectCacheWays - 1) * objectCacheSets}, 1)
	remember((objectCacheWays - 1) * objectCacheSets)
	for i := range uint64(objectCacheWays) {
		if o.find(i*objectCacheSets, 0, "k") == nil {
			t.Errorf("%d of %d is not remembered", i, objectCacheWays)
		}
	}
}
