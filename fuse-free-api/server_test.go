package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestCheckLoopback(t *testing.T) {
	for addr, ok := range map[string]bool{
		"127.0.0.1:9000": true, "127.3.2.1:0": true, "[::1]:9000": true, "localhost:9000": true, "[::ffff:127.0.0.1]:9000": true,
		":9000": false, "0.0.0.0:9000": false, "[::]:9000": false, "192.168.1.2:9000": false, "example.org:9000": false, "localhost.example.org:9000": false,
		"[fe80::1]:9000": false, "128.0.0.1:9000": false,
	} {
		err := CheckLoopback(addr)
		if (err == nil) != ok || err != nil && !errors.Is(err, ErrNotLoopback) {
			t.Errorf("%s: %v", addr, err)
		}
	}
	for _, addr := range []string{"", "127.0.0.1", "127.0.0.1:1:2"} {
		if CheckLoopback(addr) == nil {
			t.Errorf("%q: taken", addr)
		}
	}
}

func TestListenersMustBeLoopback(t *testing.T) {
	g := newRig(t)
	for _, serve := range []func(context.Context, net.Listener) error{g.ServeObjects, g.ServeAdmin} {
		ln, err := net.Listen("tcp", "0.0.0.0:0")
		if err != nil {
			t.Fatal(err)
		}
		if err := serve(t.Context(), ln); !errors.Is(err, ErrNotLoopback) {
			t.Errorf("%v", err)
		}
		if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("the listener was left open: %v", err)
		}
	}
}

// Bytes that are no HTTP, and requests that are nearly some, end their own
// connection at the most.
func TestGarbage(t *testing.T) {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	g := newRig(t, func(o *Options) { o.StallTimeout, o.HeaderTimeout = 100*time.Millisecond, 100*time.Millisecond })
	valid := "PUT /bkt/k?x-id=y HTTP/1.1\r\nHost: h\r\nAuthorization: " + basic(testAccess, "wrong") +
		"\r\nContent-Length: 5\r\nx-amz-meta-a: b\r\nIf-Match: \"x\"\r\n\r\nhello"
	for range 300 {
		raw := []byte(valid)
		if rng.IntN(3) == 0 {
			raw = make([]byte, rng.IntN(2000))
			for i := range raw {
				raw[i] = byte(rng.Uint32())
			}
		}
		for range rng.IntN(6) {
			if len(raw) > 0 {
				raw[rng.IntN(len(raw))] = byte(rng.Uint32())
			}
		}
		conn := dial(t, g.objects)
		_, _ = conn.Write(raw[:rng.IntN(len(raw)+1)])
		if rng.IntN(2) == 0 {
			_ = conn.CloseWrite()
			_, _ = io.Copy(io.Discard, conn)
		}
		_ = conn.Close()
	}
	g = newRig(t)
	for _, raw := range []string{"\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
		"PUT /bkt/k HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", "PUT /bkt/k HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
		"GET / HTTP/1.1\r\nHost: h\r\nX: " + strings.Repeat("x", 2*maxHeaderBytes) + "\r\n\r\n", "GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n"} {
		conn := dial(t, g.objects)
		_, _ = io.WriteString(conn, raw)
		_ = conn.CloseWrite()
		answer, _ := io.ReadAll(conn)
		if !strings.HasPrefix(string(answer), "HTTP/1.1 4") && !strings.HasPrefix(string(answer), "HTTP/1.1 5") {
			t.Errorf("%.60q: %.60q", raw, answer)
		}
		_ = conn.Close()
	}
	g.wantNothing()
	g.do("PUT", "/bkt/k", "fine").want(t, 200, "")
}

func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

// A client that does not read is cut; its handler ends.
func TestStalledReaderIsCut(t *testing.T) {
	g := newRig(t, func(o *Options) { o.StallTimeout = 200 * time.Millisecond })
	g.store.buckets["bkt"].objects["k"] = &fakeObject{s: g.store, body: make([]byte, 64<<20), info: ObjectInfo{Size: 64 << 20, ETag: "x"}}
	conn := dial(t, g.objects)
	defer conn.Close()
	fmt.Fprintf(conn, "GET /bkt/k HTTP/1.1\r\nHost: h\r\nAuthorization: %s\r\n\r\n", basic(testAccess, testSecret))
	eventually(t, "the request is cut", func() bool {
		return testutil.ToFloat64(g.metrics.requests.WithLabelValues("GetObject", "cut")) == 1 && testutil.ToFloat64(g.metrics.inFlight) == 0
	})
	if n, err := io.Copy(io.Discard, conn); n >= 64<<20 {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// A client that reads slowly gets all, though it takes several timeouts and
// single writes take longer than one.
func TestSlowReaderIsServed(t *testing.T) {
	unhurried(t, 700*time.Millisecond, func(t testing.TB, d time.Duration) {
		g := newRig(t, func(o *Options) { o.StallTimeout = d })
		const size = 12 << 20
		g.store.put("k", size)
		conn := dial(t, g.objects)
		defer conn.Close()
		if err := conn.SetReadBuffer(64 << 10); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "GET /bkt/k HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: %s\r\n\r\n", basic(testAccess, testSecret))
		began := time.Now()
		total := 0
		buf := make([]byte, 64<<10)
		for {
			n, err := conn.Read(buf)
			total += n
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("after %d bytes and %v: %v", total, time.Since(began), err)
			}
			// 3.5 MiB for each timeout, whatever the kernel hands out at a time.
			time.Sleep(time.Until(began.Add(d * time.Duration(total) / (7 << 19))))
		}
		if total < size {
			t.Errorf("%d bytes of %d after %v", total, size, time.Since(began))
		}
	})
}

