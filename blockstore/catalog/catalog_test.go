package catalog

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// newCatalog runs n replicas, d0 the first to serve, and closes them when the test ends.
func newCatalog(t *testing.T, fs vfs.FS, o Options, n int) *Catalog {
	t.Helper()
	c := New(o)
	for i := range n {
		if err := c.Attach(openTestReplica(t, fs, catalogDir(i)), fmt.Sprint("d", i)); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { closeCatalog(t, c) })
	return c
}

func closeCatalog(t *testing.T, c *Catalog) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Errorf("closing the catalog: %v", err)
	}
}

func apply(t *testing.T, c *Catalog, records ...Record) {
	t.Helper()
	if err := c.Apply(t.Context(), batchOf(c.Applied()+1, records...)); err != nil {
		t.Fatal(err)
	}
}

// settle waits until every replica has everything.
func settle(t *testing.T, c *Catalog) {
	t.Helper()
	waitFor(t, "replicas to catch up", func() bool {
		for _, r := range c.Replicas() {
			if r.Queued > 0 || r.Cloning {
				return false
			}
		}
		return true
	})
}

func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited too long for %s", what)
		}
	}
}

func serving(c *Catalog) string {
	for _, r := range c.Replicas() {
		if r.Serving {
			return r.Name
		}
	}
	return ""
}

// drops collects what OnDrop is told.
type drops struct {
	mu  sync.Mutex
	err map[string]error
}

func (d *drops) on(name string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err == nil {
		d.err = map[string]error{}
	}
	d.err[name] = err
}

func (d *drops) of(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err[name]
}

func (d *drops) wait(t *testing.T, name string) error {
	t.Helper()
	waitFor(t, "the drop of "+name, func() bool { return d.of(name) != nil })
	return d.of(name)
}

