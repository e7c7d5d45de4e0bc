package api

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
)

// countedListener counts the writes of its connections.
type countedListener struct {
	net.Listener
	writes atomic.Int64
}

type countedConn struct {
	net.Conn
	writes *atomic.Int64
}

func (l *countedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return countedConn{conn, &l.writes}, err
}

func (c countedConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

// The headers and a small body leave in one piece, and nothing of a body is lost where they do not.
func TestSmallBodiesTakeOneWrite(t *testing.T) {
	g := newRig(t)
	counted := &countedListener{}
	addr, stop := listenAndServe(t, func(ctx context.Context, ln net.Listener) error {
		counted.Listener = ln
		return g.ServeObjects(ctx, counted)
	})
	defer func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	}()
	meta := []Pair{{Name: "long", Value: strings.Repeat("m", 5<<10)}} // more than net/http's buffer has room for
	for _, test := range []struct {
		size, most int
		meta       []Pair
	}{
		{1, 1, nil}, {1 << 10, 1, nil}, {2 << 10, 1, nil}, {4 << 10, 1, nil}, {4 << 10, 1, meta},
		{int(corkedTo), 1, nil}, {int(corkedTo), 2, meta}, {int(corkedTo) + 1, 0, nil}, {1 << 20, 0, nil},
	} {
		body := strings.Repeat("0123456789abcdef", test.size/16+1)[:test.size]
		g.store.mu.Lock()
		g.store.buckets["bkt"].objects["k"] = &fakeObject{s: g.store, body: []byte(body), info: ObjectInfo{Size: int64(test.size), ETag: "x", Meta: test.meta}}
		g.store.mu.Unlock()
		counted.writes.Store(0)
		request := fmt.Sprintf("GET /bkt/k HTTP/1.1\r\nHost: h\r\nAuthorization: %s\r\n\r\n", basic(testAccess, testSecret))
		a := send(t, addr, "GET", request).want(t, 200, "")
		if a.body != body {
			t.Errorf("%d bytes came of %d, or others", len(a.body), test.size)
		}
		if n := counted.writes.Load(); test.most > 0 && n > int64(test.most) {
			t.Errorf("%d bytes and %d of headers took %d writes", test.size, len(fmt.Sprint(test.meta)), n)
		}
	}
}
