package blockstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/blockstore/faultfs"
)

func (w *world) verify(t *testing.T, prefix string) VerifyReport {
	t.Helper()
	r, err := w.p.Verify(t.Context(), "bucket", prefix, nil)
	must(t, err)
	return r
}

// stored counts what the objects below prefix have, by the catalog: columns by
// the drive that they are on.
func (w *world) stored(t *testing.T, prefix string) (objects, size int64, columns map[uuid.UUID]int64) {
	t.Helper()
	list, err := listAll(t.Context(), w.p, "bucket")
	must(t, err)
	columns = make(map[uuid.UUID]int64)
	seen := make(map[stripeID]bool)
	for _, info := range list {
		if !strings.HasPrefix(info.Key, prefix) {
			continue
		}
		objects, size = objects+1, size+info.Size
		o, err := w.p.Get(t.Context(), "bucket", info.Key)
		must(t, err)
		o.parts(0, info.Size, func(part stripePart) bool {
			at := part.at
			if id := (stripeID{at.seg.id, at.no}); !seen[id] {
				seen[id] = true
				for i := range at.d + at.seg.m {
					columns[at.seg.driveOf(drive.ColumnOf(i, at.d, at.seg.k), at.no)]++
				}
			}
			return true
		})
		o.Close()
	}
	return objects, size, columns
}

func total(columns map[uuid.UUID]int64) (n int64) {
	for _, c := range columns {
		n += c
	}
	return n
}

// blocksOfObject are the places of the blocks of an object's stripes, by stripe.
func (w *world) blocksOfObject(t *testing.T, key string) (list [][]blockPlace) {
	t.Helper()
	all := blocksOf(t, w.p, w.segmentFiles(t, w.dirs...))
	o, err := w.p.Get(t.Context(), "bucket", key)
	must(t, err)
	defer o.Close()
	o.parts(0, o.info.Size, func(part stripePart) bool {
		var blocks []blockPlace
		for _, b := range all {
			if b.stripe == fmt.Sprintf("%v/%d", part.at.seg.id, part.at.no) {
				blocks = append(blocks, b)
			}
		}
		list = append(list, blocks)
		return true
	})
	return list
}

func TestVerifyOfAHealthyPool(t *testing.T) {
	for _, s := range shapes() {
		t.Run(s.String(), func(t *testing.T) {
			w := filled(t, s, 40)
			w.mustPut(t, "open", 300_000) // in a segment that is not sealed
			for _, prefix := range []string{"", "k01", "open", "nothing"} {
				objects, size, columns := w.stored(t, prefix)
				var last VerifyProgress
				calls := 0
				r, err := w.p.Verify(t.Context(), "bucket", prefix, func(p VerifyProgress) {
					if p.Bytes < last.Bytes || p.TotalBytes != size {
						t.Errorf("progress from %+v to %+v", last, p)
					}
					last = p
					calls++
				})
				must(t, err)
				if !r.Whole() || r.Objects != objects || r.Bytes != size || r.Columns != total(columns) {
					t.Errorf("%q: %+v, want %d objects of %d bytes in %d columns", prefix, r, objects, size, total(columns))
				}
				if last != r.VerifyProgress || calls < int(objects) {
					t.Errorf("%q: %d calls, the last with %+v", prefix, calls, last)
				}
			}
			waitFor(t, "all memory to be given back", func() bool {
				used, _ := w.p.mem.usage()
				return used == 0
			})
			if _, err := w.p.Verify(t.Context(), "nobucket", "", nil); !errors.Is(err, ErrNoSuchBucket) {
				t.Errorf("no bucket: %v", err)
			}
		})
	}
}