func TestReads(t *testing.T) {
	c := newCatalog(t, newFS(t, 2), Options{}, 2)
	ctx := t.Context()
	apply(t, c, &BucketCreate{Name: "one", CreatedUnixNano: 5}, &BucketCreate{Name: "two"})
	apply(t, c,
		put(b1, "k", in(segA, 5)),
		&UploadCreate{Bucket: b2, Key: "u", ContentType: "t"}, &UploadCreate{Bucket: b2, Key: "u"}, &UploadCreate{Bucket: b2, Key: "v"},
		&Setting{Name: "s", Value: []byte("v")},
		&Segment{ID: segA, Kind: drive.Bulk, K: 2, M: 1, Drives: drives(3)}, &Segment{ID: segB, Kind: drive.Bulk, K: 2, M: 1, Drives: drives(3)},
	)
	apply(t, c,
		&PartPut{Bucket: b2, Key: "u", Upload: 2<<16 | 1, Number: 3, Size: 4, Body: Body{Extents: []Extent{in(segB, 4)}}},
		&PartPut{Bucket: b2, Key: "u", Upload: 2<<16 | 1, Number: 10000},
	)
	check := func(what string, err error, got, want any) {
		t.Helper()
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v, %v", what, got, want, err)
		}
	}
	absent := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
	bucket, err := c.Bucket(ctx, "one")
	check("bucket", err, bucket, Bucket{Name: "one", ID: b1, CreatedUnixNano: 5})
	_, err = c.Bucket(ctx, "three")
	absent("bucket", err)
	name, err := c.BucketName(ctx, b2)
	check("name", err, name, "two")
	buckets, err := c.Buckets(ctx)
	check("buckets", err, buckets, []Bucket{{Name: "one", ID: b1, CreatedUnixNano: 5}, {Name: "two", ID: b2}})
	o, err := c.Object(ctx, b1, "k")
	check("object", err, o.Extents, []Extent{in(segA, 5)})
	_, err = c.Object(ctx, b2, "k")
	absent("object", err)
	for id, want := range map[uint64]bool{b1: false, b2: false, 77: true} {
		empty, err := c.BucketEmpty(ctx, id)
		check(fmt.Sprint("bucket ", id, " empty"), err, empty, want)
	}
	u, err := c.Upload(ctx, b2, "u", 2<<16|1)
	check("upload", err, u, Upload{Bucket: b2, Key: "u", ID: 2<<16 | 1, ContentType: "t"})
	_, err = c.Upload(ctx, b2, "u", 5)
	absent("upload", err)
	us, err := c.Uploads(ctx, b2, UploadListOptions{AfterKey: "u", AfterID: 2<<16 | 1, Max: 10})
	check("uploads", err, us, UploadPage{Uploads: []Upload{{Bucket: b2, Key: "u", ID: 2<<16 | 2}, {Bucket: b2, Key: "v", ID: 2<<16 | 3}}})
	us, err = c.Uploads(ctx, b2, UploadListOptions{Max: 1})
	check("uploads", err, us, UploadPage{Uploads: []Upload{{Bucket: b2, Key: "u", ID: 2<<16 | 1}}, NextKey: "u", NextID: 2<<16 | 1, Truncated: true})
	p, err := c.Part(ctx, 2<<16|1, 3)
	check("part", err, p, Part{Upload: 2<<16 | 1, Number: 3, Version: 3 << 16, Size: 4, Extents: []Extent{in(segB, 4)}})
	_, err = c.Part(ctx, 2<<16|1, 4)
	absent("part", err)
	ps, more, err := c.Parts(ctx, 2<<16|1, 3, 10)
	check("parts", err, ps, []Part{{Upload: 2<<16 | 1, Number: 10000, Version: 3<<16 | 1}})
	check("more parts", nil, more, false)
	ps, more, err = c.Parts(ctx, 2<<16|1, 0, 1)
	check("parts", err, ps, []Part{{Upload: 2<<16 | 1, Number: 3, Version: 3 << 16, Size: 4}})
	check("more parts", nil, more, true)
	ps, err = c.NamedParts(ctx, 2<<16|1, []int{3, 10000})
	check("named parts", err, len(ps), 2)
	check("named parts", nil, ps[0].Extents, []Extent{in(segB, 4)})
	for _, numbers := range [][]int{{2}, {4}, {3, 9999}} {
		_, err = c.NamedParts(ctx, 2<<16|1, numbers)
		absent(fmt.Sprint("parts ", numbers), err)
	}
	s, err := c.Segment(ctx, segB)
	check("segment", err, s, SegmentEntry{ID: segB, Kind: drive.Bulk, K: 2, M: 1, Drives: drives(3)})
	_, err = c.Segment(ctx, 5)
	absent("segment", err)
	var ids []drive.SegmentID
	for s, err := range c.Segments(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, s.ID)
	}
	check("segments", nil, ids, []drive.SegmentID{segA, segB})
	for range c.Segments(ctx) {
		break
	}
	live, err := c.Live(ctx, segB)
	check("live", err, live, int64(4))
	v, err := c.Setting(ctx, "s")
	check("setting", err, v, []byte("v"))
	_, err = c.Setting(ctx, "none")
	absent("setting", err)
	objects, bytes, err := c.Totals(ctx)
	check("totals", err, []int64{objects, bytes}, []int64{1, 5})
	if err := c.Apply(ctx, batchOf(c.Applied()+2, &Setting{Name: "x"})); !errors.Is(err, ErrGap) {
		t.Errorf("a gap: %v", err)
	}
	if err := c.Apply(ctx, batchOf(1, &Setting{Name: "x"})); err != nil {
		t.Errorf("an old batch: %v", err)
	}
	if err := c.Apply(ctx, Batch{LSN: c.Applied() + 1, Records: []byte{1}}); !errors.Is(err, ErrRecord) || len(c.Replicas()) != 2 {
		t.Errorf("a malformed batch: %v", err)
	}
}

