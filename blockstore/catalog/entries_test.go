package catalog

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// sampleEntries holds one entry of each kind with every field set.
func sampleEntries() map[string]Entry {
	pairs := []Pair{{"a", "1"}, {"b", ""}}
	extents := []Extent{extent(2<<32|7, 0, 100), extent(2<<32|8, 0, 23)}
	object := Object{
		Version: 131073, Size: 123, ModTimeUnixNano: 5, ETag: "e", ContentType: "text/plain", Checksum: Checksum{Sum: 7},
		Meta: pairs, System: pairs, Parts: []PartInfo{{Number: 1, Size: 100, Checksum: Checksum{Sum: 3}, System: pairs}, {Number: 4, Size: 23}},
		Extents: extents,
	}
	part := Part{Version: 131074, Size: 123, ModTimeUnixNano: 6, ETag: "p", Checksum: Checksum{Sum: 8}, System: pairs, Extents: extents}
	leaves := Object{
		Version: 131073, Checksum: Checksum{Sum: 7, Leaves: true}, Parts: []PartInfo{{Number: 1, Checksum: Checksum{Sum: 3, Leaves: true}}},
	}
	partOfLeaves := Part{Version: 131074, Checksum: Checksum{Sum: 8, Leaves: true}}
	upload := Upload{CreatedUnixNano: 9, ContentType: "text/plain", Meta: pairs, System: pairs}
	bucket := Bucket{ID: 65536, CreatedUnixNano: 1700000000000000000}
	segment := SegmentEntry{
		Kind: drive.Bulk, K: 2, M: 1, Base: 5, Drives: drives(3), Sealed: true,
		Stripes: 3, End: 1 << 20, Last: 9, Classes: []Class{{0, 2, 2}, {1, 1, 1}}, Suspect: 5,
	}
	name, setting, live := "photos", []byte("value"), int64(1<<40)
	m := meta{lsn: 12, uid: 13, objects: 14, bytes: 15, building: true}
	return map[string]Entry{
		"bucket":        {bucketKey("photos"), value(bucket.code)},
		"id":            {idKey(65536), value(codeName(&name))},
		"object":        {objectKey(65536, "a/b"), value(object.code)},
		"object-leaves": {objectKey(65536, "leaves"), value(leaves.code)},
		"part-leaves":   {partKey(131072, 1), value(partOfLeaves.code)},
		"upload":        {uploadKey(65536, "a\x00b", 131072), value(upload.code)},
		"part":          {partKey(131072, 10000), value(part.code)},
		"segment":       {segmentKey(2<<32 | 7), value(segment.code)},
		"setting":       {settingKey("name"), value(codeSetting(&setting))},
		"live":          {liveKey(2<<32 | 7), value(codeLive(&live))},
		"meta":          {metaKey, value(m.code)},
	}
}

// TestGoldenEntries pins the keys and values, which checkpoints carry.
func TestGoldenEntries(t *testing.T) {
	for name, e := range sampleEntries() {
		got := hex.EncodeToString(e.Key) + "\n" + hex.EncodeToString(e.Value) + "\n"
		file := filepath.Join("testdata", "entries", name+".hex")
		if *update {
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s is\n%s, want\n%s", name, got, want)
		}
		_, err = checkEntry(e.Key, e.Value)
		if derived := name == "live" || name == "meta"; derived != (err != nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestUploadKeys(t *testing.T) {
	keys := []string{"\x00", "\x00\x00", "\x00\x01", "\x00\xff", "a", "a\x00", "a\x00\x01", "a\x01", "aa", "b", "\xff\xff"}
	for _, k := range keys {
		b, key, id, err := parseUploadKey(uploadKey(7, k, 9))
		if err != nil || b != 7 || key != k || id != 9 {
			t.Errorf("%q comes back as %d %q %d, %v", k, b, key, id, err)
		}
	}
	// They sort by key first, whatever the upload.
	for _, x := range keys {
		for _, y := range keys {
			if x == y {
				continue
			}
			got := bytes.Compare(uploadKey(7, x, 1<<63), uploadKey(7, y, 1))
			if want := strings.Compare(x, y); got != want {
				t.Errorf("%q and %q sort as %d, want %d", x, y, got, want)
			}
		}
	}
}

func TestSuccessor(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"a", "b"}, {"a\xff", "b"}, {"a\xff\xff", "b"}, {"\xff", ""}, {"", ""}, {"ab", "ac"},
	} {
		if got := string(successor([]byte(c.in))); got != c.want {
			t.Errorf("after %q comes %q, want %q", c.in, got, c.want)
		}
	}
}
