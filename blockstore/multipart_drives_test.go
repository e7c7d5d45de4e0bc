package blockstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/blockstore/faultfs"
)

// What becomes of the parts of uploads that are under way when drives, catalogs and
// processes go. The history knows them, and reads every one.

// withUploads is filled, and some uploads under way besides: parts in the journal and in
// bulk segments, some of them replaced, some discarded with their uploads.
func withUploads(t *testing.T, s shape) (w *world, up *uploadAs) {
	t.Helper()
	w = filled(t, s, 8)
	rng := newRand(1)
	var list []*uploadAs
	for i := range 4 {
		u, err := w.beginUpload(t.Context(), "bucket", fmt.Sprint("upload", i), fuss{}, rng)
		must(t, err)
		list = append(list, u)
		for number, n := range []int{300, 20_000, 300_000, 700_000} {
			must(t, w.putPart(t.Context(), u, number+1, newValue(rng, n/2), fuss{}, rng))
			must(t, w.putPart(t.Context(), u, number+1, newValue(rng, n), fuss{}, rng))
		}
	}
	must(t, w.abort(t.Context(), list[0], fuss{}))
	must(t, w.complete(t.Context(), list[1], fuss{}, rng))
	return w, list[2]
}

// completes has the upload completed with all its parts, and compares.
func (w *world) completes(t *testing.T, up *uploadAs) {
	t.Helper()
	w.mustCheck(t)
	for rng := newRand(7); len(w.h.uploadsOf(up.bucket, up.key)) > 0; {
		must(t, w.complete(t.Context(), up, fuss{}, rng))
	}
	w.mustCheck(t)
}

func TestPartsOutliveDrives(t *testing.T) {
	for _, s := range shapes() {
		t.Run(s.String(), func(t *testing.T) {
			w, up := withUploads(t, s)
			w.crash(newRand(1), 0)
			w.mustOpen(t)
			w.mustCheck(t)
			for _, dir := range w.dirs[:min(s.m, s.spare())] {
				w.fs.Unplug(dir)
			}
			w.completes(t, up)
			for _, dir := range w.dirs[:s.m] { // so many that it is read-only, perhaps
				w.fs.Unplug(dir)
			}
			w.mustCheck(t)
		})
	}
}

// TestPartsAreMended: files of theirs are made again, moved and evacuated as those of
// objects are, and nobody finds anything wrong.
func TestPartsAreMended(t *testing.T) {
	for _, s := range []shape{{2, 1, 3}, {4, 2, 6}, {2, 1, 6}} {
		t.Run(s.String(), func(t *testing.T) {
			w, up := withUploads(t, s)
			must(t, w.p.SealOpen(t.Context()))
			was := w.segmentFiles(t, w.dirs...)
			for path := range w.segmentFiles(t, w.dirs[:s.m]...) {
				must(t, w.fs.Remove(path))
			}
			for _, seg := range w.p.segments.all() {
				seg.closeFiles()
			}
			if r := mendAll(t, w.p, MendOptions{Records: true}); r.MendedBlocks == 0 || len(r.Findings)+len(r.Doubtful) != 0 {
				t.Errorf("mended %d blocks, findings %v, doubtful %v", r.MendedBlocks, r.Findings, r.Doubtful)
			}
			wantFiles(t, was, w.segmentFiles(t, w.dirs...))
			if r := w.crossCheck(t, nil); len(r.Findings) != 0 {
				t.Errorf("%+v", r.Findings)
			}
			if s.drives > s.k+s.m {
				_, err := w.p.EvacuateDrive(t.Context(), "2", ChangeOptions{})
				must(t, err)
				mendUntil(t, w.p, "the drive to leave", func() bool { return len(status(t, w.p).Drives) < s.drives })
			}
			for _, dir := range w.dirs[s.drives-min(s.m, s.spare()):] {
				w.fs.Unplug(dir)
			}
			w.completes(t, up)
		})
	}
}