// A commit may take longer than StallTimeout: the client did its part.
func TestSlowCommitIsNotAStall(t *testing.T) {
	unhurried(t, 100*time.Millisecond, func(t testing.TB, d time.Duration) {
		g := newRig(t, func(o *Options) { o.StallTimeout = d })
		g.store.beforePut = func(ctx context.Context) {
			select {
			case <-ctx.Done():
			case <-time.After(4 * d):
			}
			if ctx.Err() != nil {
				t.Errorf("the request was given up: %v", ctx.Err())
			}
		}
		g.do("PUT", "/bkt/k", "body").want(t, 200, "")
		send(t, g.objects, "PUT", "PUT /bkt/k HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nAuthorization: "+basic(testAccess, testSecret)+"\r\n\r\n1\r\nx\r\n0\r\n\r\n").want(t, 200, "")
		g.do("PUT", "/bkt/k", "").want(t, 200, "")
	})
}

func TestHeadersMustComeInTime(t *testing.T) {
	g := newRig(t, func(o *Options) { o.HeaderTimeout = 100 * time.Millisecond })
	conn := dial(t, g.objects)
	defer conn.Close()
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHos")
	if _, err := io.Copy(io.Discard, conn); err != nil && isTimeout(err) {
		t.Errorf("the connection stays: %v", err)
	}
}

func TestConnectionLimit(t *testing.T) {
	g := newRig(t, func(o *Options) { o.MaxConnections = 2 })
	first, second := dial(t, g.objects), dial(t, g.objects)
	defer first.Close()
	defer second.Close()
	eventually(t, "two connections", func() bool { return testutil.ToFloat64(g.metrics.connections) == 2 })
	third := dial(t, g.objects)
	defer third.Close()
	fmt.Fprintf(third, "GET / HTTP/1.1\r\nHost: h\r\nAuthorization: %s\r\n\r\n", basic(testAccess, testSecret))
	_ = third.SetReadDeadline(time.Now().Add(150 * time.Millisecond))
	if n, err := third.Read(make([]byte, 1)); n > 0 || !errors.Is(err, context.DeadlineExceeded) && !isTimeout(err) {
		t.Fatalf("a third connection is served: %d, %v", n, err)
	}
	_ = first.Close()
	_ = third.SetReadDeadline(time.Now().Add(time.Minute))
	receive(t, third, "GET").want(t, 200, "")
}

func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

// The end lets what runs finish, takes nothing new, and is not ready.
func TestDrain(t *testing.T) {
	g := newRig(t)
	entered, release := make(chan struct{}), make(chan struct{})
	g.store.beforePut = func(context.Context) {
		close(entered)
		<-release
	}
	conn := dial(t, g.objects)
	defer conn.Close()
	fmt.Fprintf(conn, "PUT /bkt/k HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nAuthorization: %s\r\n\r\nx", basic(testAccess, testSecret))
	<-entered
	if a := send(t, g.adminAt, "GET", "GET /health/ready HTTP/1.1\r\nHost: h\r\n\r\n"); a.status != 200 {
		t.Errorf("ready: %d", a.status)
	}
	stopped := make(chan error)
	go func() { stopped <- g.stop() }()
	eventually(t, "the listener is closed", func() bool {
		c, err := net.Dial("tcp", g.objects)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	if a := send(t, g.adminAt, "GET", "GET /health/ready HTTP/1.1\r\nHost: h\r\n\r\n"); a.status != 503 {
		t.Errorf("ready while draining: %d", a.status)
	}
	select {
	case err := <-stopped:
		t.Fatalf("ended with a request running: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(release)
	receive(t, conn, "PUT").want(t, 200, "")
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestDrainHasAnEnd(t *testing.T) {
	g := newRig(t, func(o *Options) { o.DrainTimeout = 50 * time.Millisecond })
	entered := make(chan struct{})
	g.store.beforePut = func(ctx context.Context) {
		close(entered)
		<-ctx.Done()
	}
	conn := dial(t, g.objects)
	defer conn.Close()
	fmt.Fprintf(conn, "PUT /bkt/k HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nAuthorization: %s\r\n\r\nx", basic(testAccess, testSecret))
	<-entered
	if err := g.stop(); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func TestAFailedListenerIsReported(t *testing.T) {
	g := newRig(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close()
	if err := g.ServeObjects(t.Context(), ln); !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v", err)
	}
}
