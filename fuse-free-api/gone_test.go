package api

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// A client that disappears in the middle of a body, either way and by either
// protocol, leaves nothing behind: no request, no connection, no goroutine.
func TestAClientThatDisappears(t *testing.T) {
	const size = 64 << 20
	plain, secure := newRig(t), newSecureRig(t)
	type client struct {
		g    *rig
		dial func() (net.Conn, func(hard bool))
	}
	tcp := func(g *rig) (net.Conn, func(bool)) {
		conn := dial(t, g.objects)
		return conn, func(hard bool) {
			if hard {
				_ = conn.SetLinger(0)
			}
			_ = conn.Close()
		}
	}
	clients := map[string]client{
		"plain": {plain, func() (net.Conn, func(bool)) { return tcp(plain) }},
		"TLS": {secure.rig, func() (net.Conn, func(bool)) {
			conn, end := tcp(secure.rig)
			config := secure.trust(t)
			config.ServerName = "127.0.0.1"
			return tls.Client(conn, config), end
		}},
	}
	gone := func(t *testing.T, g *rig, before int) {
		t.Helper()
		eventually(t, "nothing is left of it", func() bool {
			return testutil.ToFloat64(g.metrics.inFlight) == 0 && testutil.ToFloat64(g.metrics.connections) == 0 && runtime.NumGoroutine() <= before
		})
	}
	// What the servers begin when they start is theirs, and may come late.
	plain.do("GET", "/bkt?location", "").want(t, 200, "")
	awaitStill(t)
	for name, c := range clients {
		c.g.store.put("large", size)
		for _, hard := range []bool{false, true} {
			for _, method := range []string{"PUT", "GET"} {
				t.Run(fmt.Sprintf("%s,%s,hard=%v", name, method, hard), func(t *testing.T) {
					before := runtime.NumGoroutine()
					conn, end := c.dial()
					request := "PUT /bkt/gone HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\nAuthorization: %s\r\n\r\n" + strings.Repeat("x", 10_000)
					if method == "GET" {
						request = "GET /bkt/large HTTP/1.1\r\nHost: h\r\nAuthorization: %s\r\n\r\n"
					}
					fmt.Fprintf(conn, request, basic(testAccess, testSecret))
					if method == "GET" {
						if _, err := io.ReadFull(conn, make([]byte, 100_000)); err != nil {
							t.Fatal(err)
						}
					}
					eventually(t, "the request is there", func() bool { return testutil.ToFloat64(c.g.metrics.inFlight) == 1 })
					end(hard)
					gone(t, c.g, before)
				})
			}
		}
	}
	for _, method := range []string{"PUT", "GET"} {
		t.Run("HTTP/2,"+method, func(t *testing.T) {
			before := runtime.NumGoroutine()
			r, w := io.Pipe()
			client, conns := secure.onConnections(t)
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				request := secure.request(t.Context(), "GET", "/bkt/large", nil)
				if method == "PUT" {
					request = secure.request(t.Context(), "PUT", "/bkt/gone", r)
				}
				if resp, err := client.Do(request); err == nil {
					_, _ = io.Copy(io.Discard, &slowly{r: resp.Body, rate: 1 << 20})
					_ = resp.Body.Close()
				}
			}()
			if method == "PUT" {
				_, _ = w.Write(make([]byte, 10_000))
			}
			eventually(t, "the request is there", func() bool { return testutil.ToFloat64(secure.metrics.inFlight) == 1 })
			_ = (<-conns).Close()
			_ = w.Close()
			<-ended
			gone(t, secure.rig, before)
		})
	}
	plain.wantNothingBut("large")
	secure.wantNothingBut("large")
}

// awaitStill waits until the number of goroutines has not changed for a while.
func awaitStill(t *testing.T) {
	t.Helper()
	last, since := 0, time.Now()
	eventually(t, "no goroutine begins or ends", func() bool {
		if n := runtime.NumGoroutine(); n != last {
			last, since = n, time.Now()
		}
		return time.Since(since) > 200*time.Millisecond
	})
}

func (g *rig) wantNothingBut(key string) {
	g.t.Helper()
	if keys := g.keys(); len(keys) != 1 || keys[0] != key {
		g.t.Errorf("stored: %q", keys)
	}
}
