package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// lines is a log that a test reads while it is written.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := l.buf.String()
	l.buf.Reset()
	return text
}

// one waits for the next line; there must be just one.
func (l *lines) one(t *testing.T) string {
	t.Helper()
	var text string
	eventually(t, "a line of the access log", func() bool {
		text += l.take()
		return strings.HasSuffix(text, "\n")
	})
	if strings.Count(text, "\n") != 1 {
		t.Fatalf("not one line: %q", text)
	}
	return text
}

func TestAccessLog(t *testing.T) {
	out := &lines{}
	g := newRig(t, func(o *Options) { o.AccessLog = slog.New(slog.NewJSONHandler(out, nil)) })
	g.do("PUT", "/bkt/a/key", "12345").want(t, 200, "")
	out.one(t)
	for _, c := range []struct {
		name, method, target, body string
		headers                    []string
		want                       map[string]any // nil: must be absent
	}{
		{"an upload", "PUT", "/bkt/k", "hello", []string{"User-Agent: test/1"},
			map[string]any{"msg": "access", "method": "PUT", "operation": "PutObject", "bucket": "bkt", "key": "k", "status": 200.0,
				"code": nil, "bytes_in": 5.0, "bytes_out": 0.0, "user_agent": "test/1", "proto": "HTTP/1.1", "cut": nil}},
		{"a range", "GET", "/bkt/a/key", "", []string{"Range: bytes=1-2"},
			map[string]any{"operation": "GetObject", "key": "a/key", "status": 206.0, "bytes_in": 0.0, "bytes_out": 2.0, "range": "bytes=1-2", "user_agent": nil}},
		{"an error", "HEAD", "/bkt/none", "", nil, map[string]any{"operation": "HeadObject", "status": 404.0, "code": "NoSuchKey"}},
		{"a bucket", "GET", "/bkt?list-type=2&prefix=secret", "", nil, map[string]any{"operation": "ListObjectsV2", "bucket": "bkt", "key": nil, "status": 200.0}},
		{"no operation", "PATCH", "/bkt/k", "", nil, map[string]any{"operation": "none", "bucket": "bkt", "key": "k", "status": 405.0, "code": "MethodNotAllowed"}},
		{"no address", "GET", "/BKT/k", "", nil, map[string]any{"operation": "none", "bucket": nil, "key": nil, "code": "InvalidBucketName"}},
		{"refused", "GET", "/bkt/k?secret=secret", "", nil, map[string]any{"operation": "GetObject", "status": 501.0, "code": "NotImplemented"}},
		{"an odd key", "GET", "/bkt/line%0Abreak%22=%1B%5B31m", "", nil, map[string]any{"key": "line\nbreak\"=\x1b[31m", "code": "NoSuchKey"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := g.do(c.method, c.target, c.body, c.headers...)
			line := out.one(t)
			if strings.Contains(line, "secret") || strings.Contains(line, "Basic") || strings.Contains(line, testAccess) {
				t.Errorf("it tells too much: %s", line)
			}
			var got map[string]any
			if err := json.Unmarshal([]byte(line), &got); err != nil {
				t.Fatalf("%v in %s", err, line)
			}
			if got["request"] != a.header.Get("X-Amz-Request-Id") || got["request"] == "" {
				t.Errorf("request id %v, the answer has %q", got["request"], a.header.Get("X-Amz-Request-Id"))
			}
			for _, name := range []string{"time", "remote", "duration_ms"} {
				if got[name] == nil {
					t.Errorf("no %s", name)
				}
			}
			for name, want := range c.want {
				if got[name] != want {
					t.Errorf("%s: %v, want %v", name, got[name], want)
				}
			}
			if t.Failed() {
				t.Log(line)
			}
		})
	}
}

// Keys reach slog's text handler, too, and make no lines or fields of their
// own there. What is refused without a key, and what is cut, has a line too.
func TestAccessLogText(t *testing.T) {
	out := &lines{}
	g := newRig(t, func(o *Options) { o.AccessLog = slog.New(slog.NewTextHandler(out, nil)) })
	g.do("GET", "/bkt/a%0Astatus=200%20key=%22b", "").want(t, 404, "NoSuchKey")
	if line := out.one(t); !strings.Contains(line, `key="a\nstatus=200 key=\"b"`) {
		t.Error(line)
	}
	signed := "/bkt/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=cred&X-Amz-Signature=sig0sig"
	send(t, g.objects, "GET", "GET "+signed+" HTTP/1.1\r\nHost: h\r\n\r\n")
	if line := out.one(t); strings.Contains(line, "sig0sig") || strings.Contains(line, "cred") || !strings.Contains(line, "operation=none") {
		t.Error(line)
	}
	g.do("PUT", "/bkt/k", strings.Repeat("x", 2*headBufferBytes)).want(t, 200, "")
	out.one(t)
	g.store.writeTo = func(w io.Writer, body []byte) (bool, error) {
		_, _ = w.Write(body[:len(body)-1])
		return true, fmt.Errorf("stripe 7: %w", ErrUnavailable)
	}
	g.do("GET", "/bkt/k", "")
	if line := out.one(t); !strings.Contains(line, "cut=true") {
		t.Error(line)
	}
}

func TestRequestIDs(t *testing.T) {
	g := newRig(t)
	for _, request := range []string{
		"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
		"GET /bkt/k HTTP/1.1\r\nHost: h\r\nAuthorization: Basic !!\r\n\r\n",
		"HEAD /bkt/none HTTP/1.1\r\nHost: h\r\nAuthorization: " + basic(testAccess, testSecret) + "\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: h\r\nAuthorization: " + basic(testAccess, testSecret) + "\r\n\r\n",
		"GET /bkt HTTP/1.1\r\nHost: h\r\nAuthorization: " + basic(testAccess, testSecret) + "\r\n\r\n",
	} {
		method, _, _ := strings.Cut(request, " ")
		a := send(t, g.objects, method, request)
		for _, name := range []string{"X-Amz-Request-Id", "X-Amz-Id-2"} {
			if a.header.Get(name) == "" {
				t.Errorf("%.20q: no %s", request, name)
			}
		}
		if a.status >= 400 && method == "GET" && !strings.Contains(a.body, "<HostId>"+a.header.Get("X-Amz-Id-2")+"</HostId>") {
			t.Errorf("%.20q: %s", request, a.body)
		}
	}
}

// More requests than are served at once are told to slow down, whoever they
// are from, and the next is served when one has ended.
func TestTooManyRequests(t *testing.T) {
	g := newRig(t, func(o *Options) { o.MaxRequests = 1 })
	entered, release := make(chan struct{}), make(chan struct{})
	g.store.beforePut = func(context.Context) {
		close(entered)
		<-release
	}
	ended := make(chan answer)
	go func() { ended <- g.do("PUT", "/bkt/k", "x") }()
	<-entered
	if a := g.do("GET", "/bkt/k", "").want(t, 503, "SlowDown"); a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	if a := g.ask("GET", "/health/ready", ""); a.status != 200 {
		t.Errorf("not ready because of it: %+v", a)
	}
	close(release)
	(<-ended).want(t, 200, "")
	eventually(t, "nothing is in flight", func() bool { return testutil.ToFloat64(g.metrics.inFlight) == 0 })
	g.do("GET", "/bkt/k", "").want(t, 200, "")
}
