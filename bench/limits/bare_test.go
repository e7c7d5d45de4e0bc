package limits

import (
	"bytes"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestBare(t *testing.T) {
	bare := NewBare()
	server := httptest.NewServer(bare)
	defer server.Close()
	for _, c := range []struct {
		method, path, span string
		send               int
		status             int
		from, length       int // of what comes back; length -1: not looked at
	}{
		{"PUT", "/bench", "", 0, 200, 0, 0},
		{"PUT", "/bench/k/4096/1", "", 4096, 200, 0, 0},
		{"PUT", "/bench/k/100000/1", "", 100_000, 200, 0, 0},
		{"POST", "/bench?delete", "", 10, 200, 0, 0},
		{"GET", "/bench/k/4096/1", "", 0, 200, 0, 4096},
		{"GET", "/bench/a/b/c/0/1", "", 0, 200, 0, 0},
		{"HEAD", "/bench/k/4096/1", "", 0, 200, 0, 0},
		{"GET", "/bench/k/100000/1", "bytes=1000-4999", 0, 206, 1000, 4000},
		{"GET", "/bench/k/100000/1", "bytes=99999-", 0, 206, 99_999, 1},
		{"GET", "/bench/k/100000/1", "bytes=99000-200000", 0, 206, 99_000, 1000},
		{"GET", "/bench/k/100000/1", "bytes=100000-", 0, 416, 0, -1},
		{"GET", "/bench/k/100000/1", "bytes=5-4", 0, 416, 0, -1},
		{"GET", "/bench/k/many/1", "", 0, 404, 0, -1},
		{"GET", "/bench/k/999999999999/1", "", 0, 404, 0, -1},
		{"DELETE", "/bench/k/4096/1", "", 0, 204, 0, 0},
		{"PATCH", "/bench/k/4096/1", "", 0, 405, 0, -1},
	} {
		t.Run(strings.ReplaceAll(c.method+c.path+" "+c.span, "/", " "), func(t *testing.T) {
			request, err := http.NewRequestWithContext(t.Context(), c.method, server.URL+c.path, bytes.NewReader(make([]byte, c.send)))
			if err != nil {
				t.Fatal(err)
			}
			if c.span != "" {
				request.Header.Set("Range", c.span)
			}
			answer, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			body, err := io.ReadAll(answer.Body)
			if err != nil || answer.StatusCode != c.status {
				t.Fatalf("%s, %v; want %d", answer.Status, err, c.status)
			}
			if c.length >= 0 && !bytes.Equal(body, bare.body[c.from:c.from+c.length]) {
				t.Errorf("%d bytes came, not the %d that are wanted", len(body), c.length)
			}
			if c.method != "DELETE" && c.length >= 0 && answer.Header.Get("ETag") == "" {
				t.Error("no ETag")
			}
		})
	}
}

func TestBareList(t *testing.T) {
	server := httptest.NewServer(NewBare())
	defer server.Close()
	answer, err := http.Get(server.URL + "/bench?list-type=2&prefix=k")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var page struct {
		Contents []struct{ Key, ETag string }
	}
	if err := xml.NewDecoder(answer.Body).Decode(&page); err != nil || len(page.Contents) != 1000 || page.Contents[999].ETag != bareETag {
		t.Errorf("%d keys, %v", len(page.Contents), err)
	}
}