// TestUploadsOutliveTheCatalog: with every replica gone, and from a checkpoint or
// without one, uploads are as they were, and what was kept with objects.
func TestUploadsOutliveTheCatalog(t *testing.T) {
	for _, checkpointed := range []bool{false, true} {
		t.Run(fmt.Sprint("checkpoint ", checkpointed), func(t *testing.T) {
			w, up := withUploads(t, shape{2, 1, 3})
			rng := newRand(3)
			for i := range 8 {
				must(t, w.amend(t.Context(), "bucket", fmt.Sprintf("k%03d", i), fuss{}, rng))
			}
			must(t, w.amend(t.Context(), "bucket", "upload1", fuss{}, rng))
			if checkpointed {
				must(t, w.p.checkpoint())
				w.settled(t)
			}
			entries, err := restatable(w.p)
			must(t, err)
			abandon(w.p, w.fs)
			wipeCatalogs(w.fs, w.dirs)
			w.mustOpen(t)
			again, err := restatable(w.p)
			must(t, err)
			is := func(list []string, key string) (found string) {
				for _, e := range list {
					if strings.Contains(e, key) {
						found += e
					}
				}
				return found
			}
			for _, key := range []string{"upload", "k00"} {
				if is(entries, key) != is(again, key) || is(entries, key) == "" {
					t.Errorf("entries of %s are\n%s\nwere\n%s", key, is(again, key), is(entries, key))
				}
			}
			w.completes(t, up)
		})
	}
}

// TestFsckKnowsUploads: a pool with uploads under way is well, amends or not, and its
// catalog comes out of the journal as it was.
func TestFsckKnowsUploads(t *testing.T) {
	o := checkedPool(t)
	p := openPool(t, o)
	id := beginUpload(t, p, "k")
	bodies := [][]byte{randomBody(1, 700_000), randomBody(2, 300)}
	for i, b := range bodies {
		putPart(t, p, "k", id, i+1, b)
	}
	info, err := p.Stat(t.Context(), "bucket", "300")
	must(t, err)
	must(t, p.SetSystem(t.Context(), "bucket", "300", info.Version, pairsOf("tag", "1")))
	must(t, p.Close(t.Context()))
	for _, opt := range []FsckOptions{{Options: o}, {Options: o, Repair: true}, {Options: o, RebuildCatalog: true}} {
		if r := fsckOf(t, opt); !r.Well() || r.Objects != 5 || len(r.Findings) != 0 {
			t.Errorf("%+v", r)
		}
	}
	p = openPool(t, o)
	complete(t, p, "k", id, 1, 2)
	wantBytes(t, p, "bucket", "k", bytes.Join(bodies, nil))
	must(t, p.Close(t.Context()))
	if r := fsckOf(t, FsckOptions{Options: o}); !r.Well() || r.Objects != 6 || len(r.Findings) != 0 {
		t.Errorf("%+v", r)
	}
}

// TestCompleteMovesNothing: what it writes has nothing to do with how much the parts hold.
func TestCompleteMovesNothing(t *testing.T) {
	p, _, fsys := poolWithBucket(t, 6, nil)
	id := beginUpload(t, p, "k")
	var numbers []int
	for n := 1; n <= 4; n++ {
		putPart(t, p, "k", id, n, randomBody(uint64(n), 5<<20))
		numbers = append(numbers, n)
	}
	flushEvents(t, p)
	var written atomic.Int64
	fsys.SetHook(func(op faultfs.Op) faultfs.Fault {
		if op.Kind == faultfs.Write && strings.Contains(op.Path, "segments/") {
			written.Add(op.Length)
		}
		return faultfs.Fault{}
	})
	info := complete(t, p, "k", id, numbers...)
	fsys.SetHook(nil)
	if n := written.Load(); n == 0 || n > 64<<10 || info.Size != 20<<20 {
		t.Errorf("%d bytes were written to complete %d", n, info.Size)
	}
}

