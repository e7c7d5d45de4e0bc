package blockstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// forge commits records that no operation would make. It returns the version of
// the last one.
func (w *world) forge(t *testing.T, records ...catalog.Record) (version uint64) {
	t.Helper()
	for _, rec := range records {
		var err error
		version, err = w.p.submit(t.Context(), &request{record: 1 << 10, decide: func(*decision) (catalog.Record, error) { return rec, nil }})
		must(t, err)
	}
	return version
}

// entry is the catalog's entry of an object, and the id of its bucket.
func (w *world) entry(t *testing.T, key string) (uint64, catalog.Object) {
	t.Helper()
	b, err := w.p.catalog.Bucket(t.Context(), "bucket")
	must(t, err)
	o, err := w.p.catalog.Object(t.Context(), b.ID, key)
	must(t, err)
	return b.ID, o
}

func (w *world) crossCheck(t *testing.T, doubtful map[drive.SegmentID][]StripeRange) CrossReport {
	t.Helper()
	r, err := w.p.CrossCheck(t.Context(), doubtful, nil)
	must(t, err)
	return r
}

func TestCrossCheckOfAHealthyPool(t *testing.T) {
	for _, s := range shapes() {
		t.Run(s.String(), func(t *testing.T) {
			w := filled(t, s, 24)
			must(t, replicated(t.Context(), w.p))
			w.mustPut(t, "open", 300_000) // in a segment that is not sealed
			r := w.crossCheck(t, nil)
			if r.Objects != 25 || r.Extents < 21 || len(r.Findings) != 0 {
				t.Errorf("%+v", r)
			}
		})
	}
}

