package catalog

import (
	"encoding/json"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"google.golang.org/protobuf/encoding/protowire"
)

// TestDescribeRecords: every record has FORMAT.md's name, and every field that
// its encoding has is shown.
func TestDescribeRecords(t *testing.T) {
	_, types := readFormat(t)
	for name, number := range types {
		if number.String() != name {
			t.Errorf("type %d is %q, FORMAT.md calls it %q", uint64(number), number, name)
		}
	}
	for name, r := range samples() {
		f := DescribeRecord(r)
		b := AppendRecord(nil, r)
		_, n := protowire.ConsumeVarint(b)
		message, _ := protowire.ConsumeBytes(b[n:])
		numbers := make(map[protowire.Number]bool)
		for len(message) > 0 {
			number, _, n := protowire.ConsumeField(message)
			numbers[number] = true
			message = message[n:]
		}
		if len(f) != len(numbers) {
			t.Errorf("%s: %d of %d fields are shown: %v", name, len(f), len(numbers), f)
		}
		var back map[string]any
		if text, err := json.Marshal(f); err != nil || json.Unmarshal(text, &back) != nil || len(back) != len(f) {
			t.Errorf("%s: as JSON %s, %v", name, text, err)
		}
	}
}

func TestDescribeEntries(t *testing.T) {
	for name, e := range sampleEntries() {
		kind, f, err := DescribeEntry(e)
		if err != nil || kind == "" || len(f) == 0 {
			t.Errorf("%s: kind %q, %v, %v", name, kind, f, err)
		}
		for n := range e.Value {
			_, _, _ = DescribeEntry(Entry{Key: e.Key, Value: e.Value[:n]}) // it must not panic
		}
	}
	if _, _, err := DescribeEntry(Entry{}); err == nil {
		t.Error("an entry without a key: no error")
	}
}

func TestFieldsText(t *testing.T) {
	f := Fields{{"key", "a b"}, {"n", 3}, {"list", []any{"x", Fields{{"y", true}}}}}
	if got, want := f.String(), `key="a b" n=3 list=[x {y=true}]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	text, err := json.Marshal(f)
	if want := `{"key":"a b","n":3,"list":["x",{"y":true}]}`; err != nil || string(text) != want {
		t.Errorf("got %s, %v, want %s", text, err, want)
	}
}

func TestSummary(t *testing.T) {
	fsys := vfs.NewMem()
	r, err := MakeReplica(fsys, "/replica", ReplicaOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	if s, err := r.Summary(); err != nil || !s.Building {
		t.Fatalf("of one that is being filled: %+v, %v", s, err)
	}
	if err := r.EndEntries(7, 8); err != nil {
		t.Fatal(err)
	}
	records := AppendRecord(nil, &BucketCreate{Name: "bucket", CreatedUnixNano: 1})
	records = AppendRecord(records, &Put{Bucket: 8 << 16, Key: "key", Object: Object{ETag: "e"}})
	if err := r.Apply(Batch{LSN: 8, UID: 9, Records: records}); err != nil {
		t.Fatal(err)
	}
	s, err := r.Summary()
	if err != nil || s.LSN != 8 || s.UID != 9 || s.Objects != 1 || s.Malformed != 0 || s.Digest == 0 {
		t.Fatalf("%+v, %v", s, err)
	}
	for kind, want := range map[string]int64{"bucket": 1, "bucket-id": 1, "object": 1, "applied": 1} {
		if s.Entries[kind] != want {
			t.Errorf("%d entries of kind %s, want %d", s.Entries[kind], kind, want)
		}
	}
}
