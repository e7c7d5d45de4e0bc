package api

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestStoreErrors(t *testing.T) {
	g := newRig(t)
	for _, c := range []struct {
		err    error
		status int
		code   string
		retry  bool
	}{
		{ErrNoSuchBucket, 404, "NoSuchBucket", false},
		{ErrNoSuchKey, 404, "NoSuchKey", false},
		{ErrBucketExists, 409, "BucketAlreadyOwnedByYou", false},
		{ErrBucketNotEmpty, 409, "BucketNotEmpty", false},
		{ErrPrecondition, 412, "PreconditionFailed", false},
		{ErrReadOnly, 503, "ServiceUnavailable", true},
		{ErrUnavailable, 503, "ServiceUnavailable", true},
		{ErrClosed, 503, "ServiceUnavailable", true},
		{ErrBusy, 503, "SlowDown", true},
		{ErrNoSpace, 507, "InsufficientStorage", false},
		{ErrBodySize, 400, "IncompleteBody", false},
		{ErrInvalidName, 400, "InvalidBucketName", false},
		{ErrKeyTooLong, 400, "KeyTooLongError", false},
		{errors.New("a secret detail"), 500, "InternalError", false},
	} {
		g.store.fail = fmt.Errorf("segment 2 stripe 5: %w", c.err)
		for _, request := range []struct{ method, target string }{
			{"GET", "/"}, {"PUT", "/new"}, {"DELETE", "/bkt"}, {"GET", "/bkt?location"}, {"GET", "/bkt?list-type=2"},
			{"PUT", "/bkt/k"}, {"GET", "/bkt/k"}, {"DELETE", "/bkt/k"},
		} {
			a := g.do(request.method, request.target, "").want(t, c.status, c.code)
			if (a.header.Get("Retry-After") != "") != c.retry {
				t.Errorf("%v: Retry-After %q", c.err, a.header.Get("Retry-After"))
			}
			if c.status == 500 && strings.Contains(a.body, "secret") {
				t.Errorf("internals are told: %s", a.body)
			}
			if c.err == ErrUnavailable && !strings.Contains(a.body, "segment 2 stripe 5") {
				t.Errorf("what is damaged is not named: %s", a.body)
			}
		}
		if a := g.do("HEAD", "/bkt/k", "").want(t, c.status, ""); a.body != "" {
			t.Errorf("HEAD has the body %q", a.body)
		}
	}
}

// Damage that shows before the first bytes are out is an error like others;
// later the connection is cut, so that the client sees less than announced.
func TestDamageWhileReading(t *testing.T) {
	g := newRig(t)
	body := strings.Repeat("0123456789abcdef", 1<<14)
	g.do("PUT", "/bkt/k", body, "Cache-Control: max-age=99999", "Content-Encoding: gzip", "Content-Disposition: inline", "x-amz-meta-a: b", "x-amz-sdk-checksum-algorithm: CRC32").want(t, 200, "")
	damage := fmt.Errorf("stripe 7: %w", ErrUnavailable)
	for _, c := range []struct {
		good   int // bytes written before the damage
		piece  int // bytes per write
		status int
	}{
		{0, 4096, 503},
		{1, 1, 503},
		{4096, 4096, 503},
		{headBufferBytes, 4096, 503},
		{headBufferBytes + 1, 1, 200},
		{headBufferBytes * 2, 4096, 200},
		{headBufferBytes + 4096, headBufferBytes + 4096, 200},
		{len(body) - 1, 4096, 200},
	} {
		g.store.writeTo = func(w io.Writer, body []byte) (bool, error) {
			for rest := body[:c.good]; len(rest) > 0; {
				n, err := w.Write(rest[:min(c.piece, len(rest))])
				if err != nil {
					return true, err
				}
				rest = rest[n:]
			}
			return true, damage
		}
		a := g.do("GET", "/bkt/k", "", "x-amz-checksum-mode: ENABLED")
		if a.status != c.status {
			t.Fatalf("%+v: status %d", c, a.status)
		}
		if c.status == 503 {
			a.want(t, 503, "ServiceUnavailable")
			for _, name := range []string{"Cache-Control", "Content-Encoding", "Content-Disposition", "Etag", "Last-Modified", "Accept-Ranges",
				"X-Amz-Meta-A", "X-Amz-Checksum-Crc32", "X-Amz-Checksum-Type"} {
				if a.header.Get(name) != "" {
					t.Errorf("the error carries the object's %s", name)
				}
			}
			continue
		}
		if !errors.Is(a.err, io.ErrUnexpectedEOF) {
			t.Errorf("%+v: the body ends with %v", c, a.err)
		}
		if !strings.HasPrefix(body, a.body) || len(a.body) > c.good {
			t.Errorf("%+v: wrong bytes", c)
		}
	}
	// A store that gives less than it said, without an error.
	g.store.writeTo = func(w io.Writer, body []byte) (bool, error) {
		_, err := w.Write(body[:100])
		return true, err
	}
	g.do("GET", "/bkt/k", "").want(t, 500, "InternalError")
	// An answer without a body reads nothing.
	g.store.writeTo = func(io.Writer, []byte) (bool, error) { return true, damage }
	g.do("HEAD", "/bkt/k", "").want(t, 200, "")
	g.do("GET", "/bkt/k", "", "If-None-Match: *").want(t, 304, "")
	g.store.writeTo = nil
	if a := g.do("GET", "/bkt/k", "").want(t, 200, ""); a.body != body {
		t.Error("another body")
	}
}