// TestManySegments pages through a table longer than a page.
func TestManySegments(t *testing.T) {
	c := newCatalog(t, newFS(t, 1), Options{}, 1)
	var records []Record
	for i := range 700 {
		records = append(records, &Segment{ID: drive.SegmentID(i + 1), Kind: drive.Bulk, K: 1, M: 1, Drives: drives(2)})
	}
	apply(t, c, records...)
	n := drive.SegmentID(0)
	for s, err := range c.Segments(t.Context()) {
		if n++; err != nil || s.ID != n {
			t.Fatalf("segment %d: %v, %v", n, s.ID, err)
		}
	}
	if n != 700 {
		t.Fatalf("%d segments", n)
	}
}

// TestFollowersEqual applies random batches to three replicas and compares them.
func TestFollowersEqual(t *testing.T) {
	w := &writer{rng: random(t)}
	fs := newFS(t, 3)
	c := newCatalog(t, fs, Options{}, 3)
	for range 200 {
		if err := c.Apply(t.Context(), w.batch()); err != nil {
			t.Fatal(err)
		}
	}
	settle(t, c)
	members := slices.Clone(c.members)
	for _, m := range members[1:] {
		sameContent(t, m.name, members[0].r, m.r)
	}
	lsn, err := c.Flush(t.Context())
	if err != nil || lsn != 200 {
		t.Fatalf("flushed to %d, %v", lsn, err)
	}
}