// TestVerifySaysNo flips a byte in up to m columns of each stripe of one object:
// each is found, where it is; what is found is queued, and mended.
func TestVerifySaysNo(t *testing.T) {
	for _, key := range []string{"k003", "k005", "k007"} { // 4 KiB, 70,000 and 700,000 bytes
		t.Run(key, func(t *testing.T) {
			rng := newRand(testSeed(t))
			w := filled(t, shape{4, 2, 6}, 16)
			spoiled := int64(0)
			for _, blocks := range w.blocksOfObject(t, key) {
				rng.Shuffle(len(blocks), func(i, j int) { blocks[i], blocks[j] = blocks[j], blocks[i] })
				for _, b := range blocks[:1+rng.IntN(2)] {
					must(t, w.fs.Corrupt(b.path, b.off+rng.Int64N(b.n), 1, func(p []byte) { p[0] ^= 1 << rng.IntN(8) }))
					spoiled++
				}
			}
			if other := w.verify(t, "k000"); !other.Whole() {
				t.Errorf("an empty object is not whole: %+v", other)
			}
			r := w.verify(t, key)
			if r.Whole() || r.Bad+r.Missing != spoiled || int64(len(r.Findings)) != spoiled {
				t.Fatalf("%d columns spoiled: %+v", spoiled, r)
			}
			for _, f := range r.Findings {
				if !slices.Equal(f.Objects, []string{"bucket/" + key}) || f.Column < 0 || f.Drive == uuid.Nil || f.Mended {
					t.Errorf("%+v", f)
				}
				if seg := w.p.segments.get(f.Segment); seg.driveOf(f.Column, f.Stripe) != f.Drive {
					t.Errorf("not on that drive: %+v", f)
				}
			}
			work, err := w.p.Work(t.Context())
			must(t, err)
			if len(work) == 0 {
				t.Error("nothing is queued to be mended")
			}
			if mended := mendAll(t, w.p, MendOptions{}); mended.MendedBlocks != spoiled {
				t.Errorf("%d blocks mended of %d", mended.MendedBlocks, spoiled)
			}
			if r := w.verify(t, ""); !r.Whole() {
				t.Errorf("mended: %+v", r)
			}
			w.mustCheck(t)
		})
	}
}

// TestVerifyTellsKindsApart damages the columns of one stripe in different ways.
func TestVerifyTellsKindsApart(t *testing.T) {
	w := filled(t, shape{2, 2, 4}, 8)
	blocks := w.blocksOfObject(t, "k006")[0]
	other := w.segmentFiles(t, w.dirs...)
	spoil := func(i int, f func(p []byte)) {
		must(t, w.fs.Corrupt(blocks[i].path, blocks[i].off, blocks[i].n, f))
	}
	one := func(kind string, bad, missing int64) {
		t.Helper()
		r := w.verify(t, "k006")
		if len(r.Findings) != 1 || r.Findings[0].Kind != kind || r.Bad != bad || r.Missing != missing {
			t.Errorf("%s: %+v", kind, r)
		}
		mendAll(t, w.p, MendOptions{})
	}
	spoil(0, func(p []byte) { clear(p) })
	one(FindingMissing, 0, 1)
	spoil(1, func(p []byte) { p[len(p)-1] ^= 1 }) // slack
	one(FindingChecksum, 1, 0)
	spoil(2, func(p []byte) { p[blocks[2].start+77] ^= 1 })
	one(FindingChecksum, 1, 0)
	spoil(3, func(p []byte) { copy(p, other[blocks[1].path][blocks[1].off:]) })
	one(FindingMisplaced, 1, 0)
	spoil(0, func(p []byte) { // whole in itself, but not of this stripe
		var h drive.Header
		must(t, drive.DecodeHeader(p, &h))
		h.Sums[(h.Stored()+1)%(h.D+h.M)*h.Pieces()]++
		drive.EncodeHeader(p[:h.PayloadStart()], &h)
	})
	one(FindingMisplaced, 1, 0)
	must(t, w.fs.Remove(blocks[2].path))
	w.p.segments.get(w.segmentOf(t, "k006")).closeFiles()
	one(FindingMissing, 0, 1)
	w.fs.SetHook(func(op faultfs.Op) faultfs.Fault {
		if op.Kind == faultfs.Read && op.Below(blocks[1].path) {
			return faultfs.Fault{Err: syscall.EIO}
		}
		return faultfs.Fault{}
	})
	r := w.verify(t, "k006")
	w.fs.SetHook(nil)
	if len(r.Findings) != 1 || r.Findings[0].Kind != FindingUnreadable || r.Bad != 1 {
		t.Errorf("a drive that cannot read: %+v", r)
	}
}

