package catalog

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// samples holds one record of each type with every field set.
func samples() map[string]Record {
	meta := []Pair{{"colour", "blue"}, {"empty", ""}}
	system := []Pair{{"Cache-Control", "no-store"}}
	return map[string]Record{
		"put": &Put{
			Bucket: 65536, Key: "a/b\x00c",
			Object: Object{
				Size: 300, ModTimeUnixNano: 1700000000000000001, ETag: "d41d8cd98f00b204e9800998ecf8427e",
				ContentType: "text/plain", Checksum: Checksum{Sum: 0x1122334455667788}, Meta: meta, System: system,
			},
			Body: Body{Inline: true, At: 4096, Size: 300},
		},
		"put-extents": &Put{
			Bucket: 65536, Key: "large",
			Object: Object{Size: 1 << 20, ModTimeUnixNano: -1, ETag: "e"},
			Body:   Body{Extents: []Extent{extent(2<<32|7, 0, 524288), extent(2<<32|8, 99, 524288)}},
		},
		"put-leaves": &Put{
			Bucket: 65536, Key: "leaves", Object: Object{Checksum: Checksum{Sum: 0x1122334455667788, Leaves: true}},
		},
		"put-empty":     &Put{Bucket: 65536, Key: "nothing"},
		"delete":        &Delete{Bucket: 65536, Key: "a"},
		"bucket-create": &BucketCreate{Name: "photos", CreatedUnixNano: 1700000000000000000},
		"bucket-delete": &BucketDelete{Bucket: 65536},
		"upload-create": &UploadCreate{
			Bucket: 65536, Key: "film", CreatedUnixNano: 5, ContentType: "video/mp4", Meta: meta, System: system,
		},
		"part-put": &PartPut{
			Bucket: 65536, Key: "film", Upload: 131072, Number: 10000, Size: 5 << 20, ModTimeUnixNano: 6,
			ETag: "p", Checksum: Checksum{Sum: 9}, System: system, Body: Body{Extents: []Extent{extent(2<<32|7, 0, 5<<20)}},
		},
		"part-put-leaves": &PartPut{
			Bucket: 65536, Key: "film", Upload: 131072, Number: 1, Checksum: Checksum{Sum: 9, Leaves: true},
		},
		"upload-complete": &UploadComplete{
			Bucket: 65536, Key: "film", Upload: 131072, ModTimeUnixNano: 7, ETag: "p-3", System: system,
			Parts: []int{1, 2, 10000},
		},
		"upload-abort": &UploadAbort{Bucket: 65536, Key: "film", Upload: 131072},
		"relocate": &Relocate{
			Bucket: 65536, Key: "a", Version: 196608,
			From:    []Extent{extent(2<<32|7, 0, 100)},
			Extents: []Extent{extent(2<<32|9, 0, 60), extent(2<<32|9, 60, 40)},
		},
		"relocate-part": &Relocate{
			Bucket: 65536, Key: "film", Upload: 131072, Number: 1, Version: 196608,
			From: []Extent{extent(2<<32|7, 0, 100)}, Extents: []Extent{extent(2<<32|9, 0, 100)},
		},
		"amend":   &Amend{Bucket: 65536, Key: "a", Version: 196608, System: system},
		"segment": &Segment{ID: 2<<32 | 7, Kind: drive.Journal, K: 2, M: 1, Base: 12, Drives: drives(3)},
		"seal": &Seal{
			ID: 2<<32 | 7, Stripes: 5, End: 1 << 20, Last: 44, Suspect: 1 << 39,
			Classes: []Class{{Rotation: 0, D: 2, Count: 2}, {Rotation: 1, D: 1, Count: 1}, {Rotation: 1, D: 2, Count: 2}},
		},
		"remap": &Remap{ID: 2<<32 | 7, Index: 2, Drive: driveUUID(9)},
		"drop":  &Drop{ID: 2<<32 | 7},
		"restate": &Restate{
			At: 100, UID: 0xfedcba9876543210, Last: true,
			Entries: []Entry{{Key: []byte("bphotos"), Value: []byte{8, 1}}, {Key: []byte("cname"), Value: []byte{10, 1, 'v'}}},
		},
		"opening": &Opening{Epoch: 3, End: 99},
		"setting": &Setting{Name: "scrub.cursor", Value: []byte("0001")},
	}
}

