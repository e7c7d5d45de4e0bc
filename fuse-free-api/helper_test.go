package api

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testAccess = "test-access"
	testSecret = "test-secret-key"
)

func basic(access, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(access+":"+secret))
}

// rig is a server over real sockets, with a fake store that has one bucket,
// "bkt".
type rig struct {
	*Server
	t       testing.TB
	store   *fakeStore
	admin   *fakeAdmin
	reg     *prometheus.Registry
	objects string // host:port
	adminAt string
	stop    func() error // ends serving objects and waits
}

func newRig(t testing.TB, change ...func(*Options)) *rig {
	t.Helper()
	g := &rig{t: t, store: newFakeStore(), admin: &fakeAdmin{status: map[string]string{"pool": "fine"}}, reg: prometheus.NewRegistry()}
	if err := g.store.CreateBucket(t.Context(), "bkt"); err != nil {
		t.Fatal(err)
	}
	opts := Options{Store: g.store, Admin: g.admin, AccessKey: testAccess, SecretKey: testSecret,
		Registerer: g.reg, Gatherer: g.reg, StallTimeout: time.Minute, DrainTimeout: 30 * time.Second}
	for _, f := range change {
		f(&opts)
	}
	server, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	g.Server = server
	var stopAdmin func() error
	g.objects, g.stop = listenAndServe(t, server.ServeObjects)
	g.adminAt, stopAdmin = listenAndServe(t, server.ServeAdmin)
	t.Cleanup(func() {
		_ = g.stop()
		if err := stopAdmin(); err != nil {
			t.Errorf("admin listener: %v", err)
		}
	})
	return g
}

func listenAndServe(t testing.TB, serve func(context.Context, net.Listener) error) (addr string, stop func() error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, ln) }()
	var result error
	stopped := false
	return ln.Addr().String(), func() error {
		if !stopped {
			cancel()
			result, stopped = <-ended, true
		}
		return result
	}
}

// answer is a response that was read whole.
type answer struct {
	status int
	header http.Header
	body   string
	err    error // of reading the body
}

// send writes request as it is and reads one answer; method is that of the
// request. The connection is closed afterwards.
func send(t testing.TB, addr, method, request string) answer {
	t.Helper()
	conn := dial(t, addr)
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	return receive(t, conn, method)
}

func dial(t testing.TB, addr string) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(50 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

func receive(t testing.TB, r io.Reader, method string) answer {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(r), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("reading the answer: %v", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answer{status: resp.StatusCode, header: resp.Header, body: string(body), err: err}
}

// do sends a request with the keys. target is put on the request line as it
// is; headers are "Name: value" lines. A PUT or POST has a Content-Length.
func (g *rig) do(method, target, body string, headers ...string) answer {
	g.t.Helper()
	lines := append([]string{method + " " + target + " HTTP/1.1", "Host: holdfast", "Authorization: " + basic(testAccess, testSecret)}, headers...)
	if body != "" || method == "PUT" || method == "POST" {
		lines = append(lines, fmt.Sprintf("Content-Length: %d", len(body)))
	}
	return send(g.t, g.objects, method, strings.Join(lines, "\r\n")+"\r\n\r\n"+body)
}

// want fails the test unless the answer has the status and, if code is not
// empty, is an S3 error with that code.
func (a answer) want(t testing.TB, status int, code string) answer {
	t.Helper()
	if a.err != nil {
		t.Fatalf("reading the body: %v", a.err)
	}
	if a.status != status {
		t.Fatalf("status %d, want %d; body: %s", a.status, status, a.body)
	}
	if a.header.Get("X-Amz-Request-Id") == "" {
		t.Error("no x-amz-request-id")
	}
	if code == "" {
		return a
	}
	if e := a.s3Error(t); e.Code != code || e.Message == "" || e.RequestID != a.header.Get("X-Amz-Request-Id") || e.Resource == "" {
		t.Fatalf("error %+v, want code %s", e, code)
	}
	return a
}

type wireError struct {
	XMLName   xml.Name `xml:"Error"`
	Code      string
	Message   string
	Resource  string
	RequestID string `xml:"RequestId"`
}

func (a answer) s3Error(t testing.TB) wireError {
	t.Helper()
	var e wireError
	if a.header.Get("Content-Type") != "application/xml" {
		t.Fatalf("content type %q", a.header.Get("Content-Type"))
	}
	if err := xml.Unmarshal([]byte(a.body), &e); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	return e
}

// keys gives what the bucket holds.
func (g *rig) keys() []string {
	g.store.mu.Lock()
	defer g.store.mu.Unlock()
	var all []string
	for key := range g.store.buckets["bkt"].objects {
		all = append(all, key)
	}
	return all
}

// wantNothing fails the test if anything is stored.
func (g *rig) wantNothing() {
	g.t.Helper()
	if keys := g.keys(); len(keys) > 0 {
		g.t.Fatalf("stored: %q", keys)
	}
}

// fuzzHandler gives a function that sends one request straight to the object
// listener's handler, without a connection. What http.Server would refuse is
// not sent, and answered with 400.
func fuzzHandler(f *testing.F, store Store) func(t *testing.T, method, target, body string, headers ...string) answer {
	f.Helper()
	server, err := New(Options{Store: store, Admin: &fakeAdmin{}, AccessKey: testAccess, SecretKey: testSecret})
	if err != nil {
		f.Fatal(err)
	}
	handler := server.ObjectHandler()
	return func(t *testing.T, method, target, body string, headers ...string) answer {
		t.Helper()
		lines := append([]string{method + " " + target + " HTTP/1.1", "Host: holdfast", "Authorization: " + basic(testAccess, testSecret),
			fmt.Sprintf("Content-Length: %d", len(body))}, headers...)
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(strings.Join(lines, "\r\n") + "\r\n\r\n" + body)))
		if err != nil {
			return answer{status: http.StatusBadRequest}
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r.WithContext(t.Context()))
		return answer{status: w.Code, header: w.Result().Header, body: w.Body.String()}
	}
}