func (w *world) segmentOf(t *testing.T, key string) drive.SegmentID {
	t.Helper()
	_, o := w.entry(t, key)
	return o.Extents[0].Segment
}

// TestVerifyWithDrivesAway answers, and counts their columns as missing; of a pool
// that is read-only for that, too.
func TestVerifyWithDrivesAway(t *testing.T) {
	for _, c := range []struct {
		name     string
		shape    shape
		restart  bool
		readOnly bool
	}{
		{"failed", shape{4, 2, 6}, false, false},
		{"not there", shape{4, 2, 6}, true, false},
		{"read-only", shape{2, 2, 4}, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := filled(t, c.shape, 24)
			w.settled(t)
			_, _, columns := w.stored(t, "")
			away := []uuid.UUID{w.p.members.now().label.Members[1].ID, w.p.members.now().label.Members[3].ID}
			if c.restart {
				must(t, w.p.Close(t.Context()))
				w.fs.Detach(w.dirs[1])
				w.fs.Detach(w.dirs[3])
				w.mustOpen(t)
			} else {
				for _, ref := range []string{"2", "4"} {
					_, err := w.p.FailDrive(t.Context(), ref, ChangeOptions{})
					must(t, err)
				}
			}
			if (w.p.readOnly() != nil) != c.readOnly {
				t.Fatalf("read-only: %v", w.p.readOnly())
			}
			r := w.verify(t, "")
			if r.Whole() || r.Bad != 0 || r.Columns != total(columns) || r.Missing != columns[away[0]]+columns[away[1]] || len(r.Findings) != 2 {
				t.Errorf("%+v; %v", r, columns)
			}
			for _, f := range r.Findings {
				if f.Kind != FindingMissing || !slices.Contains(away, f.Drive) {
					t.Errorf("%+v", f)
				}
			}
			if r := w.crossCheck(t, nil); len(r.Findings) != 0 || r.Objects != 24 {
				t.Errorf("cross-check: %+v", r)
			}
		})
	}
}

// TestVerifyNamesWhatIsLost: of a stripe with too few good columns all objects
// in it are named, once each.
func TestVerifyNamesWhatIsLost(t *testing.T) {
	w := filled(t, shape{4, 2, 6}, 8)
	putBytes(t, w.p, "bucket", "precious", randomBody(7, 600_000))
	must(t, w.p.SealOpen(t.Context()))
	bucket, o := w.entry(t, "precious")
	w.forge(t, &catalog.Put{Bucket: bucket, Key: "precious-too", Object: catalog.Object{Size: o.Size, Checksum: o.Checksum}, Body: catalog.Body{Extents: o.Extents}})
	if r := w.verify(t, "precious"); !r.Whole() || r.Objects != 2 || r.Columns != int64(6*len(w.blocksOfObject(t, "precious"))) {
		t.Errorf("two objects of the same stripes: %+v", r)
	}
	for _, b := range w.blocksOfObject(t, "precious")[0][:3] {
		must(t, w.fs.Corrupt(b.path, b.off+b.start, 100, func(p []byte) { p[3] ^= 1 }))
	}
	r := w.verify(t, "")
	i := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.Kind == FindingLost })
	if r.Bad != 3 || len(r.Findings) != 4 || i < 0 || !slices.Equal(r.Findings[i].Objects, []string{"bucket/precious", "bucket/precious-too"}) {
		t.Errorf("%+v", r)
	}
}

// TestVerifyEndsWithItsContext, and with the pool.
func TestVerifyEndsWithItsContext(t *testing.T) {
	w := filled(t, shape{2, 1, 3}, 24)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := w.p.Verify(ctx, "bucket", "", func(p VerifyProgress) {
		if p.Objects == 3 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	pool, closed := w.p, make(chan error, 1)
	_, err = pool.Verify(t.Context(), "bucket", "", func(v VerifyProgress) {
		if w.p == nil || v.Objects < 3 {
			return
		}
		w.p = nil
		go func() { closed <- pool.Close(context.WithoutCancel(t.Context())) }()
		for { // until it takes no more calls
			leave, err := pool.enter()
			if err != nil {
				return
			}
			leave()
		}
	})
	if !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	must(t, <-closed)
}
