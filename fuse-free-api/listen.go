package api

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// ErrNotLoopback says that an address is reachable from other machines.
var ErrNotLoopback = errors.New("not a loopback address")

// CheckLoopback refuses a host:port that other machines can reach: requests
// carry the secret, and there is no TLS yet. A name other than localhost is
// refused, too, since what it resolves to may change.
func CheckLoopback(hostport string) error {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		return fmt.Errorf("listen address %q: %w", hostport, err)
	}
	if host == "localhost" {
		return nil
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.Unmap().IsLoopback() {
		return nil
	}
	return fmt.Errorf("listen address %q: %w: until Holdfast speaks TLS it listens on 127.0.0.1 or [::1] only", hostport, ErrNotLoopback)
}

// limitListener accepts at most cap(slots) connections at a time; further
// ones wait in the kernel's queue. Its connections cut clients that stall.
type limitListener struct {
	net.Listener
	slots  chan struct{}
	stall  time.Duration
	gauge  prometheus.Gauge // may be nil
	closed chan struct{}
	once   sync.Once
}

func newLimitListener(inner net.Listener, limit int, stall time.Duration, gauge prometheus.Gauge) *limitListener {
	return &limitListener{Listener: inner, slots: make(chan struct{}, limit), stall: stall, gauge: gauge, closed: make(chan struct{})}
}

func (l *limitListener) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	if l.gauge != nil {
		l.gauge.Inc()
	}
	return &stallConn{Conn: conn, stall: l.stall, release: sync.OnceFunc(func() {
		if l.gauge != nil {
			l.gauge.Dec()
		}
		<-l.slots
	})}, nil
}

func (l *limitListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// stallConn gives each write a deadline of its own, and goes on as long as
// some bytes were taken within it. http.ResponseController cannot do this:
// after a write that only partly succeeded, net/http cannot go on, and a
// large write to a slow client would be cut although it moves.
type stallConn struct {
	net.Conn
	stall   time.Duration
	release func()
}

func (c *stallConn) Write(p []byte) (int, error) {
	written := 0
	for {
		if err := c.SetWriteDeadline(time.Now().Add(c.stall)); err != nil {
			return written, err
		}
		n, err := c.Conn.Write(p[written:])
		written += n
		if err == nil || n == 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return written, err
		}
	}
}

// CloseWrite lets net/http end a connection so that the client can still read
// the answer to a request that was not read whole.
func (c *stallConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

func (c *stallConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}
