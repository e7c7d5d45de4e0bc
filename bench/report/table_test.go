package report

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-storage/holdfast/bench"
)

var update = flag.Bool("update", false, "write what is printed into testdata")

// golden holds what was written against testdata/name.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("differs from %s (go test -update writes it):\n%s", path, got)
	}
}

func TestTable(t *testing.T) {
	var b strings.Builder
	if err := Table(&b, canned()); err != nil {
		t.Fatal(err)
	}
	golden(t, "table.golden", b.String())
}

// TestTableOfLittle: what was not measured does not appear.
func TestTableOfLittle(t *testing.T) {
	var b strings.Builder
	if err := Table(&b, bench.Result{Version: "devel", Command: "holdfast bench"}); err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"Goals", "OPERATION", "Growth", "NaN", "To know"} {
		if strings.Contains(b.String(), word) {
			t.Errorf("%q appears in\n%s", word, &b)
		}
	}
}

func TestValues(t *testing.T) {
	for _, test := range []struct {
		v    float64
		unit bench.Unit
		want string
	}{
		{19712, bench.OpsPerSecond, "19,700/s"},
		{0.0316, bench.Seconds, "31.6 ms"},
		{999.9e-6, bench.Seconds, "1,000 µs"},
		{31e-6, bench.Seconds, "31 µs"},
		{0.2304, bench.SecondsPerGiB, "0.23 s/GiB"},
		{4096, bench.Bytes, "4 KiB"},
		{3.2 * (1 << 30), bench.BytesPerSecond, "3.2 GiB/s"},
		{0.8349, bench.Share, "83 %"},
		{0.0034, bench.Share, "0.34 %"},
		{18.63, bench.Times, "18.6×"},
		{0, bench.Times, "0×"},
	} {
		if got := value(test.v, test.unit); got != test.want {
			t.Errorf("value(%v, %s) = %q, want %q", test.v, test.unit, got, test.want)
		}
	}
}