// TestCrossCheckFindsExtentsThatCannotBe forges objects and a part with extents
// that do not go with the segment table.
func TestCrossCheckFindsExtentsThatCannotBe(t *testing.T) {
	w := filled(t, shape{4, 2, 6}, 8)
	w.mustPut(t, "real", 300_000)
	bucket, real := w.entry(t, "real")
	good := real.Extents[0]
	forged := map[string]func(e *catalog.Extent){
		"unknown":  func(e *catalog.Extent) { e.Segment = drive.NewSegmentID(7, 7777) },
		"too-high": func(e *catalog.Extent) { e.Stripe += 1000 },
		"too-long": func(e *catalog.Extent) { e.Start = 1 << 40 },
		"too-wide": func(e *catalog.Extent) { e.D = 5 },
		"behind":   func(e *catalog.Extent) { e.Offset += 1 << 30 },
		"before":   func(e *catalog.Extent) { e.Stripe, e.Offset = e.Stripe+1, drive.FirstBlock },
	}
	var want []string
	w.p.segments.get(good.Segment).reserve(1, 1, 1<<40) // so that there is a next stripe
	for key, change := range forged {
		e := good
		change(&e)
		w.forge(t, &catalog.Put{Bucket: bucket, Key: key, Object: catalog.Object{Size: e.Length}, Body: catalog.Body{Extents: []catalog.Extent{e}}})
		want = append(want, "bucket/"+key)
	}
	e := good
	e.Stripe += 1000
	upload := w.forge(t, &catalog.UploadCreate{Bucket: bucket, Key: "upload"})
	w.forge(t, &catalog.PartPut{Bucket: bucket, Key: "upload", Upload: upload, Number: 3, Size: e.Length, Body: catalog.Body{Extents: []catalog.Extent{e}}})
	want = append(want, fmt.Sprintf("bucket/upload (part 3 of upload %016x)", upload))
	slices.Sort(want)

	var got []string
	for _, f := range w.crossCheck(t, nil).Findings {
		if f.Kind != FindingTable || f.Mended || len(f.Objects) != 1 {
			t.Errorf("%+v", f)
			continue
		}
		t.Logf("%s: %s", f.Objects[0], f.Text)
		got = append(got, f.Objects...)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
	for key := range forged { // what is gone proves nothing
		w.forge(t, &catalog.Delete{Bucket: bucket, Key: key})
	}
	w.forge(t, &catalog.UploadAbort{Bucket: bucket, Key: "upload", Upload: upload})
	if r := w.crossCheck(t, nil); len(r.Findings) != 0 {
		t.Errorf("afterwards: %+v", r.Findings)
	}
}

// TestCrossCheckNamesWhoIsLost: stripes that cannot be read are reported by the
// names of what lies in them, and only those.
func TestCrossCheckNamesWhoIsLost(t *testing.T) {
	w := filled(t, shape{2, 1, 3}, 24)
	doubtful := make(map[drive.SegmentID][]StripeRange)
	want := make(map[stripeID][]string)
	var hit []stripeID
	for _, key := range []string{"k004", "k015"} { // 20,000 bytes in the journal, 700,000 in bulk stripes
		_, o := w.entry(t, key)
		e := o.Extents[0]
		no := e.Stripe + uint32(e.Start/(int64(e.D)*int64(e.Column)))
		doubtful[e.Segment] = append(doubtful[e.Segment], StripeRange{no, no + 1}, StripeRange{no, no + 1})
		hit = append(hit, stripeID{e.Segment, no})
	}
	// Stripes behind all that was stored are nobody's.
	for id, ranges := range doubtful {
		doubtful[id] = append(ranges, StripeRange{1 << 20, 1 << 30})
	}
	for i := range 24 {
		key := fmt.Sprintf("k%03d", i)
		_, o := w.entry(t, key)
		for _, e := range o.Extents {
			for _, h := range hit {
				if e.Segment == h.segment && slices.Contains(stripesOf(e, []StripeRange{{h.no, h.no + 1}}), h.no) {
					want[h] = append(want[h], "bucket/"+key)
				}
			}
		}
	}
	r := w.crossCheck(t, doubtful)
	if len(r.Findings) != len(want) || len(want) != 2 {
		t.Fatalf("%+v, want %v", r.Findings, want)
	}
	for _, f := range r.Findings {
		if f.Kind != FindingLost || f.Column != -1 || f.Mended || !slices.Equal(f.Objects, want[stripeID{f.Segment, f.Stripe}]) {
			t.Errorf("%+v, want %v", f, want)
		}
	}
}

// TestLostNamesAreBounded counts what it does not name.
func TestLostNamesAreBounded(t *testing.T) {
	c := crossCheck{lost: make(map[stripeID]*lostStripe), names: namesMost + 10}
	for no := range uint32(findingsMost + 5) {
		for i := range 3 {
			c.lose(stripeID{1, no}, &catalog.Owner{BucketName: "b", Key: fmt.Sprint(i / 2)})
		}
	}
	for i := range namesMost + 7 {
		c.lose(stripeID{1, 0}, &catalog.Owner{BucketName: "b", Key: fmt.Sprint("x", i)})
	}
	c.losses()
	if n := len(c.report.Findings); n != findingsMost+1 {
		t.Fatalf("%d findings", n)
	}
	if last := c.report.Findings[findingsMost]; !strings.Contains(last.Text, "15 places") {
		t.Errorf("the last one: %+v", last)
	}
	names := 0
	for _, f := range c.report.Findings {
		names += len(f.Objects)
	}
	if first := c.report.Findings[0]; names != namesMost+10 || len(first.Objects) != 2 || !strings.Contains(first.Text, "1007 more") {
		t.Errorf("%d names; the first: %+v", names, first)
	}
}

func TestJoinedRanges(t *testing.T) {
	list := joined([]StripeRange{{9, 12}, {3, 5}, {5, 6}, {4, 4}, {10, 11}, {0, 1}})
	if !slices.Equal(list, []StripeRange{{0, 1}, {3, 6}, {9, 12}}) {
		t.Fatalf("%v", list)
	}
	for _, c := range []struct {
		stripe        uint32
		start, length int64
		want          []uint32
	}{
		{0, 0, 1, []uint32{0}},
		{1, 0, 20, nil},
		{1, 0, 21, []uint32{3}},
		{0, 55, 5, []uint32{5}},
		{0, 0, 1000, []uint32{0, 3, 4, 5, 9, 10, 11}},
		{11, 0, 1000, []uint32{11}},
		{12, 0, 1000, nil},
	} {
		e := catalog.Extent{Stripe: c.stripe, D: 2, Column: 5, Start: c.start, Length: c.length}
		if got := slices.Collect(touched(&e, list)); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %v, want %v", e, got, c.want)
		}
	}
}

