package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// put stores an object of n zeros without a request.
func (s *fakeStore) put(key string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buckets["bkt"].objects[key] = &fakeObject{s: s, body: make([]byte, n), info: ObjectInfo{Size: int64(n), ETag: "x"}}
}

// quiet waits until nothing of any request is left.
func (g *rig) quiet() {
	g.t.Helper()
	eventually(g.t, "nothing is in flight", func() bool { return testutil.ToFloat64(g.metrics.inFlight) == 0 && g.requests.Load() == 0 })
}

// A stream whose client sends nothing is told so or ended, and so is one whose
// client does not read; with HTTP/2 the others of its connection go on.
func TestStalledStreamsAreCut(t *testing.T) {
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(proto, func(t *testing.T) {
			unhurried(t, 300*time.Millisecond, func(t testing.TB, d time.Duration) { stalledStreams(t, proto, d) })
		})
	}
}

func stalledStreams(t testing.TB, proto string, d time.Duration) {
	g := newSecureRig(t, func(o *Options) { o.StallTimeout = d })
	g.store.put("large", 32<<20)
	client := g.clients()[proto]
	r, w := io.Pipe()
	defer w.Close()
	put := g.request(t.Context(), "PUT", "/bkt/stalled", r)
	put.ContentLength = 100
	began := time.Now()
	go func() { _, _ = io.WriteString(w, "half") }()
	ask(t, client, put).want(t, 400, "RequestTimeout")
	if took := time.Since(began); took < d {
		t.Errorf("after %v", took)
	}

	resp, err := client.Do(g.request(t.Context(), "GET", "/bkt/large", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	cuts := g.metrics.requests.WithLabelValues("GetObject", "cut")
	eventually(t, "the request is cut", func() bool { return testutil.ToFloat64(cuts) > 0 })
	// The other streams of the connection are served meanwhile and after.
	for range 3 {
		ask(t, client, g.request(t.Context(), "HEAD", "/bkt/large", nil)).want(t, 200, "")
	}
	if n, err := io.Copy(io.Discard, resp.Body); err == nil {
		t.Errorf("%d bytes of %d, and no error", n, 32<<20)
	}
	g.quiet()
	if _, stored := g.store.buckets["bkt"].objects["stalled"]; stored {
		t.Error("half a body was stored")
	}
}

// slowly reads at so many bytes a second, and counts.
type slowly struct {
	r     io.Reader
	rate  int
	n     int
	began time.Time
}

func (s *slowly) pace(n int) {
	if s.began.IsZero() {
		s.began = time.Now()
	}
	s.n += n
	time.Sleep(time.Until(s.began.Add(time.Duration(s.n) * time.Second / time.Duration(s.rate))))
}

func (s *slowly) Read(p []byte) (int, error) {
	n, err := s.r.Read(p[:min(len(p), s.rate/50)])
	s.pace(n)
	return n, err
}

// A slow client is served to the end, however many timeouts that takes.
func TestSlowStreamsAreServed(t *testing.T) {
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(proto, func(t *testing.T) {
			t.Parallel()
			unhurried(t, 500*time.Millisecond, func(t testing.TB, d time.Duration) {
				g := newSecureRig(t, func(o *Options) { o.StallTimeout = d })
				const size = 16 << 20
				g.store.put("large", size)
				client := g.clients()[proto]
				rate := func(n int64) int { return int(n * int64(time.Second) / int64(d)) } // so many for each timeout
				put := g.request(t.Context(), "PUT", "/bkt/slow", &slowly{r: strings.NewReader(strings.Repeat("x", 1000)), rate: rate(250)})
				put.ContentLength = 1000
				ask(t, client, put).want(t, 200, "")

				resp, err := client.Do(g.request(t.Context(), "GET", "/bkt/large", nil))
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				began := time.Now()
				n, err := io.Copy(io.Discard, &slowly{r: resp.Body, rate: rate(4 << 20)})
				if n != size || err != nil {
					t.Errorf("%d bytes of %d after %v: %v", n, size, time.Since(began), err)
				}
			})
		})
	}
}

// Time that the server takes is not the client's: neither while a body waits
// to be read, nor while an answer is made.
func TestSlowServerIsNotAStall(t *testing.T) {
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(proto, func(t *testing.T) {
			unhurried(t, 200*time.Millisecond, func(t testing.TB, d time.Duration) {
				g := newSecureRig(t, func(o *Options) { o.StallTimeout = d })
				client := g.clients()[proto]
				wait := func(ctx context.Context) {
					select {
					case <-ctx.Done():
						t.Errorf("the request was given up: %v", ctx.Err())
					case <-time.After(3 * d):
					}
				}
				g.store.midBody, g.store.beforePut = wait, wait
				ask(t, client, g.request(t.Context(), "PUT", "/bkt/k", strings.NewReader(strings.Repeat("x", 1<<20)))).want(t, 200, "")
				g.store.midBody, g.store.beforePut = nil, nil
				g.store.writeTo = func(w io.Writer, body []byte) (bool, error) {
					half := len(body) / 2
					_, err := w.Write(body[:half])
					time.Sleep(3 * d)
					_, err2 := w.Write(body[half:])
					return true, errors.Join(err, err2)
				}
				if a := ask(t, client, g.request(t.Context(), "GET", "/bkt/k", nil)).want(t, 200, ""); len(a.body) != 1<<20 {
					t.Errorf("%d bytes", len(a.body))
				}
			})
		})
	}
}

