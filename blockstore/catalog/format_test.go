package catalog

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// formatField is a row of FORMAT.md's tables of messages.
type formatField struct {
	wire string
	list bool
}

// readFormat gives the rows by "message/field", and the number of each record.
func readFormat(t *testing.T) (map[string]formatField, map[string]Type) {
	t.Helper()
	text, err := os.ReadFile("../FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text2, ok := strings.Cut(string(text), "\n## Records\n")
	if !ok {
		t.Fatal("FORMAT.md has no section Records")
	}
	fields, types := map[string]formatField{}, map[string]Type{}
	header := ""
	for line := range strings.Lines(text2) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			header = ""
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if header == "" {
			header = cells[0]
			continue
		}
		if strings.HasPrefix(cells[0], "---") {
			continue
		}
		var f formatField
		switch header {
		case "type":
			if cells[0] != "" {
				n, err := strconv.Atoi(cells[0])
				if err != nil {
					t.Fatal(err)
				}
				types[cells[1]] = Type(n)
			}
			cells = cells[1:]
		case "message":
		default:
			continue
		}
		f.wire, f.list = strings.CutPrefix(cells[3], "[]")
		key := cells[0] + "/" + cells[1]
		if _, twice := fields[key]; twice {
			t.Fatalf("FORMAT.md has %s twice", key)
		}
		fields[key] = f
	}
	return fields, types
}

// TestFormatPage walks the samples, which have every field set, along the
// tables of FORMAT.md: each field that is written stands there with its number
// and type, and each that stands there is written.
func TestFormatPage(t *testing.T) {
	fields, types := readFormat(t)
	seen := map[string]bool{}
	var walk func(message string, b []byte)
	walk = func(message string, b []byte) {
		for len(b) > 0 {
			num, typ, n := protowire.ConsumeTag(b)
			if n < 0 {
				t.Fatalf("%s: tag of %x", message, b)
			}
			b = b[n:]
			key := fmt.Sprint(message, "/", num)
			f, ok := fields[key]
			if !ok {
				t.Fatalf("FORMAT.md has no %s", key)
			}
			seen[key] = true
			want := protowire.BytesType
			switch f.wire {
			case "uint", "int", "bool":
				want = protowire.VarintType
			case "fixed64":
				want = protowire.Fixed64Type
			}
			if typ != want {
				t.Fatalf("%s is of wire type %d, FORMAT.md says %+v", key, typ, f)
			}
			if f.wire != "string" && f.wire != "bytes" && f.wire != "packed" && typ == protowire.BytesType {
				v, _ := protowire.ConsumeBytes(b)
				walk(f.wire, v)
			}
			n = protowire.ConsumeFieldValue(num, typ, b)
			b = b[n:]
		}
	}
	for name, r := range samples() {
		name = map[string]string{"put-extents": "put", "put-empty": "put", "put-leaves": "put", "part-put-leaves": "part-put", "relocate-part": "relocate"}[name]
		b := AppendRecord(nil, r)
		typ, n := protowire.ConsumeVarint(b)
		if name == "" {
			for k, v := range types {
				if v == Type(typ) {
					name = k
				}
			}
		}
		if types[name] != r.Type() {
			t.Fatalf("FORMAT.md has type %d for %q, want %d", types[name], name, r.Type())
		}
		v, m := protowire.ConsumeBytes(b[n:])
		if m < 0 {
			t.Fatal(name)
		}
		walk(name, v)
	}
	if len(types) != int(TypeAmend) {
		t.Errorf("FORMAT.md has %d types of records, want %d", len(types), TypeAmend)
	}
	messages := map[string]string{
		"bucket": "bucket", "id": "name", "object": "object", "upload": "upload", "part": "part",
		"object-leaves": "object", "part-leaves": "part",
		"segment": "segment-entry", "setting": "setting-value", "live": "live", "meta": "applied",
	}
	for name, e := range sampleEntries() {
		walk(messages[name], e.Value)
	}
	for key := range fields {
		if !seen[key] {
			t.Errorf("FORMAT.md has %s, which no sample writes", key)
		}
	}
}
