package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestBenchS3Interrupt ends the load as Ctrl-C does, and wants nothing to be left.
func TestBenchS3Interrupt(t *testing.T) {
	server := httptest.NewServer(newMemoryEdge(scriptAccess, scriptSecret))
	defer server.Close()
	t.Setenv(envAccess, scriptAccess)
	t.Setenv(envSecret, scriptSecret)

	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	var out, told bytes.Buffer
	argv := []string{"holdfast", "bench", "s3", "--endpoint", server.URL, "--op", "put", "--size", "4KiB", "--duration", "1h"}
	if code := run(ctx, argv, &console{in: strings.NewReader(""), out: &out, err: &told}); code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	if !strings.Contains(told.String(), "being removed") || !strings.Contains(told.String(), "holdfast: interrupted") || out.Len() > 0 {
		t.Errorf("%s%s", out.String(), told.String())
	}
	told.Reset()
	argv = []string{"holdfast", "ls", "--endpoint", server.URL}
	if code := run(t.Context(), argv, &console{in: strings.NewReader(""), out: &out, err: &told}); code != exitDone || out.Len() > 0 {
		t.Errorf("what is left (%d): %s%s", code, out.String(), told.String())
	}
}

// TestBenchS3Fails: what was measured before an operation failed is shown, then the error.
func TestBenchS3Fails(t *testing.T) {
	edge := newMemoryEdge(scriptAccess, scriptSecret)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		edge.ServeHTTP(w, r)
	}))
	defer server.Close()
	t.Setenv(envAccess, scriptAccess)
	t.Setenv(envSecret, scriptSecret)
	for _, form := range []string{"--json=false", "--json"} {
		var out, told bytes.Buffer
		page := filepath.Join(t.TempDir(), "page.html")
		argv := []string{"holdfast", "bench", "s3", "--endpoint", server.URL, "--op", "put", "--op", "get", "--op", "head", "--size", "4KiB",
			"--duration", "10ms", "--rounds", "1", "--html", page, form}
		if code := run(t.Context(), argv, &console{in: strings.NewReader(""), out: &out, err: &told}); code != exitFailed {
			t.Errorf("exit code %d", code)
		}
		if !strings.Contains(out.String(), "PUT") || strings.Contains(out.String(), "HEAD") || !strings.Contains(told.String(), "500") {
			t.Errorf("%s%s", out.String(), told.String())
		}
		if text, err := os.ReadFile(page); err != nil || !strings.Contains(string(text), "Cut short") {
			t.Errorf("the page: %v", err)
		}
		if form == "--json" && !strings.Contains(out.String(), "cut_short") {
			t.Errorf("%s", out.String())
		}
	}
}

func TestBenchS3Text(t *testing.T) {
	one := benchS3Server{Endpoint: "http://a", Rate: 12345.6, Bytes: 50 << 20, P50: 0.0005, P99: 0.0123, P999: 0.345, CPUOp: 0.000055, CPUGiB: 14.2}
	two := benchS3Server{Endpoint: "http://b", Rate: 7.5, P50: 1.5, P99: 2, Refused: 3}
	got := benchS3Text([]benchS3Row{{Operation: "PUT", Size: 4096, Clients: 8, Servers: []benchS3Server{one, two}, Ratio: 1646.08}})
	want := `1  http://a
2  http://b

  OPERATION     SIZE  CLIENTS      OPS/S  BYTES/S     P50      P99   P99.9  CPU/OP  CPU S/GIB    1 TO 2
        PUT  4.0 KiB        8  1  12,346   50 MiB  500 µs  12.3 ms  345 ms   55 µs      14.20  1646.08×
                               2    7.50            1.5 s    2.0 s       -                             
3 requests answered 503 and do not count
`
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}
