package catalog

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// A writer makes random batches that mostly mean something: it remembers ids
// and versions that were once there, so that records meet live ones, dead ones
// and each other.
type writer struct {
	rng     *rand.Rand
	lsn     uint64
	buckets []uint64
	uploads []*UploadCreate
	ids     []uint64 // of the uploads
	placed  []placed
}

// placed is an object or part that was put at some time.
type placed struct {
	bucket  uint64
	key     string
	upload  uint64
	number  int
	version uint64
	extents []Extent
}

func pick[T any](rng *rand.Rand, v []T) T { return v[rng.IntN(len(v))] }

func (w *writer) bucket() uint64 {
	if len(w.buckets) == 0 || w.rng.IntN(20) == 0 {
		return w.rng.Uint64N(1 << 20)
	}
	return pick(w.rng, w.buckets)
}

func (w *writer) key() string {
	return pick(w.rng, []string{"a", "a/b", "a/c", "\x00", "b\xff", "d/e/f", "\xff\xff"}) + pick(w.rng, []string{"", "1", "/2"})
}

func (w *writer) extents(n int64) []Extent {
	var out []Extent
	for n > 0 {
		part := 1 + w.rng.Int64N(n)
		out = append(out, Extent{
			Segment: drive.SegmentID(1<<32 | uint64(1+w.rng.IntN(6))), Stripe: w.rng.Uint32N(100), Offset: 4096 * (1 + w.rng.Int64N(100)),
			D: 1 + w.rng.IntN(4), Column: 4096, Start: w.rng.Int64N(1000), Length: part,
		})
		n -= part
	}
	return out
}

func (w *writer) body() (int64, Body) {
	switch n := w.rng.Int64N(5000); w.rng.IntN(5) {
	case 0:
		return 0, Body{}
	case 1, 2:
		return n + 1, Body{Inline: true, At: w.rng.Int64N(1 << 16), Size: n + 1}
	default:
		return n + 1, Body{Extents: w.extents(n + 1)}
	}
}

func (w *writer) batch() Batch {
	w.lsn++
	b := Batch{LSN: w.lsn, UID: w.rng.Uint64(), Place: Place{
		Segment: drive.SegmentID(1<<32 | uint64(1+w.rng.IntN(6))), Stripe: uint32(w.lsn), Offset: 4096 * int64(w.lsn), D: 4, Column: 4096,
	}}
	for i := range 1 + w.rng.IntN(12) {
		r := w.record(w.lsn<<16|uint64(i), b.Place)
		if err := Validate(r); err != nil {
			panic(fmt.Sprintf("%+v: %v", r, err))
		}
		b.Records = AppendRecord(b.Records, r)
	}
	return b
}

func (w *writer) record(seq uint64, place Place) Record {
	segment := drive.SegmentID(1<<32 | uint64(1+w.rng.IntN(6)))
	switch n := w.rng.IntN(100); {
	case n < 30:
		size, body := w.body()
		r := &Put{Bucket: w.bucket(), Key: w.key(), Body: body, Object: Object{
			Size: size, ModTimeUnixNano: w.rng.Int64() - 1<<62, ETag: fmt.Sprint(seq), Checksum: Checksum{w.rng.Uint64(), w.rng.IntN(2) == 0},
		}}
		w.placed = append(w.placed, placed{bucket: r.Bucket, key: r.Key, version: seq, extents: body.resolve(place)})
		return r
	case n < 45:
		return &Delete{Bucket: w.bucket(), Key: w.key()}
	case n < 50:
		w.buckets = append(w.buckets, seq)
		return &BucketCreate{Name: fmt.Sprint("bucket", w.rng.IntN(4)), CreatedUnixNano: int64(seq)}
	case n < 55:
		return &BucketDelete{Bucket: w.bucket()}
	case n < 60:
		r := &UploadCreate{Bucket: w.bucket(), Key: w.key(), ContentType: "t", Meta: []Pair{{"a", "b"}}}
		w.uploads, w.ids = append(w.uploads, r), append(w.ids, seq)
		return r
	case n < 80 && len(w.uploads) > 0:
		i := max(0, len(w.uploads)-1-w.rng.IntN(4))
		u, id := w.uploads[i], w.ids[i]
		switch w.rng.IntN(6) {
		case 0:
			return &UploadAbort{Bucket: u.Bucket, Key: u.Key, Upload: id}
		case 1:
			return &UploadComplete{Bucket: u.Bucket, Key: u.Key, Upload: id, ETag: fmt.Sprint(seq), Parts: pick(w.rng, [][]int{{1}, {1, 2}, {2, 3}})}
		}
		size, body := w.body()
		r := &PartPut{Bucket: u.Bucket, Key: u.Key, Upload: id, Number: 1 + w.rng.IntN(3), Size: size, Checksum: Checksum{seq, true}, Body: body}
		w.placed = append(w.placed, placed{bucket: u.Bucket, key: u.Key, upload: id, number: r.Number, version: seq, extents: body.resolve(place)})
		return r
	case n < 88 && len(w.placed) > 0:
		p := w.placed[max(0, len(w.placed)-1-w.rng.IntN(10))]
		if len(p.extents) == 0 {
			break
		}
		i := w.rng.IntN(len(p.extents))
		from := p.extents[i : i+1]
		return &Relocate{
			Bucket: p.bucket, Key: p.key, Upload: p.upload, Number: p.number, Version: p.version,
			From: from, Extents: w.extents(extentBytes(from)),
		}
	case n < 90 && len(w.placed) > 0:
		p := w.placed[max(0, len(w.placed)-1-w.rng.IntN(10))]
		return &Amend{Bucket: p.bucket, Key: p.key, Version: p.version, System: pick(w.rng, [][]Pair{nil, {{"t", fmt.Sprint(seq)}}})}
	case n < 92:
		return &Segment{ID: segment, Kind: pick(w.rng, []drive.Kind{drive.Journal, drive.Bulk}), K: 2, M: 1, Base: w.lsn, Drives: drives(3)}
	case n < 93:
		return &Seal{ID: segment, Stripes: 3, End: 1 << 20, Last: w.lsn, Suspect: w.rng.Uint64N(10), Classes: []Class{{Rotation: w.rng.IntN(4), D: 1, Count: 3}}}
	case n < 95:
		return &Remap{ID: segment, Index: w.rng.IntN(4), Drive: driveUUID(w.rng.IntN(9))}
	case n < 97:
		return &Drop{ID: segment}
	case n < 98:
		return &Opening{Epoch: 2, End: w.lsn}
	case n < 99:
		return &Restate{At: 1, Entries: []Entry{{Key: settingKey("never"), Value: []byte{10, 1, 'v'}}}}
	}
	return &Setting{Name: fmt.Sprint("s", w.rng.IntN(3)), Value: pick(w.rng, [][]byte{nil, {1}, {2}})}
}