// tamper changes the catalog on some drives while the pool is closed.
func (w *world) tamper(t *testing.T, change func(*pebble.DB) error, dirs ...string) {
	t.Helper()
	must(t, w.p.Close(context.WithoutCancel(t.Context())))
	w.p = nil
	for _, dir := range dirs {
		db, err := pebble.Open(dir+"/catalog", &pebble.Options{FS: w.fs, FormatMajorVersion: pebble.FormatNewest, Logger: quiet{}})
		must(t, err)
		must(t, change(db))
		must(t, db.Close())
	}
	w.mustOpen(t)
	must(t, replicated(t.Context(), w.p))
}

// badSetting changes the value of a setting.
func badSetting(db *pebble.DB) error {
	return db.Set([]byte("cscrub"), append([]byte{0x0a, 4}, "bad!"...), pebble.Sync)
}

type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(format string, args ...any) {
	panic(fmt.Sprintf(format, args...))
}

// replicaDirs are the directories of the drives that hold a replica, and their ids.
func (w *world) replicaDirs(t *testing.T) (dirs []string, ids []uuid.UUID) {
	t.Helper()
	must(t, replicated(t.Context(), w.p))
	v := w.p.members.now()
	for _, r := range w.p.catalog.Replicas() {
		id := uuid.MustParse(r.Name)
		dirs, ids = append(dirs, v.drives[id].Dir()), append(ids, id)
	}
	return dirs, ids
}

// digests are what the replicas say at one LSN.
func (w *world) digests(t *testing.T) map[string]uint64 {
	t.Helper()
	list, err := w.p.catalog.CompareReplicas(t.Context(), nil, nil)
	must(t, err)
	m := make(map[string]uint64)
	for _, d := range list {
		must(t, d.Err)
		m[d.Name] = d.Digest
	}
	return m
}

// TestOddReplicaIsMadeAgain: of three replicas the one that differs is dropped,
// whichever it is, and afterwards all agree.
func TestOddReplicaIsMadeAgain(t *testing.T) {
	for odd := range 3 {
		t.Run(fmt.Sprint(odd), func(t *testing.T) {
			w := filled(t, shape{2, 2, 4}, 8)
			must(t, w.p.SetSetting(t.Context(), "scrub", []byte("good")))
			dirs, ids := w.replicaDirs(t)
			w.tamper(t, badSetting, dirs[odd])
			r := w.crossCheck(t, nil)
			if len(r.Findings) != 1 || r.Findings[0].Kind != FindingReplica || !r.Findings[0].Mended || r.Findings[0].Drive != ids[odd] {
				t.Fatalf("findings: %+v", r.Findings)
			}
			must(t, replicated(t.Context(), w.p))
			sums := w.digests(t)
			for name, sum := range sums {
				for other, o := range sums {
					if sum != o {
						t.Errorf("%s and %s differ afterwards", name, other)
					}
				}
			}
			if len(sums) != 3 {
				t.Errorf("%d replicas afterwards", len(sums))
			}
			if v, err := w.p.Setting(t.Context(), "scrub"); string(v) != "good" || err != nil {
				t.Errorf("the setting is %q, %v", v, err)
			}
			if r := w.crossCheck(t, nil); len(r.Findings) != 0 {
				t.Errorf("the second time: %+v", r.Findings)
			}
			w.mustCheck(t)
		})
	}
}

// TestReplicasWithoutAMajority stay, and the finding says what to do.
func TestReplicasWithoutAMajority(t *testing.T) {
	w := filled(t, shape{2, 1, 3}, 8)
	must(t, w.p.SetSetting(t.Context(), "scrub", []byte("good")))
	dirs, _ := w.replicaDirs(t)
	w.tamper(t, badSetting, dirs[0])
	for range 2 {
		r := w.crossCheck(t, nil)
		if len(r.Findings) != 1 || r.Findings[0].Kind != FindingReplica || r.Findings[0].Mended || !strings.Contains(r.Findings[0].Text, "fsck --rebuild-catalog") {
			t.Fatalf("findings: %+v", r.Findings)
		}
	}
	if n := len(w.digests(t)); n != 2 {
		t.Errorf("%d replicas are left", n)
	}
}

func TestCrossCheckStopsAtPace(t *testing.T) {
	w := filled(t, shape{2, 1, 3}, 8)
	enough := errors.New("enough")
	n := 0
	_, err := w.p.CrossCheck(t.Context(), nil, func(context.Context, int) error {
		if n++; n == 3 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || n != 3 {
		t.Errorf("%v after %d", err, n)
	}
}