func TestPanicsEndOneRequest(t *testing.T) {
	g := newRig(t)
	g.do("PUT", "/bkt/k", strings.Repeat("x", 2*headBufferBytes)).want(t, 200, "")
	g.store.panics = true
	g.do("GET", "/bkt/k", "").want(t, 500, "InternalError")
	g.do("PUT", "/bkt/k", "x").want(t, 500, "InternalError")
	g.store.panics = false
	g.store.writeTo = func(w io.Writer, body []byte) (bool, error) {
		_, _ = w.Write(body[:len(body)-1])
		panic("in the middle")
	}
	if a := g.do("GET", "/bkt/k", ""); a.status != 200 || !errors.Is(a.err, io.ErrUnexpectedEOF) {
		t.Errorf("status %d, %v", a.status, a.err)
	}
	g.store.writeTo = nil
	g.do("GET", "/bkt/k", "").want(t, 200, "")
}

// One connection carries request after request, errors included.
func TestKeepAlive(t *testing.T) {
	g := newRig(t)
	conn := dial(t, g.objects)
	defer conn.Close()
	r := bufio.NewReader(conn)
	ids := map[string]bool{}
	for i, c := range []struct {
		method, target, body string
		status               int
	}{
		{"PUT", "/bkt/k", "body", 200}, {"GET", "/bkt/k", "", 200}, {"GET", "/bkt/no", "", 404}, {"HEAD", "/bkt/no", "", 404},
		{"PUT", "/BKT/k", "refused unread", 400}, {"HEAD", "/bkt/k", "", 200}, {"GET", "/bkt?list-type=2", "", 200}, {"DELETE", "/bkt/k", "", 204},
	} {
		fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: h\r\nAuthorization: %s\r\nContent-Length: %d\r\n\r\n%s", c.method, c.target, basic(testAccess, testSecret), len(c.body), c.body)
		resp, err := http.ReadResponse(r, &http.Request{Method: c.method})
		if err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
		if resp.StatusCode != c.status {
			t.Fatalf("request %d: status %d", i, resp.StatusCode)
		}
		ids[resp.Header.Get("X-Amz-Request-Id")] = true
	}
	if len(ids) != 8 {
		t.Errorf("%d request ids for 8 requests", len(ids))
	}
}

// A client that asks first, with Expect, sends nothing that would be refused.
func TestContinueOnlyWhenTheBodyIsWanted(t *testing.T) {
	g := newRig(t)
	for target, first := range map[string]string{"/bkt/k": "HTTP/1.1 100 ", "/bkt/k?retention": "HTTP/1.1 501 ", "/nosuch/k": "HTTP/1.1 404 "} {
		conn := dial(t, g.objects)
		fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: h\r\nAuthorization: %s\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n", target, basic(testAccess, testSecret))
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil || !strings.HasPrefix(line, first) {
			t.Errorf("%s: %q, %v", target, line, err)
		}
		_ = conn.Close()
	}
}

// Nor does it wait for a word that never comes when it has nothing to send.
func TestContinueWithNothing(t *testing.T) {
	g := newRig(t)
	conn := dial(t, g.objects)
	defer conn.Close()
	r := bufio.NewReader(conn)
	for range 2 { // on one connection
		fmt.Fprintf(conn, "PUT /bkt/k HTTP/1.1\r\nHost: h\r\nAuthorization: %s\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n", basic(testAccess, testSecret))
		for _, want := range []string{"HTTP/1.1 100 Continue\r\n", "\r\n", "HTTP/1.1 200 OK\r\n"} {
			if line, err := r.ReadString('\n'); err != nil || line != want {
				t.Fatalf("%q, %v, want %q", line, err, want)
			}
		}
		for line := ""; line != "\r\n"; {
			var err error
			if line, err = r.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
	}
}
