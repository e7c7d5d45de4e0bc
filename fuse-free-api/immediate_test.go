package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The other tests read bodies without waiting, where they can be; these are of both ways.
func eachWay(t *testing.T, stall time.Duration, test func(t *testing.T, g *rig)) {
	for _, waits := range []bool{false, true} {
		t.Run(fmt.Sprintf("waits=%v", waits), func(t *testing.T) {
			g := newRig(t, func(o *Options) { o.StallTimeout = stall })
			g.store.waits = waits
			test(t, g)
			if !waits && g.store.immediate.Load() == 0 {
				t.Error("no body was read without waiting")
			}
		})
	}
}

// A body comes as it was sent, whatever pieces it is sent in, and the connection goes on behind it.
func TestBodiesInHeaps(t *testing.T) {
	eachWay(t, 20*time.Second, func(t *testing.T, g *rig) {
		conn := dial(t, g.objects)
		defer conn.Close()
		for i, n := range []int{1, 5000, 300_000, 3 << 20} {
			body := make([]byte, n)
			_, _ = rand.NewChaCha8([32]byte{byte(i)}).Read(body)
			fmt.Fprintf(conn, "PUT /bkt/k HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\nAuthorization: %s\r\n\r\n", n, basic(testAccess, testSecret))
			for rest := body; len(rest) > 0; {
				heap := min(1+rand.IntN(200_000), len(rest))
				if _, err := conn.Write(rest[:heap]); err != nil {
					t.Fatal(err)
				}
				if rest = rest[heap:]; heap%3 == 0 {
					time.Sleep(time.Millisecond)
				}
			}
			receive(t, conn, "PUT").want(t, 200, "")
			if got := g.store.buckets["bkt"].objects["k"].body; !bytes.Equal(got, body) {
				t.Fatalf("%d bytes came, not the %d that were sent", len(got), n)
			}
		}
	})
}

// A client that stands still within a body is told so, one that leaves is noticed, and neither keeps anything.
func TestBodiesThatStop(t *testing.T) {
	begin := func(t *testing.T, g *rig) *net.TCPConn {
		conn := dial(t, g.objects)
		t.Cleanup(func() { conn.Close() })
		request := fmt.Sprintf("PUT /bkt/k HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\nAuthorization: %s\r\n\r\n", 1<<20, basic(testAccess, testSecret))
		if _, err := io.WriteString(conn, request+strings.Repeat("x", 300_000)); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	const stall = 200 * time.Millisecond
	eachWay(t, stall, func(t *testing.T, g *rig) {
		began := time.Now()
		receive(t, begin(t, g), "PUT").want(t, 400, "RequestTimeout")
		if took := time.Since(began); took < stall {
			t.Errorf("it was cut after %v", took)
		}
		g.wantNothing()
	})
	eachWay(t, 20*time.Second, func(t *testing.T, g *rig) {
		conn := begin(t, g)
		if err := conn.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		receive(t, conn, "PUT").want(t, 400, "IncompleteBody")
		g.wantNothing()
	})
}

// Where the connection's bytes are not the body's, it is read as it comes.
func TestBodiesThatAreNotTheConnections(t *testing.T) {
	g := newRig(t)
	head := "PUT /bkt/k HTTP/1.1\r\nHost: h\r\nAuthorization: " + basic(testAccess, testSecret) + "\r\n"
	send(t, g.objects, "PUT", head+"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n").want(t, 200, "")
	framed := "5\r\nhello\r\n0\r\n\r\n"
	send(t, g.objects, "PUT", fmt.Sprintf("%sContent-Encoding: aws-chunked\r\nx-amz-decoded-content-length: 5\r\nContent-Length: %d\r\n\r\n%s", head, len(framed), framed)).want(t, 200, "")
	if n := g.store.immediate.Load(); n != 0 {
		t.Errorf("%d bodies with chunks or framing were read without waiting", n)
	}
	secure := newSecureRig(t)
	for proto, client := range secure.clients() {
		ask(t, client, secure.request(t.Context(), "PUT", "/bkt/k", strings.NewReader("hello"))).want(t, 200, "")
		if n := secure.store.immediate.Load(); n != 0 {
			t.Errorf("%s with TLS: a body was read without waiting", proto)
		}
	}
	send(t, g.objects, "PUT", head+"Content-Length: 5\r\n\r\nhello").want(t, 200, "")
	if n := g.store.immediate.Load(); n != 1 {
		t.Errorf("%d plain bodies of 1 were read without waiting", n)
	}
}

// What has gone wrong with a connection is said by who waits for it, since the socket tells it once.
func TestAwaitSaysWhatWentWrong(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client := dial(t, l.Addr().String())
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = client.SetLinger(0) // it resets the connection
	client.Close()
	if err := newRawReader(conn.(*net.TCPConn)).await(); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("await: %v", err)
	}
}
