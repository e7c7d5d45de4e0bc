package main

import (
	"crypto/md5"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// testClient is a client of a server that answers with handler.
func testClient(t *testing.T, handler http.HandlerFunc) *client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	c, err := newClient(server.URL, "start it", keyPair{scriptAccess, scriptSecret})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	return c
}

// TestPathsArriveAsTheyAre sends every byte that a key may have, and paths that a less careful client would clean.
func TestPathsArriveAsTheyAre(t *testing.T) {
	var all strings.Builder
	for b := range 256 {
		all.WriteByte(byte(b))
	}
	var uri string
	c := testClient(t, func(w http.ResponseWriter, r *http.Request) {
		uri = r.RequestURI
		if access, secret, ok := r.BasicAuth(); !ok || access != scriptAccess || secret != scriptSecret {
			t.Errorf("keys: %q %q", access, secret)
		}
	})
	for _, key := range []string{"plain", "a/../b", "..", ".", "//x//", "a%2Fb", "%", "a b+c", "?x#y&z=1;,:@", "ü/日本", all.String()} {
		if err := c.call(t.Context(), http.MethodHead, "/bucket/"+key); err != nil {
			t.Fatalf("%q: %v", key, err)
		}
		if want := "/bucket/" + escapePath(key); uri != want {
			t.Errorf("%q was sent as %q, want %q", key, uri, want)
		}
		if strings.ContainsAny(strings.TrimPrefix(uri, "/bucket/"), " ?#+\x00") {
			t.Errorf("%q was sent as %q", key, uri)
		}
	}
}

func TestDriveRefsKeepTheirSlashes(t *testing.T) {
	var uri string
	c := testClient(t, func(w http.ResponseWriter, r *http.Request) {
		uri = r.RequestURI
		fmt.Fprint(w, `{}`)
	})
	if _, err := c.changeDrive(t.Context(), "fail", "/data/d 1", changeRequest{}); err != nil {
		t.Fatal(err)
	}
	if want := "/api/v1/drives/%2Fdata%2Fd%201/fail"; uri != want {
		t.Fatalf("sent %s, want %s", uri, want)
	}
}

// TestReceive tries what can go wrong on the way to a file: the file that was there stays, and nothing is left behind.
func TestReceive(t *testing.T) {
	const body = "the whole body"
	sum := fmt.Sprintf("%x", md5.Sum([]byte(body)))
	for _, test := range []struct {
		name   string
		answer http.HandlerFunc
		err    string
	}{
		{"whole", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"`+sum+`"`)
			io.WriteString(w, body)
		}, ""},
		{"an ETag that is no MD5", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"`+sum+`-2"`)
			io.WriteString(w, body)
		}, ""},
		{"cut", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(body)))
			io.WriteString(w, body[:5])
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, "stopped after 5 B of 14 B"},
		{"other bytes", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"`+sum+`"`)
			io.WriteString(w, strings.ToUpper(body))
		}, "what arrived has MD5"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := testClient(t, test.answer)
			dir := t.TempDir()
			file := filepath.Join(dir, "file")
			if err := os.WriteFile(file, []byte("before"), 0o600); err != nil {
				t.Fatal(err)
			}
			head, reader, err := c.get(t.Context(), "bucket", "key")
			if err != nil {
				t.Fatal(err)
			}
			defer reader.Close()
			err = saveFile(file, func(w io.Writer) error { return receive(w, reader, &head) })
			want := body
			if test.err != "" {
				want = "before"
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Fatalf("error %v, want one with %q", err, test.err)
				}
			} else if err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(file); err != nil || string(got) != want {
				t.Fatalf("the file holds %q (%v), want %q", got, err, want)
			}
			if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
				t.Fatalf("left behind: %v, %v", entries, err)
			}
		})
	}
}

func TestListingsThatDoNotEnd(t *testing.T) {
	c := testClient(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken></ListBucketResult>`)
	})
	if p, err := c.list(t.Context(), "bucket", "", "", "", 0); err != nil || p.Next != "t" {
		t.Fatalf("%v, %v", p, err)
	}
	if _, err := c.list(t.Context(), "bucket", "", "", "t", 0); err == nil {
		t.Fatal("a listing that does not move on was followed")
	}
}

// TestRedirectsAreNotFollowed: the keys are for the daemon alone.
func TestRedirectsAreNotFollowed(t *testing.T) {
	c := testClient(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/bucket" {
			t.Errorf("followed to %s", r.URL)
		}
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	if err := c.call(t.Context(), http.MethodHead, "/bucket"); !isStatus(err, http.StatusTemporaryRedirect) {
		t.Fatalf("got %v", err)
	}
}