// TestRandomRestarts applies one history to replicas that are flushed, closed,
// killed and reopened at different moments: they come out equal to the byte.
func TestRandomRestarts(t *testing.T) {
	rng := random(t)
	for round := range 6 {
		w := &writer{rng: rng}
		var log []Batch
		for range 150 {
			log = append(log, w.batch())
		}
		fs := newFS(t, 1)
		steady := openTestReplica(t, fs, catalogDir(0))
		for _, b := range log {
			if err := steady.Apply(b); err != nil {
				t.Fatal(err)
			}
		}
		crash := vfs.NewCrashableMem()
		if err := crash.MkdirAll(driveDir(0), 0o755); err != nil {
			t.Fatal(err)
		}
		syncDirs(t, crash, "/", driveDir(0))
		other := openTestReplica(t, crash, catalogDir(0))
		for {
			lsn, uid := other.Applied()
			if lsn > 0 && log[lsn-1].UID != uid {
				t.Fatalf("round %d: batch %d has uid %d, want %d", round, lsn, uid, log[lsn-1].UID)
			}
			if lsn == uint64(len(log)) {
				break
			}
			for range 1 + rng.IntN(40) {
				if lsn < uint64(len(log)) {
					if err := other.Apply(log[lsn]); err != nil {
						t.Fatal(err)
					}
					lsn++
				}
			}
			switch rng.IntN(4) {
			case 0: // power cut, with any part of what was not synced
				image := crash.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng})
				closeReplica(t, other)
				crash = image
				other = openTestReplica(t, crash, catalogDir(0))
			case 1:
				if err := other.Flush(); err != nil {
					t.Fatal(err)
				}
			case 2:
				if err := other.Flush(); err != nil {
					t.Fatal(err)
				}
				closeReplica(t, other)
				other = openTestReplica(t, crash, catalogDir(0))
			}
		}
		sameContent(t, fmt.Sprint("round ", round), steady, other)
		checkDerived(t, steady)
		closeReplica(t, steady)
		closeReplica(t, other)
	}
}

func syncDirs(t *testing.T, fs vfs.FS, dirs ...string) {
	t.Helper()
	for _, dir := range dirs {
		d, err := fs.OpenDir(dir)
		if err == nil {
			err = d.Sync()
		}
		if err != nil {
			t.Fatal(err)
		}
		_ = d.Close()
	}
}

// checkDerived counts live bytes and totals anew, from the entries.
func checkDerived(t *testing.T, r *Replica) {
	t.Helper()
	v, err := r.view()
	if err != nil {
		t.Fatal(err)
	}
	defer v.close()
	page, err := v.page(nil, 1<<30, "")
	if err != nil {
		t.Fatal(err)
	}
	want, got := deltas{}, deltas{}
	var objects, bytes int64
	for _, e := range page {
		switch e.Key[0] {
		case kindMeta:
		case kindLive:
			id, err := parseNumberKey(e.Key, kindLive)
			if err != nil {
				t.Fatal(err)
			}
			var n int64
			if err := decode(e.Value, codeLive(&n)); err != nil || n <= 0 {
				t.Fatalf("segment %d: %d live bytes, %v", id, n, err)
			}
			got[drive.SegmentID(id)] = n
		default:
			add, err := checkEntry(e.Key, e.Value)
			if err != nil {
				t.Fatal(err)
			}
			want.add(add.extents, 1)
			if add.object {
				objects++
				bytes += add.size
			}
		}
	}
	if fmt.Sprint(want) != fmt.Sprint(got) {
		t.Fatalf("live bytes are %v, should be %v", got, want)
	}
	if m := r.meta.Load(); m.objects != objects || m.bytes != bytes || m.bytes < 0 {
		t.Fatalf("totals are %d of %d, should be %d of %d", m.objects, m.bytes, objects, bytes)
	}
}

