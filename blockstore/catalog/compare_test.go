package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// compare gives the digests by replica, those without an error.
func compare(t *testing.T, c *Catalog) map[string]uint64 {
	t.Helper()
	list, err := c.CompareReplicas(t.Context(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	sums := make(map[string]uint64)
	for _, d := range list {
		if d.Err == nil {
			sums[d.Name] = d.Digest
		}
		if d.LSN != list[0].LSN {
			t.Errorf("%s is at %d, %s at %d", d.Name, d.LSN, list[0].Name, list[0].LSN)
		}
	}
	return sums
}

// TestCompareReplicas compares while batches are applied: all are equal at one
// LSN. Then one entry of one replica is changed behind its back.
func TestCompareReplicas(t *testing.T) {
	var d drops
	fs := newFS(t, 3)
	c := newCatalog(t, fs, Options{OnDrop: d.on}, 3)
	apply(t, c, &BucketCreate{Name: "one"})
	for i := range 300 {
		apply(t, c, &Put{Bucket: b1, Key: fmt.Sprintf("k%05d", i), Object: Object{ETag: "e"}})
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				if err := c.Apply(t.Context(), batchOf(c.Applied()+1, &Setting{Name: "n", Value: fmt.Append(nil, i)})); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	for range 20 {
		if sums := compare(t, c); len(sums) != 3 || sums["d0"] != sums["d1"] || sums["d0"] != sums["d2"] {
			t.Fatalf("digests under load: %v", sums)
		}
	}
	close(stop)
	wg.Wait()
	settle(t, c)
	whole, err := c.Digest(t.Context())
	if sums := compare(t, c); err != nil || sums["d0"] != whole {
		t.Errorf("compared %x, asked %x, %v", sums, whole, err)
	}

	c.mu.Lock()
	odd := c.find("d1").r
	c.mu.Unlock()
	if err := odd.db.Set(objectKey(b1, "k00007"), value((&Object{Version: 1, ETag: "other"}).code), pebble.NoSync); err != nil {
		t.Fatal(err)
	}
	if sums := compare(t, c); len(sums) != 3 || sums["d0"] != sums["d2"] || sums["d0"] == sums["d1"] {
		t.Fatalf("digests of one that differs: %v", sums)
	}
	c.Drop("d1", errors.New("it differs"), nil)
	c.Drop("nobody", errors.New("it differs"), nil)
	if err := d.wait(t, "d1"); err == nil || err.Error() != "it differs" {
		t.Errorf("dropped for %v", err)
	}
	if err := c.Clone(t.Context(), "d1", fs, catalogDir(1), ReplicaOptions{}); err != nil {
		t.Fatal(err)
	}
	if sums := compare(t, c); len(sums) != 3 || sums["d0"] != sums["d1"] || sums["d0"] != sums["d2"] {
		t.Errorf("digests of one that was made again: %v", sums)
	}
	for _, r := range c.Replicas() {
		if r.Queued != 0 {
			t.Errorf("%s has %d marks left", r.Name, r.Queued)
		}
	}
}

// TestCompareStopsAtPace gives back what pace says, and holds on to nothing: the
// replicas close when the test ends.
func TestCompareStopsAtPace(t *testing.T) {
	c := newCatalog(t, newFS(t, 2), Options{}, 2)
	apply(t, c, &BucketCreate{Name: "one"})
	enough := errors.New("enough")
	if _, err := c.CompareReplicas(t.Context(), func(_ context.Context, n int) error {
		if n == 0 {
			t.Error("paced for nothing")
		}
		return enough
	}, nil); !errors.Is(err, enough) {
		t.Errorf("compared: %v", err)
	}
}

// TestCompareSideBySide: a page of each replica comes between two paces, or of one while
// work is held back; the digests are the same.
func TestCompareSideBySide(t *testing.T) {
	c := newCatalog(t, newFS(t, 3), Options{}, 3)
	apply(t, c, &BucketCreate{Name: "one"}, &Put{Bucket: b1, Key: "k"})
	settle(t, c)
	whole, err := c.Digest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for beside, want := range map[bool]int{true: 1, false: 3} {
		paced := 0
		list, err := c.CompareReplicas(t.Context(), func(context.Context, int) error { paced++; return nil }, func() bool { return beside })
		if err != nil || paced != want {
			t.Errorf("side by side %t: paced %d times, not %d: %v", beside, paced, want, err)
		}
		for _, d := range list {
			if d.Err != nil || d.Digest != whole {
				t.Errorf("side by side %t: %+v, not %x", beside, d, whole)
			}
		}
	}
}

// TestCompareGoesOnBesideAHungDrive: a replica that does not answer gives no
// digest, and the others are compared.
func TestCompareGoesOnBesideAHungDrive(t *testing.T) {
	mem := newFS(t, 2)
	fill(t, mem, 2)
	m := &troublemaker{dir: catalogDir(1)}
	h := newHang()
	c := newUncached(t, errorfs.Wrap(mem, m), Options{LagTime: 50 * time.Millisecond, CloseTime: time.Second}, 2)
	m.do(func(op errorfs.Op, _ int64) error {
		if op.Kind == errorfs.OpFileReadAt {
			h.wait()
		}
		return nil
	})
	list, err := c.CompareReplicas(t.Context(), nil, nil)
	if err != nil || len(list) != 2 || list[0].Err != nil || !errors.Is(list[1].Err, ErrLaggard) {
		t.Errorf("compared: %+v, %v", list, err)
	}
	h.release()
	closeCatalog(t, c)
}

// newDamaged is newUncached of two replicas, the first of which has a block that
// cannot be read. At times what was left to compact reads that block while the
// replica opens, which is refused then: that is not what is asked here.
func newDamaged(t *testing.T, o Options) *Catalog {
	t.Helper()
	for range 20 {
		mem := newFS(t, 2)
		fill(t, mem, 2)
		flip(t, mem, tablesOf(t, mem, catalogDir(0))[0], 5000)
		c, err := openUncached(mem, o, 2)
		if err == nil {
			return c
		}
		t.Logf("again: %v", err)
	}
	t.Fatal("the damaged replica never opened")
	return nil
}

// TestCompareFindsDamage: a replica that cannot be read is dropped.
func TestCompareFindsDamage(t *testing.T) {
	var d drops
	c := newDamaged(t, Options{OnDrop: d.on})
	list, err := c.CompareReplicas(t.Context(), nil, nil)
	if err != nil || len(list) != 2 || list[1].Err != nil || list[0].Err == nil {
		t.Errorf("compared: %+v, %v", list, err)
	}
	if err := d.wait(t, "d0"); err == nil {
		t.Error("the damaged replica stayed")
	}
	closeCatalog(t, c)
}

// ownedKeys makes a catalog of two buckets with objects, uploads and parts over
// several pages, and says what owns.
func ownedKeys(t *testing.T, c *Catalog) (want []string) {
	t.Helper()
	apply(t, c, &BucketCreate{Name: "one"}, &BucketCreate{Name: "two"})
	var records []Record
	for i := range 2*ownerPage + 5 {
		k := fmt.Sprintf("k%05d", i)
		records = append(records, put(b1, k, in(segA, int64(i+1))))
		want = append(want, fmt.Sprintf("one/%s 0/0 %d", k, i+1))
	}
	records = append(records, put(b2, "x", in(segB, 5)), &UploadCreate{Bucket: b2, Key: "u\x00v"}, &UploadCreate{Bucket: b2, Key: "w"})
	want = append(want, "two/x 0/0 5")
	apply(t, c, records...)
	upload := c.Applied()<<16 | uint64(len(records)-2)
	records = nil
	for i := range 2*ownerPage + 5 {
		records = append(records, &PartPut{Bucket: b2, Key: "u\x00v", Upload: upload, Number: i + 1, Size: int64(i + 1), Body: Body{Extents: []Extent{in(segB, int64(i+1))}}})
		want = append(want, fmt.Sprintf("two/u\x00v %d/%d %d", upload, i+1, i+1))
	}
	apply(t, c, records...)
	slices.Sort(want)
	return want
}

func ownerString(o Owner) string {
	return fmt.Sprintf("%s/%s %d/%d %d", o.BucketName, o.Key, o.Upload, o.Part, extentBytes(o.Extents))
}

func TestOwners(t *testing.T) {
	c := newCatalog(t, newFS(t, 1), Options{}, 1)
	want := ownedKeys(t, c)
	var got []string
	for o, err := range c.Owners(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if o.Version == 0 {
			t.Errorf("%s has no version", ownerString(o))
		}
		got = append(got, ownerString(o))
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%d owners, want %d", len(got), len(want))
	}
	for range c.Owners(t.Context()) {
		break
	}
}

// TestOwnersGoOnElsewhere drops the serving replica in the middle, more than
// once: every owner comes, once.
func TestOwnersGoOnElsewhere(t *testing.T) {
	c := newCatalog(t, newFS(t, 4), Options{}, 4)
	want := ownedKeys(t, c)
	settle(t, c)
	var got []string
	for o, err := range c.Owners(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, ownerString(o))
		if n := len(got); n == 10 || n == len(want)/2+3 || n == len(want)-20 {
			c.Drop(serving(c), errors.New("the test wants it"), nil)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%d owners, want %d", len(got), len(want))
	}
	c.Drop(serving(c), errors.New("the test wants it"), nil)
	for _, err := range c.Owners(t.Context()) {
		if !errors.Is(err, ErrUnavailable) {
			t.Errorf("without a replica: %v", err)
		}
	}
}

// TestOwnersMissNothingThatIsCompleted completes an upload while its parts are
// listed: its bytes come as the parts' or as the object's.
func TestOwnersMissNothingThatIsCompleted(t *testing.T) {
	const parts = 2*ownerPage + 5
	for at := range 3 {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			c := newCatalog(t, newFS(t, 1), Options{}, 1)
			apply(t, c, &BucketCreate{Name: "one"})
			apply(t, c, &UploadCreate{Bucket: b1, Key: "a"}, &UploadCreate{Bucket: b1, Key: "b"}, put(b1, "z", in(segB, 1)))
			a, b := uint64(2<<16), uint64(2<<16|1)
			var records []Record
			var numbers []int
			for i := range parts {
				numbers = append(numbers, i+1)
				for _, u := range []struct {
					key string
					id  uint64
				}{{"a", a}, {"b", b}} {
					records = append(records, &PartPut{Bucket: b1, Key: u.key, Upload: u.id, Number: i + 1, Size: 1, Body: Body{Extents: []Extent{extent(uint64(segA), int64(u.id&1)*parts+int64(i), 1)}}})
				}
			}
			apply(t, c, records...)
			seen := make(map[int64]bool)
			n := 0
			for o, err := range c.Owners(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range o.Extents {
					if e.Segment == segA {
						seen[e.Start] = true
					}
				}
				if n++; n == []int{10, parts + 10, 2 * parts}[at] {
					apply(t, c, &UploadComplete{Bucket: b1, Key: "a", Upload: a, Parts: numbers}, &UploadComplete{Bucket: b1, Key: "b", Upload: b, Parts: numbers})
				}
			}
			if len(seen) != 2*parts {
				t.Errorf("%d of %d bytes were owned", len(seen), 2*parts)
			}
		})
	}
}