// TestPartOfAnAbortedUpload: a part that comes to its end behind its upload's is
// refused; what it has stored is void, and no harm to anybody who mends.
func TestPartOfAnAbortedUpload(t *testing.T) {
	w := filled(t, shape{2, 1, 3}, 8)
	rng := newRand(1)
	up, err := w.beginUpload(t.Context(), "bucket", "upload", fuss{}, rng)
	must(t, err)
	body := randomBody(5, 900_000)
	g := &gatedBody{body: bytes.NewReader(body), at: 600_000, do: func() { must(t, w.abort(t.Context(), up, fuss{})) }}
	if _, err := w.p.PutPart(t.Context(), "bucket", "upload", up.id, 1, g, PartOptions{Size: -1}); !errors.Is(err, ErrNoSuchUpload) {
		t.Fatalf("a part of an upload that was aborted: %v", err)
	}
	must(t, w.p.SealOpen(t.Context()))
	files := w.segmentFiles(t, w.dirs...)
	for _, b := range blocksOf(t, w.p, files) { // all that is void is spoiled wholly
		var h drive.Header
		must(t, drive.DecodeHeader(files[b.path][b.off:], &h))
		seg := w.p.segments.get(h.Segment)
		live, _, err := w.p.owners(t.Context(), seg, []StripeRange{{h.Stripe, h.Stripe + 1}})
		must(t, err)
		if seg.kind == drive.Bulk && len(live) == 0 {
			must(t, w.fs.Corrupt(b.path, b.off, b.n, func(p []byte) { clear(p) }))
		}
	}
	if r := mendAll(t, w.p, MendOptions{Records: true}); len(r.Findings)+len(r.Doubtful) != 0 {
		t.Errorf("%+v", r)
	}
	if r := w.crossCheck(t, nil); len(r.Findings) != 0 {
		t.Errorf("%+v", r.Findings)
	}
	w.reopen(t)
	w.mustCheck(t)
}

// TestTooManyPieces: an object that no entry can hold is refused before it is
// decided, and its upload is as before; the most that one can hold is restated by a
// checkpoint as everything else.
func TestTooManyPieces(t *testing.T) {
	w := filled(t, shape{2, 1, 3}, 8)
	bucket, o := w.entry(t, "k006")
	piece := o.Extents[0]
	piece.Length = 1
	extents := make([]catalog.Extent, catalog.MaxExtents)
	for i := range extents {
		extents[i] = piece
	}
	body := func(n int) catalog.Body { return catalog.Body{Extents: extents[:n]} }
	upload := w.forge(t, &catalog.UploadCreate{Bucket: bucket, Key: "k"})
	part := catalog.PartPut{Bucket: bucket, Key: "k", Upload: upload, Number: 1, Size: catalog.MaxExtents, Body: body(catalog.MaxExtents)}
	w.forge(t, &part)
	part.Number, part.Size, part.Body = 2, 1, body(1)
	w.forge(t, &part)
	part.System = pairsOf("large", strings.Repeat("x", catalog.MaxPairValue))
	var wide []int
	for part.Number = 3; part.Number < 3+catalog.MaxEntryValue/catalog.MaxPairValue; part.Number++ {
		wide = append(wide, part.Number)
		w.forge(t, &part)
	}
	id := uploadID(upload)
	for what, numbers := range map[string][]int{"extents": {1, 2}, "pairs": wide} {
		if _, err := tryComplete(t.Context(), w.p, "k", id, numbers...); !errors.Is(err, ErrTooManyPieces) {
			t.Errorf("too many %s: %v", what, err)
		}
	}
	parts, more, err := w.p.Parts(t.Context(), "bucket", "k", id, 0, 1000)
	if err != nil || more || len(parts) != 2+len(wide) {
		t.Errorf("%d parts, %v", len(parts), err)
	}
	info := complete(t, w.p, "k", id, 1)
	huge := make([]Pair, 0, 300)
	for i := range cap(huge) {
		huge = append(huge, Pair{Name: fmt.Sprintf("%03d", i), Value: strings.Repeat("x", catalog.MaxPairValue)})
	}
	if err := w.p.SetSystem(t.Context(), "bucket", "k", info.Version, huge); !errors.Is(err, ErrTooManyPieces) {
		t.Errorf("more kept with it than there may be: %v", err)
	}
	must(t, w.p.SetSystem(t.Context(), "bucket", "k", info.Version, huge[:200])) // 13 MiB and the extents
	must(t, w.p.checkpoint())
	w.settled(t)
	abandon(w.p, w.fs)
	wipeCatalogs(w.fs, w.dirs)
	w.mustOpen(t)
	if now, err := w.p.Stat(t.Context(), "bucket", "k"); err != nil || now.Version != info.Version || len(now.System) != 200 || now.Size != catalog.MaxExtents {
		t.Errorf("%d bytes of version %d with %d pairs, %v", now.Size, now.Version, len(now.System), err)
	}
}

