package catalog

import (
	"errors"
	"reflect"
	"testing"

	"github.com/cockroachdb/pebble/v2"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// state shows what a test expects of a replica.
type state struct {
	t *testing.T
	r *Replica
}

func (s state) reader() pebble.Reader { return s.r.db }

func (s state) object(bucket uint64, key string) Object {
	s.t.Helper()
	o, err := getObject(s.reader(), bucket, key)
	if err != nil {
		s.t.Fatalf("object %q: %v", key, err)
	}
	return o
}

func (s state) noObject(bucket uint64, key string) {
	s.t.Helper()
	if _, err := getObject(s.reader(), bucket, key); !errors.Is(err, ErrNotFound) {
		s.t.Fatalf("object %q: %v", key, err)
	}
}

func (s state) live(id drive.SegmentID, want int64) {
	s.t.Helper()
	if n, err := getLive(s.reader(), id); err != nil || n != want {
		s.t.Fatalf("segment %d has %d live bytes, want %d, %v", id, n, want, err)
	}
}

func (s state) totals(objects, bytes int64) {
	s.t.Helper()
	m := s.r.meta.Load()
	if m.objects != objects || m.bytes != bytes {
		s.t.Fatalf("%d objects of %d bytes, want %d of %d", m.objects, m.bytes, objects, bytes)
	}
}

func (s state) segment(id drive.SegmentID) SegmentEntry {
	s.t.Helper()
	e, err := getSegment(s.reader(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	return e
}

const (
	segA = drive.SegmentID(1<<32 | 10)
	segB = drive.SegmentID(1<<32 | 11)
	segJ = drive.SegmentID(1<<32 | 1) // where batchOf places inline bodies
)

func put(bucket uint64, key string, e ...Extent) *Put {
	return &Put{Bucket: bucket, Key: key, Object: Object{Size: extentBytes(e), ETag: key}, Body: Body{Extents: e}}
}

func inline(bucket uint64, key string, at, size int64) *Put {
	return &Put{Bucket: bucket, Key: key, Object: Object{Size: size}, Body: Body{Inline: true, At: at, Size: size}}
}

// in is an extent of the segment.
func in(id drive.SegmentID, length int64) Extent { return extent(uint64(id), 0, length) }

// manyIn are n extents of a byte each.
func manyIn(id drive.SegmentID, n int) []Extent {
	list := make([]Extent, n)
	for i := range list {
		list[i] = in(id, 1)
	}
	return list
}

// b1 is the id of the bucket that the first record of batch 1 makes, and so on.
const (
	b1 = 1 << 16
	b2 = 1<<16 | 1
)

// TestReplay replays each record type, alone and where it is void. Each step
// is one batch; two buckets are there from the first.
func TestReplay(t *testing.T) {
	type step struct {
		records []Record
		check   func(state)
	}
	at := func(r ...Record) []Record { return r }
	nothing := func(state) {}
	for name, steps := range map[string][]step{
		"put": {
			{at(put(b1, "k", in(segA, 100)), inline(b1, "small", 4096, 30)), func(s state) {
				o := s.object(b1, "k")
				if o.Version != 2<<16 || o.Size != 100 || !reflect.DeepEqual(o.Extents, []Extent{in(segA, 100)}) {
					s.t.Errorf("%+v", o)
				}
				want := []Extent{{Segment: segJ, Stripe: 2, Offset: 8192, D: 4, Column: 4096, Start: 4096, Length: 30}}
				if o := s.object(b1, "small"); o.Version != 2<<16|1 || !reflect.DeepEqual(o.Extents, want) {
					s.t.Errorf("%+v", o)
				}
				s.live(segA, 100)
				s.live(segJ, 30)
				s.totals(2, 130)
			}},
		},
		"put over": {
			{at(put(b1, "k", in(segA, 100)), put(b1, "k", in(segB, 7))), func(s state) {
				s.live(segA, 0)
				s.live(segB, 7)
				s.totals(1, 7)
			}},
			{at(put(b1, "k", in(segA, 5), in(segB, 6))), func(s state) {
				s.live(segA, 5)
				s.live(segB, 6)
				s.totals(1, 11)
			}},
			{at(&Put{Bucket: b1, Key: "k"}), func(s state) { s.live(segA, 0); s.live(segB, 0); s.totals(1, 0) }},
		},
		"put into a bucket that never was": {
			{at(put(99, "k", in(segA, 100))), func(s state) { s.noObject(99, "k"); s.live(segA, 0); s.totals(0, 0) }},
		},
		"put into a dead incarnation": { // R11
			{at(&BucketDelete{Bucket: b1}, &BucketCreate{Name: "one"}), nothing},
			{at(put(b1, "k", in(segA, 100)), put(2<<16|1, "k", in(segB, 1))), func(s state) {
				s.noObject(b1, "k")
				s.object(2<<16|1, "k")
				s.totals(1, 1)
				s.live(segA, 0)
			}},
		},
		"delete": {
			{at(put(b1, "k", in(segA, 100)), put(b2, "k", in(segA, 1))), nothing},
			{at(&Delete{Bucket: b1, Key: "k"}), func(s state) { s.noObject(b1, "k"); s.live(segA, 1); s.totals(1, 1) }},
			{at(&Delete{Bucket: b1, Key: "k"}), func(s state) { s.totals(1, 1) }},
		},
		"bucket create over": {
			{at(&BucketCreate{Name: "one", CreatedUnixNano: 5}), func(s state) {
				if b, err := getBucket(s.reader(), "one"); err != nil || b.ID != b1 {
					s.t.Errorf("%+v, %v", b, err)
				}
			}},
		},
		"bucket delete": {
			{at(&BucketDelete{Bucket: b1}), func(s state) {
				if _, err := getBucket(s.reader(), "one"); !errors.Is(err, ErrNotFound) {
					s.t.Error(err)
				}
				if _, err := getBucketName(s.reader(), b1); !errors.Is(err, ErrNotFound) {
					s.t.Error(err)
				}
			}},
			{at(&BucketDelete{Bucket: b1}), nothing},
		},
		"bucket delete of a full one": {
			{at(put(b1, "k", in(segA, 1)), &BucketDelete{Bucket: b1}), func(s state) { s.object(b1, "k") }},
			{at(&Delete{Bucket: b1, Key: "k"}, &UploadCreate{Bucket: b1, Key: "u"}, &BucketDelete{Bucket: b1}), func(s state) {
				if name, err := getBucketName(s.reader(), b1); err != nil || name != "one" {
					s.t.Errorf("%q, %v", name, err)
				}
			}},
			{at(&UploadAbort{Bucket: b1, Key: "u", Upload: 3<<16 | 1}, &BucketDelete{Bucket: b1}), func(s state) {
				if _, err := getBucketName(s.reader(), b1); !errors.Is(err, ErrNotFound) {
					s.t.Error(err)
				}
			}},
		},
		"upload": {
			{at(&UploadCreate{Bucket: b1, Key: "u", ContentType: "video/mp4", Meta: []Pair{{"m", "1"}}, System: []Pair{{"s", "1"}}}), func(s state) {
				if u, err := getUpload(s.reader(), b1, "u", 2<<16); err != nil || u.ContentType != "video/mp4" {
					s.t.Errorf("%+v, %v", u, err)
				}
			}},
			{at(
				&PartPut{Bucket: b1, Key: "u", Upload: 2 << 16, Number: 2, Size: 5, Checksum: Checksum{Sum: 22}, Body: Body{Extents: []Extent{in(segA, 5)}}},
				&PartPut{Bucket: b1, Key: "u", Upload: 2 << 16, Number: 1, Size: 3, Body: Body{Inline: true, At: 9, Size: 3}},
				&PartPut{Bucket: b1, Key: "u", Upload: 2 << 16, Number: 1, Size: 4, Checksum: Checksum{Sum: 11}, Body: Body{Extents: []Extent{in(segB, 4)}}},
				&PartPut{Bucket: b1, Key: "u", Upload: 2 << 16, Number: 7, Size: 1, Body: Body{Extents: []Extent{in(segB, 1)}}},
			), func(s state) {
				s.live(segJ, 0)
				s.live(segB, 5)
				s.totals(0, 0)
			}},
			{at(&UploadComplete{Bucket: b1, Key: "u", Upload: 2 << 16, ETag: "e-3", Parts: []int{1, 3}}), func(s state) { s.noObject(b1, "u") }},
			{at(&UploadComplete{Bucket: b1, Key: "u", Upload: 2 << 16, ETag: "e-2", ModTimeUnixNano: 8, Parts: []int{1, 2}}), func(s state) {
				want := Object{
					Version: 5 << 16, Size: 9, ModTimeUnixNano: 8, ETag: "e-2", ContentType: "video/mp4",
					Meta: []Pair{{"m", "1"}}, System: []Pair{{"s", "1"}},
					Parts:   []PartInfo{{Number: 1, Size: 4, Checksum: Checksum{Sum: 11}}, {Number: 2, Size: 5, Checksum: Checksum{Sum: 22}}},
					Extents: []Extent{in(segB, 4), in(segA, 5)},
				}
				if o := s.object(b1, "u"); !reflect.DeepEqual(o, want) {
					s.t.Errorf("%+v, want %+v", o, want)
				}
				s.live(segA, 5)
				s.live(segB, 4)
				s.totals(1, 9)
			}},
			{at( // the upload is gone: all of these are void
				&PartPut{Bucket: b1, Key: "u", Upload: 2 << 16, Number: 1, Size: 4, Body: Body{Extents: []Extent{in(segB, 4)}}},
				&UploadComplete{Bucket: b1, Key: "u", Upload: 2 << 16, ETag: "x", Parts: []int{1}},
				&UploadAbort{Bucket: b1, Key: "u", Upload: 2 << 16},
			), func(s state) { s.live(segB, 4); s.totals(1, 9) }},
		},
		"upload abort": {
			{at(&UploadCreate{Bucket: b1, Key: "u"}, &UploadCreate{Bucket: 99, Key: "void"}), nothing},
			{at(&PartPut{Bucket: b1, Key: "u", Upload: 2 << 16, Number: 1, Size: 5, Body: Body{Extents: []Extent{in(segA, 5)}}},
				&UploadAbort{Bucket: b1, Key: "u", Upload: 2 << 16}), func(s state) {
				s.live(segA, 0)
				if _, err := getPart(s.reader(), 2<<16, 1); !errors.Is(err, ErrNotFound) {
					s.t.Error(err)
				}
			}},
		},
		"relocate": {
			{at(put(b1, "k", in(segA, 5), in(segB, 6))), nothing},
			{at(&Relocate{Bucket: b1, Key: "k", Version: 2 << 16, From: []Extent{in(segA, 5)}, Extents: []Extent{in(segJ, 2), in(segJ, 3)}}), func(s state) {
				o := s.object(b1, "k")
				if o.Version != 2<<16 || !reflect.DeepEqual(o.Extents, []Extent{in(segJ, 2), in(segJ, 3), in(segB, 6)}) {
					s.t.Errorf("%+v", o)
				}
				s.live(segA, 0)
				s.live(segJ, 5)
				s.totals(1, 11)
			}},
			{at(&Relocate{Bucket: b1, Key: "k", Version: 2 << 16, From: []Extent{in(segA, 5)}, Extents: []Extent{in(segB, 5)}}), func(s state) {
				s.live(segB, 6) // the run is not there any more
			}},
		},
		"relocate of an older version": { // R11
			{at(put(b1, "k", in(segA, 5))), nothing},
			{at(put(b1, "k", in(segA, 5))), nothing},
			{at(&Relocate{Bucket: b1, Key: "k", Version: 2 << 16, From: []Extent{in(segA, 5)}, Extents: []Extent{in(segB, 5)}}), func(s state) {
				if o := s.object(b1, "k"); o.Version != 3<<16 || o.Extents[0].Segment != segA {
					s.t.Errorf("%+v", o)
				}
			}},
			{at(&Delete{Bucket: b1, Key: "k"}, &Relocate{Bucket: b1, Key: "k", Version: 3 << 16, From: []Extent{in(segA, 5)}, Extents: []Extent{in(segB, 5)}}),
				func(s state) { s.noObject(b1, "k"); s.live(segB, 0) }},
		},
		"relocate of a part": {
			{at(&UploadCreate{Bucket: b1, Key: "u"}), nothing},
			{at(&PartPut{Bucket: b1, Key: "u", Upload: 2 << 16, Number: 1, Size: 5, Body: Body{Extents: []Extent{in(segA, 5)}}}), nothing},
			{at(
				&Relocate{Bucket: b1, Key: "u", Upload: 2 << 16, Number: 1, Version: 2 << 16, From: []Extent{in(segA, 5)}, Extents: []Extent{in(segJ, 5)}},
				&Relocate{Bucket: b1, Key: "u", Upload: 2 << 16, Number: 1, Version: 3 << 16, From: []Extent{in(segA, 5)}, Extents: []Extent{in(segB, 5)}},
				&Relocate{Bucket: b1, Key: "u", Upload: 2 << 16, Number: 2, Version: 3 << 16, From: []Extent{in(segA, 5)}, Extents: []Extent{in(segB, 5)}},
			), func(s state) { s.live(segA, 0); s.live(segJ, 0); s.live(segB, 5) }},
		},
		"amend": {
			{at(&Put{Bucket: b1, Key: "k", Object: Object{Size: 5, ETag: "e", Checksum: Checksum{Sum: 7}, ModTimeUnixNano: 9, Meta: []Pair{{"m", "1"}}, System: []Pair{{"a", "1"}, {"b", "2"}}}, Body: Body{Extents: []Extent{in(segA, 5)}}}), nothing},
			{at(&Amend{Bucket: b1, Key: "k", Version: 2 << 16, System: []Pair{{"c", "3"}}}), func(s state) {
				want := Object{
					Version: 2 << 16, Size: 5, ETag: "e", Checksum: Checksum{Sum: 7}, ModTimeUnixNano: 9,
					Meta: []Pair{{"m", "1"}}, System: []Pair{{"c", "3"}}, Extents: []Extent{in(segA, 5)},
				}
				if o := s.object(b1, "k"); !reflect.DeepEqual(o, want) {
					s.t.Errorf("%+v, want %+v", o, want)
				}
				s.live(segA, 5)
				s.totals(1, 5)
			}},
			{at(&Amend{Bucket: b1, Key: "k", Version: 2 << 16}), func(s state) {
				if o := s.object(b1, "k"); o.System != nil || o.Version != 2<<16 {
					s.t.Errorf("%+v", o)
				}
			}},
			{at(put(b1, "k", in(segB, 6)), &Amend{Bucket: b1, Key: "k", Version: 2 << 16, System: []Pair{{"c", "3"}}}, &Amend{Bucket: b1, Key: "none", Version: 2 << 16}), func(s state) { // R11
				if o := s.object(b1, "k"); o.System != nil || o.Version != 5<<16 {
					s.t.Errorf("%+v", o)
				}
				s.noObject(b1, "none")
			}},
			{at(&Delete{Bucket: b1, Key: "k"}, &Amend{Bucket: b1, Key: "k", Version: 5 << 16}), func(s state) { s.noObject(b1, "k") }},
		},
		"upload of too many extents": {
			{at(&UploadCreate{Bucket: b1, Key: "u"}), nothing},
			{at(
				&PartPut{Bucket: b1, Key: "u", Upload: 2 << 16, Number: 1, Size: MaxExtents, Body: Body{Extents: manyIn(segA, MaxExtents)}},
				&PartPut{Bucket: b1, Key: "u", Upload: 2 << 16, Number: 2, Size: 1, Body: Body{Extents: manyIn(segB, 1)}},
			), nothing},
			{at(&UploadComplete{Bucket: b1, Key: "u", Upload: 2 << 16, Parts: []int{1, 2}}), func(s state) {
				s.noObject(b1, "u")
				s.live(segB, 1) // and the upload is there still
			}},
			{at(&UploadComplete{Bucket: b1, Key: "u", Upload: 2 << 16, Parts: []int{1}}), func(s state) { s.totals(1, MaxExtents) }},
		},
		"segment": {
			{at(&Segment{ID: segA, Kind: drive.Bulk, K: 2, M: 1, Drives: drives(3)},
				&Segment{ID: segA, Kind: drive.Journal, K: 1, M: 1, Drives: drives(2)}, // void
				&Remap{ID: segA, Index: 1, Drive: driveUUID(7)},
				&Remap{ID: segA, Index: 3, Drive: driveUUID(8)}, // void
				&Remap{ID: segB, Index: 0, Drive: driveUUID(8)}, // void
			), func(s state) {
				e := s.segment(segA)
				if e.Kind != drive.Bulk || e.K != 2 || e.Sealed || e.Drives[1] != driveUUID(7) || e.Drives[0] != driveUUID(0) {
					s.t.Errorf("%+v", e)
				}
			}},
			{at(&Seal{ID: segA, Stripes: 1, End: 4096, Classes: []Class{{Rotation: 3, D: 1, Count: 1}}},
				&Seal{ID: segA, Stripes: 1, End: 4096, Classes: []Class{{Rotation: 0, D: 3, Count: 1}}},
				&Seal{ID: segA, Stripes: 1, End: 4096, Suspect: 8, Classes: []Class{{Rotation: 0, D: 1, Count: 1}}},
				&Seal{ID: segB, Stripes: 1, End: 4096, Classes: []Class{{D: 1, Count: 1}}}), func(s state) { // all void
				if s.segment(segA).Sealed {
					s.t.Error("sealed by a seal that does not fit")
				}
			}},
			{at(&Seal{ID: segA, Stripes: 9, End: 8192, Classes: []Class{{D: 1, Count: 9}}},
				&Seal{ID: segA, Stripes: 1, End: 4096, Last: 3, Suspect: 6, Classes: []Class{{Rotation: 2, D: 2, Count: 1}}}), func(s state) {
				e := s.segment(segA)
				if !e.Sealed || e.Stripes != 1 || e.Suspect != 6 || e.End != 4096 || e.Last != 3 || len(e.Classes) != 1 || e.Drives[1] != driveUUID(7) {
					s.t.Errorf("%+v", e)
				}
			}},
			{at(&Remap{ID: segA, Index: 1, Drive: driveUUID(5)}), func(s state) {
				if e := s.segment(segA); e.Suspect != 4 || !e.Sealed || e.Drives[1] != driveUUID(5) {
					s.t.Errorf("%+v", e) // what was made anew is not suspect
				}
			}},
		},
		"drop": {
			{at(&Segment{ID: segA, Kind: drive.Bulk, K: 2, M: 1, Drives: drives(3)}, put(b1, "k", in(segA, 5)), &Drop{ID: segA}), func(s state) {
				s.segment(segA) // live bytes lie in it
			}},
			{at(&Drop{ID: segA}, &Drop{ID: segB}), func(s state) { s.segment(segA) }},
			{at(&Delete{Bucket: b1, Key: "k"}, &Drop{ID: segA}), func(s state) {
				if _, err := getSegment(s.reader(), segA); !errors.Is(err, ErrNotFound) {
					s.t.Error(err)
				}
			}},
		},
		"setting": {
			{at(&Setting{Name: "a", Value: []byte("1")}, &Setting{Name: "b", Value: []byte("2")}, &Setting{Name: "a", Value: []byte("3")}), func(s state) {
				if v, err := getSetting(s.reader(), "a"); err != nil || string(v) != "3" {
					s.t.Errorf("%q, %v", v, err)
				}
			}},
			{at(&Setting{Name: "a"}, &Setting{Name: "never"}), func(s state) {
				if v, err := getSetting(s.reader(), "a"); !errors.Is(err, ErrNotFound) {
					s.t.Errorf("%q, %v", v, err)
				}
			}},
		},
		"opening and restate say nothing": {
			{at(&Opening{Epoch: 3, End: 1}, &Restate{At: 1, Last: true, Entries: []Entry{{Key: settingKey("x"), Value: []byte{10, 1, 'v'}}}}), func(s state) {
				if _, err := getSetting(s.reader(), "x"); !errors.Is(err, ErrNotFound) {
					s.t.Error(err)
				}
			}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := openTestReplica(t, newFS(t, 1), catalogDir(0))
			defer closeReplica(t, r)
			if err := r.Apply(batchOf(1, &BucketCreate{Name: "one"}, &BucketCreate{Name: "two"})); err != nil {
				t.Fatal(err)
			}
			for i, s := range steps {
				if err := r.Apply(batchOf(uint64(i)+2, s.records...)); err != nil {
					t.Fatal(err)
				}
				s.check(state{t, r})
			}
		})
	}
}

// TestApplyOrder is about the LSNs: dense, and nothing twice.
func TestApplyOrder(t *testing.T) {
	fs := newFS(t, 1)
	r := openTestReplica(t, fs, catalogDir(0))
	if lsn, uid := r.Applied(); lsn != 0 || uid != 0 {
		t.Fatalf("an empty replica is at %d, %d", lsn, uid)
	}
	if err := r.Apply(batchOf(2, &Setting{Name: "a"})); !errors.Is(err, ErrGap) {
		t.Fatalf("batch 2 first: %v", err)
	}
	if err := r.Apply(batchOf(0, &Setting{Name: "a"})); err != nil {
		t.Fatalf("batch 0: %v", err)
	}
	b := batchOf(1, &BucketCreate{Name: "one"})
	for range 2 {
		if err := r.Apply(b); err != nil {
			t.Fatal(err)
		}
	}
	before := digest(t, r)
	if err := r.Apply(Batch{LSN: 2, Records: []byte{99, 0}}); !errors.Is(err, ErrRecord) {
		t.Fatalf("an unknown record: %v", err)
	}
	bad := batchOf(2, inline(b1, "k", 0, 5))
	bad.Place = Place{}
	if err := r.Apply(bad); !errors.Is(err, ErrRecord) {
		t.Fatalf("an inline body without a place: %v", err)
	}
	if digest(t, r) != before || r.Failed() != nil {
		t.Fatal("a batch that was refused changed the replica")
	}
	if lsn, uid := r.Applied(); lsn != 1 || uid != b.UID {
		t.Fatalf("at %d, %d", lsn, uid)
	}
	// Without a flush the batch is gone, and comes back the same.
	closeReplica(t, r)
	r = openTestReplica(t, fs, catalogDir(0))
	if lsn, _ := r.Applied(); lsn != 0 {
		t.Fatalf("reopened at %d", lsn)
	}
	if err := r.Apply(b); err != nil {
		t.Fatal(err)
	}
	if digest(t, r) != before {
		t.Fatal("replayed to another content")
	}
	if err := r.Flush(); err != nil {
		t.Fatal(err)
	}
	closeReplica(t, r)
	r = openTestReplica(t, fs, catalogDir(0))
	defer closeReplica(t, r)
	if lsn, uid := r.Applied(); lsn != 1 || uid != b.UID || digest(t, r) != before {
		t.Fatalf("reopened at %d, %d", lsn, uid)
	}
}
