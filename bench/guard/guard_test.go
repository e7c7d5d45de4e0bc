package guard

import (
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/holdfast-storage/holdfast/bench"
)

func TestWorse(t *testing.T) {
	small, large, huge := load{bench.Put, 4 << 10, 100}, load{bench.Put, 16 << 20, 10}, load{bench.Put, 64 << 20, 10}
	for _, c := range []struct {
		name       string
		load       load
		count      Name
		base, head float64 // in all of a round
		worse      bool
	}{
		{"the same", small, allocations, 10_000, 10_000, false},
		{"within the share", small, allocations, 10_000, 10_490, false},
		{"beyond the share", small, allocations, 10_000, 10_510, true},
		{"beyond the share, within the margin", small, allocations, 100, 290, false},
		{"better", small, allocations, 10_000, 100, false},
		{"a sync more", small, syncs, 400, 500, true},
		{"from none", small, syncs, 0, 100, true},
		{"bytes written, beyond", small, stored, 4 * 409_600, 4.3 * 409_600, true},
		{"margin of a large body", large, allocations, 1000, 2250, false},
		{"beyond the margin of a large body", large, allocations, 1000, 2350, true},
		{"a buffer of 256 KiB for each large body", large, allocated, 110_000, 110_000 + 10*256<<10, true},
		{"margin of a huge body", huge, allocations, 1000, 2250, false},
		{"beyond the margin of a huge body", huge, allocations, 1000, 2350, true},
		{"a buffer of 32 KiB for each huge body", huge, allocated, 130_000, 130_000 + 10*32<<10, true},
		{"system calls of a huge body", huge, calls, 10_000, 11_200, false},
		{"system calls of a huge body, beyond", huge, calls, 10_000, 11_400, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows := 0
			for _, figure := range Figures() {
				row, ok := figure.row(c.load, []Counts{{c.count: c.base}, {c.count: c.base}}, []Counts{{c.count: c.head}, {c.count: c.head}})
				if !ok {
					continue
				}
				rows++
				if row.Worse != c.worse {
					t.Errorf("%+v, want worse: %v", row, c.worse)
				}
			}
			if rows != 1 {
				t.Errorf("%d rows, want one", rows)
			}
		})
	}
}

// TestUnknown: what one of the builds does not tell is not compared.
func TestUnknown(t *testing.T) {
	for _, figure := range Figures() {
		if row, ok := figure.row(loads()[0], []Counts{{}}, []Counts{{figure.count: 1e9}}); ok {
			t.Errorf("compared with nothing: %+v", row)
		}
	}
	known := Counts{reads: 5, writes: 7}.less(Counts{reads: 2})
	if !maps.Equal(known, Counts{reads: 3}) {
		t.Errorf("%v", known)
	}
}

// TestMedian: what happens in few rounds is no operation's own.
func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{{[]float64{7}, 7}, {[]float64{9, 1}, 5}, {[]float64{3, 900, 1, 2, 800}, 3}} {
		if got := median(c.values); got != c.want {
			t.Errorf("of %v: %v, want %v", c.values, got, c.want)
		}
	}
}

func TestGather(t *testing.T) {
	c := make(Counts)
	text := "# HELP a b\nrchar: 1\nsyscr: 12\nwrite_bytes: 4096\n# Mallocs = 1500000\n# PauseNs = [1 2 3]\nother{a=\"b\"} 7\n"
	err := gather(strings.NewReader(text), c, map[string]Name{"syscr:": reads, "write_bytes:": stored, "# Mallocs =": allocations})
	if err != nil || !maps.Equal(c, Counts{reads: 12, stored: 4096, allocations: 1.5e6}) {
		t.Errorf("%v, %v", c, err)
	}
	if err := gather(strings.NewReader("syscr: many\n"), c, map[string]Name{"syscr:": reads}); err == nil {
		t.Error("no number: accepted")
	}
}

// TestDuring counts what this very process does.
func TestDuring(t *testing.T) {
	if _, err := os.Stat("/proc/self/io"); err != nil {
		t.Skip("this system does not count what processes read and write")
	}
	profile := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer profile.Close()
	server := Server{Heap: profile.URL, PID: os.Getpid()}
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	const times = 1000
	c, err := server.during(t.Context(), func() error {
		for range times {
			if _, err := file.Write([]byte("holdfast")); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || c[writes] < times || c[writes] > 2*times || c[passed] < 8*times {
		t.Errorf("%v, %v", c, err)
	}
	if _, known := c[allocations]; known {
		t.Error("allocations are known, and nobody told them")
	}
}

func TestSummary(t *testing.T) {
	c, err := readSummary(strings.NewReader(`% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.100000          50      2000           fdatasync
 20.00    0.030000          10      3000        12 read
 19.00    0.030000           3     10000      1000 futex
  1.00    0.000100           1         1           fsync
------ ----------- ----------- --------- --------- ----------------
100.00    0.160100          10     15001      1012 total
`))
	if err != nil || !maps.Equal(c, Counts{calls: 5001, syncs: 2001}) {
		t.Errorf("%v, %v", c, err)
	}
	if _, err := readSummary(strings.NewReader("")); err == nil {
		t.Error("an empty summary: accepted")
	}
}

// TestTraced traces a process that does nothing, where that is possible.
func TestTraced(t *testing.T) {
	idle := exec.CommandContext(t.Context(), "sleep", "60")
	if err := idle.Start(); err != nil {
		t.Skip(err)
	}
	defer func() {
		_ = idle.Process.Kill()
		_ = idle.Wait()
	}()
	c, err := traced(t.Context(), idle.Process.Pid, func() error { return nil })
	switch {
	case errors.Is(err, errNoTrace):
		t.Skip(err)
	case err != nil && !strings.Contains(err.Error(), "counted nothing"):
		t.Error(c, err)
	}
	if _, err := traced(t.Context(), 1<<22+1, func() error { return nil }); err == nil {
		t.Error("a process that is not there was traced")
	}
}

func TestReport(t *testing.T) {
	r := Report{Rows: []Row{{Load: "PUT 4 KiB", Figure: "syncs per operation", Base: 4, Head: 5, Worse: true}}}
	r.note("no strace")
	r.note("no strace")
	text := r.String()
	if !r.Worse() || !strings.Contains(text, "+25.0 %") || !strings.Contains(text, "WORSE") || strings.Count(text, "no strace") != 1 {
		t.Error(text)
	}
}