// TestGolden pins the encoding of every record type: what it encodes to, and
// what that decodes to.
func TestGolden(t *testing.T) {
	types := map[Type]bool{}
	for name, r := range samples() {
		types[r.Type()] = true
		t.Run(name, func(t *testing.T) {
			got := AppendRecord(nil, r)
			file := filepath.Join("testdata", "records", name+".hex")
			if *update {
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(hex.EncodeToString(got)+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want, err := hex.DecodeString(strings.TrimSpace(string(text)))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("encodes to\n%x, want\n%x", got, want)
			}
			var back []Record
			if err := DecodeRecords(want, func(r Record) error { back = append(back, r); return nil }); err != nil {
				t.Fatal(err)
			}
			if len(back) != 1 || !reflect.DeepEqual(back[0], r) {
				t.Errorf("decodes to %+v, want %+v", back, r)
			}
		})
	}
	for n := TypePut; n <= TypeAmend; n++ {
		if !types[n] {
			t.Errorf("no sample of type %d", n)
		}
	}
	if newRecord(TypeAmend+1) != nil {
		t.Error("a type without a sample")
	}
}

// TestDecodeCutOrChanged cuts every sample at every byte and changes every
// byte: never a panic, and what is accepted encodes to itself.
func TestDecodeCutOrChanged(t *testing.T) {
	for name, r := range samples() {
		good := AppendRecord(nil, r)
		for i := 1; i < len(good); i++ {
			err := DecodeRecords(good[:i], func(Record) error { return nil })
			if !errors.Is(err, ErrRecord) {
				t.Errorf("%s cut at %d: %v", name, i, err)
			}
		}
		for i := range good {
			for bit := range 8 {
				bad := bytes.Clone(good)
				bad[i] ^= 1 << bit
				checkCanonical(t, bad)
			}
		}
		if err := DecodeRecords(append(bytes.Clone(good), 0), func(Record) error { return nil }); !errors.Is(err, ErrRecord) {
			t.Errorf("%s with a byte behind it: %v", name, err)
		}
	}
}

func checkCanonical(t *testing.T, b []byte) {
	t.Helper()
	var out []byte
	err := DecodeRecords(b, func(r Record) error {
		out = AppendRecord(out, r)
		return nil
	})
	if err != nil {
		if !errors.Is(err, ErrRecord) {
			t.Fatalf("%x: %v", b, err)
		}
		return
	}
	if !bytes.Equal(out, b) {
		t.Fatalf("%x is accepted, but encodes to %x", b, out)
	}
}

// TestRefused lists what is outside the format, by record and reason.
func TestRefused(t *testing.T) {
	long := strings.Repeat("x", 1025)
	good := extent(1<<32, 0, 10)
	with := func(f func(*Extent)) []Extent { e := good; f(&e); return []Extent{e} }
	put := func(e []Extent) *Put { return &Put{Key: "k", Object: Object{Size: 10}, Body: Body{Extents: e}} }
	for name, r := range map[string]Record{
		"no key":                  &Put{Bucket: 1},
		"key too long":            &Delete{Bucket: 1, Key: long},
		"size without body":       &Put{Key: "k", Object: Object{Size: 1}},
		"negative size":           &Put{Key: "k", Object: Object{Size: -1}},
		"stated version":          &Put{Key: "k", Object: Object{Version: 1}},
		"stated extents":          &Put{Key: "k", Object: Object{Size: 10, Extents: []Extent{good}}, Body: Body{Extents: []Extent{good}}},
		"inline and extents":      &Put{Key: "k", Object: Object{Size: 10}, Body: Body{Inline: true, Size: 10, Extents: []Extent{good}}},
		"inline without size":     &Put{Key: "k", Body: Body{Inline: true}},
		"pairs not ascending":     &Put{Key: "k", Object: Object{Meta: []Pair{{"b", ""}, {"a", ""}}}},
		"pairs repeated":          &Put{Key: "k", Object: Object{Meta: []Pair{{"a", ""}, {"a", ""}}}},
		"extent without segment":  put(with(func(e *Extent) { e.Segment = 0 })),
		"extent off page":         put(with(func(e *Extent) { e.Offset++ })),
		"extent in the header":    put(with(func(e *Extent) { e.Offset = 0 })),
		"extent of no columns":    put(with(func(e *Extent) { e.D = 0 })),
		"extent of 33 columns":    put(with(func(e *Extent) { e.D = 33 })),
		"extent of wide columns":  put(with(func(e *Extent) { e.Column = 131073 })),
		"empty extent":            put(append(with(func(e *Extent) { e.Length = 0 }), good)),
		"extent past the end":     put(with(func(e *Extent) { e.Start = 1<<63 - 1 })),
		"part zero":               &PartPut{Key: "k", Upload: 1},
		"part 10001":              &PartPut{Key: "k", Upload: 1, Number: 10001},
		"no parts":                &UploadComplete{Key: "k", Upload: 1},
		"parts not ascending":     &UploadComplete{Key: "k", Upload: 1, Parts: []int{2, 1}},
		"part number zero":        &UploadComplete{Key: "k", Upload: 1, Parts: []int{0}},
		"relocate of nothing":     &Relocate{Key: "k"},
		"relocate loses bytes":    &Relocate{Key: "k", From: []Extent{good}, Extents: with(func(e *Extent) { e.Length = 9 })},
		"relocate of no part":     &Relocate{Key: "k", Upload: 1, From: []Extent{good}, Extents: []Extent{good}},
		"bucket without name":     &BucketCreate{},
		"segment without drives":  &Segment{ID: 1, Kind: drive.Bulk, K: 2, M: 1},
		"segment without parity":  &Segment{ID: 1, Kind: drive.Bulk, K: 2, Drives: drives(2)},
		"segment of nil drives":   &Segment{ID: 1, Kind: drive.Bulk, K: 1, M: 1, Drives: append(drives(1), [16]byte{})},
		"segment of no kind":      &Segment{ID: 1, K: 1, M: 1, Drives: drives(2)},
		"seal of no segment":      &Seal{},
		"seal of a file too many": &Seal{ID: 1, Suspect: 1 << 40},
		"classes do not add up":   &Seal{ID: 1, Stripes: 2, Classes: []Class{{D: 1, Count: 1}}},
		"classes not ascending":   &Seal{ID: 1, Stripes: 2, Classes: []Class{{D: 2, Count: 1}, {D: 1, Count: 1}}},
		"remap to no drive":       &Remap{ID: 1},
		"restate without key":     &Restate{At: 1, Entries: []Entry{{Value: []byte{1}}}},
		"setting without a name":  &Setting{Value: []byte{1}},
		"content type too long":   &Put{Key: "k", Object: Object{ContentType: strings.Repeat("x", MaxContentType+1)}},
		"ETag too long":           &Put{Key: "k", Object: Object{ETag: long}},
		"meta value too long":     &Put{Key: "k", Object: Object{Meta: []Pair{{"a", strings.Repeat("x", MaxPairValue+1)}}}},
		"more pairs than allowed": &Put{Key: "k", Object: Object{Meta: make([]Pair, MaxPairs+1)}},
	} {
		if err := Validate(r); !errors.Is(err, ErrRecord) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, r := range samples() {
		if err := Validate(r); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestNotCanonical refuses other spellings of a good record.
func TestNotCanonical(t *testing.T) {
	for name, b := range map[string][]byte{
		"unknown type":           {18, 0},
		"type zero":              {0, 0},
		"long type":              {0x84, 0x00, 2, 8, 1},
		"long length":            {4, 0x82, 0x00, 8, 1},
		"long number":            {4, 3, 8, 0x81, 0x00},
		"written zero":           {4, 2, 8, 0},
		"unknown field":          {4, 2, 16, 1},
		"field twice":            {4, 4, 8, 1, 8, 1},
		"fields descending":      {2, 5, 18, 1, 'k', 8, 1},
		"wrong wire type":        {4, 5, 0x0d, 1, 0, 0, 0},
		"length past the end":    {2, 4, 18, 100, 'k', 'l'},
		"record past the end":    {4, 100, 8, 1},
		"empty string written":   {3, 2, 10, 0},
		"nested message unknown": {1, 9, 18, 1, 'k', 26, 2, 88, 1, 34, 0},
	} {
		if err := DecodeRecords(b, func(Record) error { return nil }); !errors.Is(err, ErrRecord) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := DecodeRecords([]byte{4, 2, 8, 1}, func(Record) error { return nil }); err != nil {
		t.Error(err)
	}
}

func FuzzDecodeRecords(f *testing.F) {
	for _, r := range samples() {
		f.Add(AppendRecord(nil, r))
	}
	f.Fuzz(func(t *testing.T, b []byte) { checkCanonical(t, b) })
}

// FuzzEntry feeds the decoders of the entries' keys and values.
func FuzzEntry(f *testing.F) {
	for _, e := range sampleEntries() {
		f.Add(e.Key, e.Value)
	}
	f.Fuzz(func(t *testing.T, k, v []byte) {
		_, _, _ = DescribeEntry(Entry{Key: k, Value: v})
		got, err := checkEntry(k, v)
		if err != nil {
			if !errors.Is(err, ErrRecord) {
				t.Fatal(err)
			}
			return
		}
		if got.object && extentBytes(got.extents) != got.size {
			t.Fatalf("object of %d bytes with extents of %d", got.size, extentBytes(got.extents))
		}
		if k[0] == kindUpload {
			b, key, id, err := parseUploadKey(k)
			if err != nil || !bytes.Equal(uploadKey(b, key, id), k) {
				t.Fatalf("upload key %x comes back as %x, %v", k, uploadKey(b, key, id), err)
			}
		}
	})
}
