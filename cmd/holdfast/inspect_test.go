package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestInspectGolden holds what inspect prints of the golden pool against a text. With -update it is written anew.
func TestInspectGolden(t *testing.T) {
	golden, err := filepath.Abs("testdata/inspect.golden")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir("../..")
	var out, errs bytes.Buffer
	con := &console{in: strings.NewReader(""), out: &out, err: &errs}
	args := []string{"holdfast", "inspect", "testdata/pool-v1/d{1...3}"}
	if code := run(t.Context(), args, con); code != exitDone || errs.Len() > 0 {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	if *update {
		if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(out.Bytes(), want) {
		t.Errorf("it prints\n%s", out.String())
	}

	out.Reset()
	if code := run(t.Context(), append(args, "--json"), con); code != exitDone {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	types := make(map[string]int)
	for dec := json.NewDecoder(&out); dec.More(); {
		var doc struct{ Type string }
		if err := dec.Decode(&doc); err != nil {
			t.Fatal(err)
		}
		types[doc.Type]++
	}
	for kind, want := range map[string]int{"label": 3, "file": 6, "sum": 6, "block": 31, "batch": 13, "record": 15, "entry": 9} {
		if types[kind] != want {
			t.Errorf("%d documents of type %s, want %d", types[kind], kind, want)
		}
	}
}
