package blockstore

import (
	"bytes"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/blockstore/faultfs"
)

// TestVerifyFindsParityThatDisagrees forges a parity column with all checksums in
// order.
func TestVerifyFindsParityThatDisagrees(t *testing.T) {
	w := filled(t, shape{2, 1, 3}, 8)
	blocks := w.blocksOfObject(t, "k006")[0]
	files := w.segmentFiles(t, w.dirs...)
	parity, heads := -1, make([]drive.Header, len(blocks))
	for i, b := range blocks {
		must(t, drive.DecodeHeader(files[b.path][b.off:], &heads[i]))
		if heads[i].Column >= heads[i].K {
			parity = i
		}
	}
	h := &heads[parity]
	at := blocks[parity]
	forged := bytes.Clone(files[at.path][at.off:][:at.n])
	forged[at.start] ^= 0x55
	sums := make([]uint64, h.Pieces())
	drive.SumPieces(sums, forged[at.start:][:at.length])
	for i, b := range blocks {
		copy(heads[i].Sums[h.Stored()*h.Pieces():], sums)
		must(t, w.fs.Corrupt(b.path, b.off, b.n, func(p []byte) {
			if i == parity {
				copy(p, forged)
			}
			drive.EncodeHeader(p[:heads[i].PayloadStart()], &heads[i])
		}))
	}
	r := w.verify(t, "k006")
	if r.Whole() || r.Bad+r.Missing != 0 || len(r.Findings) != 1 || r.Findings[0].Kind != FindingParity {
		t.Errorf("%+v", r)
	}
}

// TestVerifyHoldsObjectsAgainstTheirChecksums forges objects whose blocks are
// good and whose checksums are not theirs, whole ones and such of parts.
func TestVerifyHoldsObjectsAgainstTheirChecksums(t *testing.T) {
	w := filled(t, shape{2, 1, 3}, 8)
	bodies := [][]byte{randomBody(1, 300_000), randomBody(2, 1), randomBody(3, 500_000)}
	var parts []catalog.PartPut
	for i, b := range bodies {
		key := fmt.Sprint("body", i)
		putBytes(t, w.p, "bucket", key, b)
		_, o := w.entry(t, key)
		parts = append(parts, catalog.PartPut{Key: "parts", Number: 2*i + 1, Size: o.Size, Checksum: checksumOf(b, i != 1), Body: catalog.Body{Extents: o.Extents}})
	}
	parts = append(parts, catalog.PartPut{Key: "parts", Number: 7, Checksum: checksumOf(nil, true)})
	parts = append(parts, catalog.PartPut{Key: "parts", Number: 9, Checksum: checksumOf(nil, false)})
	bucket, o := w.entry(t, "body0")
	makeParts := func() {
		t.Helper()
		upload := w.forge(t, &catalog.UploadCreate{Bucket: bucket, Key: "parts"})
		var numbers []int
		for _, part := range parts {
			part.Bucket, part.Upload = bucket, upload
			w.forge(t, &part)
			numbers = append(numbers, part.Number)
		}
		w.forge(t, &catalog.UploadComplete{Bucket: bucket, Key: "parts", Upload: upload, Parts: numbers})
	}
	makeParts()
	if r := w.verify(t, ""); !r.Whole() || r.Objects != 12 {
		t.Fatalf("%+v", r)
	}
	parts[1].Checksum.Sum++
	makeParts()
	w.forge(t, &catalog.Put{Bucket: bucket, Key: "whole", Object: catalog.Object{Size: o.Size, Checksum: catalog.Checksum{Sum: 1}}, Body: catalog.Body{Extents: o.Extents}})
	r := w.verify(t, "")
	if r.Whole() || r.Bad+r.Missing != 0 || len(r.Findings) != 2 {
		t.Fatalf("%+v", r)
	}
	for i, want := range []string{"part 3 of the object", "the object"} {
		if f := r.Findings[i]; f.Kind != FindingChecksum || f.Column != -1 || !strings.HasPrefix(f.Text, want+" does not") {
			t.Errorf("%+v, want %s", f, want)
		}
	}
	forged := o.Extents[0]
	forged.Segment = drive.NewSegmentID(7, 7777)
	w.forge(t, &catalog.Put{Bucket: bucket, Key: "nowhere", Object: catalog.Object{Size: forged.Length}, Body: catalog.Body{Extents: []catalog.Extent{forged}}})
	if r := w.verify(t, "nowhere"); len(r.Findings) != 1 || r.Findings[0].Kind != FindingTable || r.Objects != 1 {
		t.Errorf("%+v", r)
	}
}

// TestVerifyReadsTheDrive: what is only in the page cache does not count (R17).
func TestVerifyReadsTheDrive(t *testing.T) {
	w := filled(t, shape{2, 1, 3}, 8)
	b := w.blocksOfObject(t, "k006")[0][0]
	spoilBehindCache(t, w.fs, b.path, b.off, b.n, func(p []byte) { p[b.start] ^= 1 })
	if r := w.verify(t, "k006"); r.Bad != 1 {
		t.Errorf("%+v", r)
	}
}

// spoilBehindCache spoils bytes on the drive that stay good in the page cache.
func spoilBehindCache(t *testing.T, fsys *faultfs.FS, path string, off, n int64, spoil func([]byte)) {
	t.Helper()
	good := bytes.Clone(readFile(t, fsys, path)[off:][:n])
	must(t, fsys.Corrupt(path, off, n, spoil))
	f, err := fsys.OpenReadWrite(path, vfs.WriteCategoryUnspecified)
	must(t, err)
	_, err = f.WriteAt(good, off)
	must(t, err)
	fsys.SetHook(func(op faultfs.Op) faultfs.Fault { return faultfs.Fault{Err: syscall.EIO} })
	if f.Sync() == nil { // the pages are clean now, and not on the drive
		t.Fatal("the sync did not fail")
	}
	fsys.SetHook(nil)
	must(t, f.Close())
}
