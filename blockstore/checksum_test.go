package blockstore

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/cespare/xxhash/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// checksumOf is what FORMAT.md says, in the plainest way.
func checksumOf(body []byte, leaves bool) catalog.Checksum {
	if !leaves {
		return catalog.Checksum{Sum: xxhash.Sum64(body)}
	}
	var text []byte
	for leaf := range slices.Chunk(body, 4096) {
		text = binary.LittleEndian.AppendUint64(text, xxhash.Sum64(leaf))
	}
	text = binary.LittleEndian.AppendUint64(text, uint64(len(body)))
	return catalog.Checksum{Sum: xxhash.Sum64(text), Leaves: true}
}

// summedSizes are those around which leaves, columns and stripes end.
func summedSizes() []int {
	return []int{
		0, 1, 4095, 4096, 4097, 3 * 4096, 8*4096 - 1, 12*4096 + 7, drive.MaxColumnBytes, drive.MaxColumnBytes + 1,
		inlineMax, inlineMax + 1, 5*drive.MaxColumnBytes + 4097, 9*drive.MaxColumnBytes + 12345,
	}
}

// TestBodySum: however a body is cut, its checksum is that of the page.
func TestBodySum(t *testing.T) {
	for _, leaves := range []bool{true, false} {
		for _, n := range summedSizes() {
			body := randomBody(uint64(n), n)
			want := checksumOf(body, leaves)
			for _, step := range []int{1000, 4096, 5000, 32 << 10, 100_001, n + 1} {
				var s bodySum
				for range 2 { // begun anew it knows of nothing before
					s.begin(leaves)
					for piece := range slices.Chunk(body, step) {
						s.write(piece)
					}
				}
				if got := s.end(); got != want {
					t.Errorf("leaves %v, %d bytes, %d at a time: %v, want %v", leaves, n, step, got, want)
				}
			}
		}
	}
}

// TestBodySumPinned holds the checksum against numbers that another program came to, written from FORMAT.md.
func TestBodySumPinned(t *testing.T) {
	for n, want := range map[int]uint64{0: 0x34c96acdcadb1bbb, 1: 0x19a7767f68d29295, 4096: 0xe7d8a9ec1dcac8f7, 4097: 0x2a1962b488ac7da6, 100000: 0x632f7c0f3f2b7b57} {
		body := make([]byte, n)
		for i := range body {
			body[i] = byte(i % 251)
		}
		var s bodySum
		s.begin(true)
		s.write(body)
		if got := s.end(); got.Sum != want || !got.Leaves {
			t.Errorf("%d bytes: %v, want %016x", n, got, want)
		}
	}
}

// TestBodySumTellsApart: what R3 is for, bytes that are in order one by one and are
// not the body.
func TestBodySumTellsApart(t *testing.T) {
	const leaf = 4096
	body := randomBody(1, 40*leaf+100)
	swapped := func(a, b, n int) []byte {
		other := bytes.Clone(body)
		copy(other[a:a+n], body[b:b+n])
		copy(other[b:b+n], body[a:a+n])
		return other
	}
	flipped := bytes.Clone(body)
	flipped[17*leaf] ^= 1
	for name, other := range map[string][]byte{
		"two leaves swapped":       swapped(0, 9*leaf, leaf),
		"two runs of them swapped": swapped(0, 32*leaf, 8*leaf),
		"a leaf in another place":  append(bytes.Clone(body[leaf:2*leaf]), body[leaf:]...),
		"a leaf less":              append(bytes.Clone(body[:8*leaf]), body[9*leaf:]...),
		"a leaf more":              append(bytes.Clone(body[:leaf]), body...),
		"cut at a leaf":            body[:40*leaf],
		"cut within one":           body[:40*leaf+99],
		"longer by zeros":          append(bytes.Clone(body), 0),
		"moved by a byte":          append(bytes.Clone(body[1:]), body[0]),
		"a bit":                    flipped,
		"nothing":                  nil,
	} {
		var s bodySum
		s.begin(true)
		s.write(other)
		if s.end() == checksumOf(body, true) {
			t.Errorf("%s: the same checksum", name)
		}
	}
	// The sums of a body's leaves are a body too, and no stand-in for it.
	var text []byte
	for b := range slices.Chunk(body, leaf) {
		text = binary.LittleEndian.AppendUint64(text, xxhash.Sum64(b))
	}
	if checksumOf(text, true) == checksumOf(body, true) {
		t.Error("leaves' sums pass for the body")
	}
}