// TestRandomRebuild takes a checkpoint at a random moment, carries it in
// restate records of random size, and rebuilds a replica from those and the
// tail: it is identical, deletions and derived entries included (R10).
func TestRandomRebuild(t *testing.T) {
	rng := random(t)
	for round := range 6 {
		w := &writer{rng: rng}
		fs := newFS(t, 2)
		r := openTestReplica(t, fs, catalogDir(0))
		c := New(Options{})
		if err := c.Attach(r, "d0"); err != nil {
			t.Fatal(err)
		}
		var journal []byte // the restate records
		var tail []Batch
		at := uint64(rng.IntN(100))
		for lsn := uint64(1); lsn <= 150; lsn++ {
			b := w.batch()
			if err := c.Apply(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			if lsn > at {
				tail = append(tail, b)
			}
			if lsn == at {
				journal = checkpoint(t, c, rng)
			}
		}
		rebuilt, err := MakeReplica(fs, catalogDir(1), ReplicaOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := rebuilt.Apply(Batch{LSN: 1}); err == nil {
			t.Fatal("a replica that is being built took a batch")
		}
		var uid uint64
		err = DecodeRecords(journal, func(rec Record) error {
			restate := rec.(*Restate)
			if restate.At != at {
				t.Fatalf("restated at %d, want %d", restate.At, at)
			}
			uid = restate.UID
			return rebuilt.ApplyEntries(restate.Entries)
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := rebuilt.EndEntries(at, uid); err != nil {
			t.Fatal(err)
		}
		for _, b := range tail {
			if err := rebuilt.Apply(b); err != nil {
				t.Fatal(err)
			}
		}
		sameContent(t, fmt.Sprintf("round %d, checkpoint at %d", round, at), r, rebuilt)
		checkDerived(t, rebuilt)
		// It also attaches beside the first.
		if err := c.Attach(rebuilt, "d1"); err != nil {
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func checkpoint(t *testing.T, c *Catalog, rng *rand.Rand) []byte {
	t.Helper()
	s, err := c.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var journal []byte
	for {
		page, err := s.Next(t.Context(), 1+rng.IntN(2000))
		if err != nil {
			t.Fatal(err)
		}
		journal = AppendRecord(journal, &Restate{At: s.LSN(), UID: s.UID(), Entries: page, Last: len(page) == 0})
		if len(page) == 0 {
			return journal
		}
	}
}

// TestBuildingCutShort leaves a replica in the middle of its building: it comes
// back empty, never half.
func TestBuildingCutShort(t *testing.T) {
	fs := newFS(t, 1)
	r, err := MakeReplica(fs, catalogDir(0), ReplicaOptions{})
	if err != nil {
		t.Fatal(err)
	}
	e := sampleEntries()
	if err := r.ApplyEntries([]Entry{e["bucket"], e["object"]}); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]Entry{
		"descending": {e["id"]},
		"repeated":   {e["object"]},
		"derived":    {e["live"]},
		"malformed":  {{Key: objectKey(1<<60, "z"), Value: []byte{1}}},
	} {
		if err := r.ApplyEntries(bad); err == nil {
			t.Errorf("%s entries were taken", name)
		}
	}
	if err := r.ApplyEntries([]Entry{e["upload"]}); err != nil {
		t.Errorf("after refused entries: %v", err)
	}
	if err := r.Flush(); err != nil {
		t.Fatal(err)
	}
	closeReplica(t, r)
	r = openTestReplica(t, fs, catalogDir(0))
	defer closeReplica(t, r)
	if lsn, _ := r.Applied(); lsn != 0 || dump(t, r) != "" {
		t.Fatalf("reopened at %d with %s", lsn, dump(t, r))
	}
	if err := r.Apply(batchOf(1, &BucketCreate{Name: "one"})); err != nil {
		t.Fatal(err)
	}
}

// TestNoDrive opens and makes nothing where the drive's directory is missing (R12).
func TestNoDrive(t *testing.T) {
	fs := newFS(t, 1)
	if _, err := OpenReplica(fs, catalogDir(1), ReplicaOptions{}); err == nil {
		t.Error("opened a replica on a missing drive")
	}
	if _, err := MakeReplica(fs, catalogDir(1), ReplicaOptions{}); err == nil {
		t.Error("made a replica on a missing drive")
	}
	if _, err := fs.Stat(driveDir(1)); err == nil {
		t.Error("the missing drive's directory was made")
	}
}