func TestAttachAndDetach(t *testing.T) {
	fs := newFS(t, 4)
	c := newCatalog(t, fs, Options{}, 2)
	apply(t, c, &BucketCreate{Name: "one"})
	behind := openTestReplica(t, fs, catalogDir(2))
	if err := c.Attach(behind, "d2"); !errors.Is(err, ErrBehind) {
		t.Fatalf("a replica that is behind: %v", err)
	}
	if err := behind.Apply(batchOf(1, &BucketCreate{Name: "one"})); err != nil {
		t.Fatal(err)
	}
	if err := c.Attach(behind, "d1"); err == nil {
		t.Fatal("two replicas of one name")
	}
	if err := c.Attach(behind, "d2"); err != nil {
		t.Fatal(err)
	}
	other := openTestReplica(t, fs, catalogDir(3))
	b := batchOf(1, &BucketCreate{Name: "two"})
	b.UID++
	if err := other.Apply(b); err != nil {
		t.Fatal(err)
	}
	if err := c.Attach(other, "d3"); !errors.Is(err, ErrBehind) {
		t.Fatalf("a replica of another history: %v", err)
	}
	closeReplica(t, other)
	for _, name := range []string{"d0", "d1"} {
		if err := c.Detach(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Bucket(t.Context(), "one"); err != nil {
			t.Fatalf("after %s: %v", name, err)
		}
	}
	if err := c.Detach(t.Context(), "d1"); !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
	if err := c.Detach(t.Context(), "d2"); err != nil {
		t.Fatal(err)
	}
	// No replica: no answer, and never "not found" (R12).
	if _, err := c.Bucket(t.Context(), "none"); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("without replicas: %v", err)
	}
	if err := c.Apply(t.Context(), batchOf(2, &BucketCreate{Name: "two"})); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("without replicas: %v", err)
	}
	if _, err := c.Flush(t.Context()); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("without replicas: %v", err)
	}
	if _, err := c.Snapshot(t.Context()); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("without replicas: %v", err)
	}
	// One that was rebuilt from the journal, where batch 2 stands, brings it back.
	fresh := openTestReplica(t, fs, catalogDir(0))
	if err := c.Attach(fresh, "d0"); !errors.Is(err, ErrBehind) {
		t.Fatalf("an empty one in place of all: %v", err)
	}
	for lsn, name := range []string{"one", "two"} {
		if err := fresh.Apply(batchOf(uint64(lsn)+1, &BucketCreate{Name: name})); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Attach(fresh, "d0"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Bucket(t.Context(), "two"); err != nil || c.Applied() != 2 {
		t.Fatal(err)
	}
}

// TestClone makes replicas under load: each comes out identical.
func TestClone(t *testing.T) {
	rng := random(t)
	w := &writer{rng: rng}
	fs := newFS(t, 4)
	c := newCatalog(t, fs, Options{}, 1)
	write := func(n int) {
		for range n {
			if err := c.Apply(t.Context(), w.batch()); err != nil {
				t.Error(err)
				return
			}
		}
	}
	write(50)
	// Enough to take several pages.
	var records []Record
	for i := range 1500 {
		records = append(records, &Put{Bucket: 99, Key: "x"}, &Setting{Name: fmt.Sprintf("bulk%04d", i), Value: make([]byte, 2000)})
	}
	w.lsn++
	if err := c.Apply(t.Context(), batchOf(w.lsn, records...)); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var load sync.WaitGroup
	load.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				write(1)
			}
		}
	})
	for i := 1; i < 4; i++ {
		if err := c.Clone(t.Context(), fmt.Sprint("d", i), fs, catalogDir(i), ReplicaOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	load.Wait()
	write(20)
	settle(t, c)
	members := slices.Clone(c.members)
	if len(members) != 4 {
		t.Fatalf("%d replicas", len(members))
	}
	for _, m := range members[1:] {
		sameContent(t, m.name, members[0].r, m.r)
	}
	if err := c.Clone(t.Context(), "d1", fs, catalogDir(1)+"x", ReplicaOptions{}); err == nil {
		t.Fatal("a clone under a name that is taken")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Clone(ctx, "d9", fs, catalogDir(1)+"y", ReplicaOptions{}); err == nil {
		t.Fatal("a cancelled clone")
	}
}

// TestSnapshotStands reads a snapshot while batches go on: it does not move.
func TestSnapshotStands(t *testing.T) {
	w := &writer{rng: random(t)}
	c := newCatalog(t, newFS(t, 1), Options{}, 1)
	for range 60 {
		if err := c.Apply(t.Context(), w.batch()); err != nil {
			t.Fatal(err)
		}
	}
	s, err := c.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	again, err := c.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	whole, err := again.Next(t.Context(), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	var pages []Entry
	for {
		if err := c.Apply(t.Context(), w.batch()); err != nil {
			t.Fatal(err)
		}
		page, err := s.Next(t.Context(), 100)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		pages = append(pages, page...)
	}
	if s.LSN() != 60 || !reflect.DeepEqual(pages, whole) {
		t.Fatalf("snapshot at %d of %d entries, want %d", s.LSN(), len(pages), len(whole))
	}
	for _, e := range pages {
		if e.Key[0] == kindLive || e.Key[0] == kindMeta {
			t.Fatalf("a derived entry %q is restated", e.Key)
		}
	}
}

// TestClosed gives ErrUnavailable to whoever comes late.
func TestClosed(t *testing.T) {
	fs := newFS(t, 2)
	c := New(Options{})
	if err := c.Attach(openTestReplica(t, fs, catalogDir(0)), "d0"); err != nil {
		t.Fatal(err)
	}
	apply(t, c, &BucketCreate{Name: "one"})
	s, err := c.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Next(t.Context(), 1); err == nil {
		t.Fatal("a page of a closed snapshot")
	}
	for range 2 {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Bucket(t.Context(), "one"); !errors.Is(err, ErrUnavailable) {
		t.Fatal(err)
	}
	if err := c.Apply(t.Context(), batchOf(2)); !errors.Is(err, ErrUnavailable) {
		t.Fatal(err)
	}
	if err := c.Clone(t.Context(), "d1", fs, catalogDir(1), ReplicaOptions{}); !errors.Is(err, ErrUnavailable) {
		t.Fatal(err)
	}
	// Close flushed it.
	r := openTestReplica(t, fs, catalogDir(0))
	defer closeReplica(t, r)
	if lsn, _ := r.Applied(); lsn != 1 {
		t.Fatalf("reopened at %d", lsn)
	}
}