// TestUnsettledUploads: a read-only pool does not answer for an upload about which a
// batch says something of which it is not known whether it counts.
func TestUnsettledUploads(t *testing.T) {
	for name, last := range map[string]func(p *Pool, id string, version uint64) error{
		"create": func(p *Pool, _ string, _ uint64) error {
			_, err := p.CreateUpload(context.Background(), "bucket", "k", UploadOptions{})
			return err
		},
		"part": func(p *Pool, id string, _ uint64) error {
			return second(tryPart(context.Background(), p, "k", id, 2, []byte("x")))
		},
		"abort": func(p *Pool, id string, _ uint64) error {
			return p.AbortUpload(context.Background(), "bucket", "k", id)
		},
		"complete": func(p *Pool, id string, _ uint64) error {
			return second(tryComplete(context.Background(), p, "k", id, 1))
		},
		"amend": func(p *Pool, _ string, version uint64) error {
			return p.SetSystem(context.Background(), "bucket", "x", version, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			o, fsys := memOptions(t, 4)
			p := openPool(t, o)
			must(t, p.CreateBucket(t.Context(), "bucket"))
			other, id := beginUpload(t, p, "other"), beginUpload(t, p, "k")
			putPart(t, p, "other", other, 1, []byte("x"))
			putPart(t, p, "k", id, 1, []byte("x"))
			info, err := p.Put(t.Context(), "bucket", "x", strings.NewReader("x"), PutOptions{Size: 1})
			must(t, err)
			flushEvents(t, p)
			must(t, last(p, id, info.Version))
			must(t, p.Close(t.Context()))
			for _, dir := range o.Dirs[:2] {
				fsys.Unplug(dir)
			}
			for _, dir := range o.Dirs[2:] {
				must(t, fsys.RemoveAll(dir+"/catalog"))
			}
			p = openPool(t, o)
			ask := map[string]error{
				"the upload": second(p.Upload(t.Context(), "bucket", "k", id)),
				"its parts":  third(p.Parts(t.Context(), "bucket", "k", id, 0, 10)),
				"the list":   second(p.Uploads(t.Context(), "bucket", UploadsOptions{Max: 10})),
				"the object": second(p.Stat(t.Context(), "bucket", "k")),
				"amended":    second(p.Stat(t.Context(), "bucket", "x")),
				"another":    second(p.Upload(t.Context(), "bucket", "other", other)),
			}
			unknown := map[string][]string{
				"create": {"the list"}, "part": {"the upload", "its parts"}, "abort": {"the upload", "its parts", "the list"},
				"complete": {"the upload", "its parts", "the list", "the object"}, "amend": {"amended"},
			}[name]
			for what, err := range ask {
				want := error(nil)
				if what == "the object" {
					want = ErrNoSuchKey
				}
				for _, u := range unknown {
					if u == what {
						want = ErrUnavailable
					}
				}
				if !errors.Is(err, want) {
					t.Errorf("%s: %v, want %v", what, err, want)
				}
			}
			for what, err := range map[string]error{
				"begin":    second(p.CreateUpload(t.Context(), "bucket", "k", UploadOptions{})),
				"part":     second(tryPart(t.Context(), p, "other", other, 1, nil)),
				"complete": second(tryComplete(t.Context(), p, "other", other, 1)),
				"abort":    p.AbortUpload(t.Context(), "bucket", "other", other),
				"amend":    p.SetSystem(t.Context(), "bucket", "x", info.Version, nil),
			} {
				if !errors.Is(err, ErrReadOnly) {
					t.Errorf("%s in a read-only pool: %v", what, err)
				}
			}
		})
	}
}