func TestBodySumAllocatesNothing(t *testing.T) {
	body := randomBody(1, 100_001)
	var s bodySum
	if n := testing.AllocsPerRun(100, func() {
		s.begin(true)
		s.write(body[:5])
		s.write(body[5:])
		s.end()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestChecksumsOfUploads: what is stored is the checksum of what came, of objects and
// parts, in memory and in stripes, in whatever pieces the client sent it.
func TestChecksumsOfUploads(t *testing.T) {
	w := openWorld(t, shape{2, 1, 3})
	id, err := w.p.CreateUpload(t.Context(), "bucket", "parts", UploadOptions{})
	must(t, err)
	for i, n := range summedSizes() {
		body := randomBody(uint64(n), n)
		for _, size := range []int64{int64(n), -1} {
			_, err := w.p.Put(t.Context(), "bucket", "k", iotest.HalfReader(bytes.NewReader(body)), PutOptions{Size: size})
			must(t, err)
			if _, o := w.entry(t, "k"); o.Checksum != checksumOf(body, true) {
				t.Errorf("%d bytes, announced %d: %v", n, size, o.Checksum)
			}
			wantBytes(t, w.p, "bucket", "k", body)
		}
		_, err := w.p.PutPart(t.Context(), "bucket", "parts", id, i+1, bytes.NewReader(body), PartOptions{Size: -1})
		must(t, err)
		u, err := w.p.findUpload(t.Context(), "bucket", "parts", id)
		must(t, err)
		part, err := w.p.catalog.Part(t.Context(), u.ID, i+1)
		must(t, err)
		if part.Checksum != checksumOf(body, true) {
			t.Errorf("part of %d bytes: %v", n, part.Checksum)
		}
	}
}

// TestFeaturesOfOldPool: a pool of before gets the features with the first opening
// that may write, on every drive, keeps them whatever becomes of its drives, and keeps
// its old checksums beside new ones. To be looked at changes nothing.
func TestFeaturesOfOldPool(t *testing.T) {
	dir := t.TempDir()
	must(t, os.CopyFS(dir, os.DirFS(goldenPool)))
	features := func() (list []string) {
		for _, d := range dirsOf(3, dir) {
			l, err := drive.ReadLabel(vfs.Default, d)
			must(t, err)
			list = append(list, fmt.Sprint(uint64(l.Features)))
		}
		return list
	}
	p, err := Open(t.Context(), Options{Dirs: dirsOf(3, dir), ReadOnly: true, Logger: testLogger()})
	must(t, err)
	must(t, p.Close(t.Context()))
	if got := features(); !slices.Equal(got, []string{"0", "0", "0"}) {
		t.Errorf("read-only: %v", got)
	}
	p = openPool(t, Options{Dirs: dirsOf(3, dir)})
	putBytes(t, p, "golden", "new", randomBody(1, 100))
	_, err = p.FailDrive(t.Context(), "3", ChangeOptions{})
	must(t, err)
	if got := features(); !slices.Equal(got, []string{"1", "1", "1"}) {
		t.Errorf("opened: %v", got)
	}
	for key, leaves := range map[string]bool{"small": false, "new": true} {
		o, err := p.lookUp(t.Context(), "golden", key)
		if err != nil || o.Checksum.Leaves != leaves {
			t.Errorf("%s: %v, %v", key, o.Checksum, err)
		}
		_, err = getBytes(t.Context(), p, "golden", key)
		must(t, err)
	}
}

// BenchmarkBodySum sums bodies of 4 KiB, and of columns of a MiB in all as they are
// sent; of before is the one chain over all bytes.
func BenchmarkBodySum(b *testing.B) {
	for _, n := range []int{4 << 10, 1 << 20} {
		for name, leaves := range map[string]bool{"leaves": true, "of before": false} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				body := randomBody(1, min(n, drive.MaxColumnBytes)) // it stays in cache
				b.SetBytes(int64(n))
				var s bodySum
				for b.Loop() {
					s.begin(leaves)
					for range n / len(body) {
						s.write(body)
					}
					s.end()
				}
			})
		}
	}
}