// One stream whose store does not read holds up no other of its connection,
// however many there are.
func TestAWaitingStreamHoldsUpNoOther(t *testing.T) {
	g := newSecureRig(t)
	release := make(chan struct{})
	waiting := make(chan struct{}, 100)
	var passes atomic.Bool
	g.store.midBody = func(context.Context) {
		if !passes.Load() {
			waiting <- struct{}{}
			<-release
		}
	}
	const streams = 40
	ended := make(chan answer, streams)
	for range streams {
		go func() {
			ended <- ask(t, g.h2, g.request(t.Context(), "PUT", "/bkt/waits", strings.NewReader(strings.Repeat("x", 1<<20))))
		}()
	}
	for range streams {
		<-waiting
	}
	time.Sleep(100 * time.Millisecond) // for their windows to fill
	passes.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ask(t, g.h2, g.request(ctx, "PUT", "/bkt/k", strings.NewReader(strings.Repeat("x", 1<<20)))).want(t, 200, "")
	close(release)
	for range streams {
		(<-ended).want(t, 200, "")
	}
	if n := testutil.ToFloat64(g.metrics.connections); n != 1 {
		t.Errorf("%v connections: this shows nothing", n)
	}
}

// With HTTP/2, too, the end lets what runs finish.
func TestDrainStreams(t *testing.T) {
	g := newSecureRig(t)
	entered, release := make(chan struct{}), make(chan struct{})
	g.store.beforePut = func(context.Context) {
		close(entered)
		<-release
	}
	ended := make(chan answer, 1)
	go func() { ended <- ask(t, g.h2, g.request(t.Context(), "PUT", "/bkt/k", strings.NewReader("x"))) }()
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- g.stop() }()
	select {
	case err := <-stopped:
		t.Fatalf("ended with a request running: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	close(release)
	(<-ended).want(t, 200, "")
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if resp, err := g.h2.Do(g.request(t.Context(), "GET", "/", nil)); err == nil {
		_ = resp.Body.Close()
		t.Error("a request is served after the end")
	}
}

// dribble is a connection on which each write takes its time.
type dribble struct {
	net.Conn
	on    atomic.Bool
	pause time.Duration // after 100 bytes
}

func (d *dribble) Write(p []byte) (int, error) {
	if !d.on.Load() {
		return d.Conn.Write(p)
	}
	for n := range p {
		if n%100 == 0 {
			time.Sleep(d.pause)
		}
		if _, err := d.Conn.Write(p[n : n+1]); err != nil {
			return n, err
		}
	}
	return len(p), nil
}

// Of a TLS record that comes slowly, nothing can be read before it is whole;
// it moves all the same.
func TestASlowRecordIsNotAStall(t *testing.T) {
	unhurried(t, 400*time.Millisecond, func(t testing.TB, d time.Duration) {
		g := newSecureRig(t, func(o *Options) { o.StallTimeout = d })
		raw := &dribble{Conn: dial(t, g.objects), pause: d / 8}
		defer raw.Close()
		config := g.trust(t)
		config.ServerName = "127.0.0.1"
		conn := tls.Client(raw, config)
		const size = 2000
		fmt.Fprintf(conn, "PUT /bkt/k HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\nAuthorization: %s\r\n\r\n", size, basic(testAccess, testSecret))
		eventually(t, "the request is there", func() bool { return testutil.ToFloat64(g.metrics.inFlight) == 1 })
		raw.on.Store(true)
		if _, err := conn.Write(make([]byte, size)); err != nil {
			t.Fatal(err)
		}
		receive(t, conn, "PUT").want(t, 200, "")
	})
}

// A client on a slow link takes less within the timeout than the kernel waits
// for until it calls a socket writable.
func TestASlowLinkBehindALargeBuffer(t *testing.T) {
	unhurried(t, 800*time.Millisecond, slowLink)
}

func slowLink(t testing.TB, d time.Duration) {
	g := newRig(t, func(o *Options) { o.StallTimeout = d })
	g.store.put("large", 64<<20)
	// A small window is like a slow link: each byte that is taken makes room.
	dialer := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		return errors.Join(raw.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 32<<10) }), err)
	}}
	conn, err := dialer.DialContext(t.Context(), "tcp", g.objects)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET /bkt/large HTTP/1.1\r\nHost: h\r\nAuthorization: %s\r\n\r\n", basic(testAccess, testSecret))
	slow := &slowly{r: conn, rate: int(160 << 10 * int64(time.Second) / int64(d))}
	for began := time.Now(); time.Since(began) < 5*d; {
		if _, err := slow.Read(make([]byte, 64<<10)); err != nil {
			t.Fatalf("after %v: %v", time.Since(began), err)
		}
		if time.Since(began) > d*5/4 && testutil.ToFloat64(g.metrics.inFlight) != 1 {
			t.Fatalf("cut after %v, having read %d bytes", time.Since(began), slow.n)
		}
	}
}
