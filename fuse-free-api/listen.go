package api

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// ErrNotLoopback says that an address is reachable from other machines.
var ErrNotLoopback = errors.New("not a loopback address")

// CheckLoopback refuses a host:port that other machines can reach: without
// TLS, requests carry the secret for all to read. A name other than localhost is
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
	return fmt.Errorf("listen address %q: %w: without a TLS certificate, Holdfast listens on 127.0.0.1 or [::1] only", hostport, ErrNotLoopback)
}

// limitListener accepts at most cap(slots) connections at a time; further
// ones wait in the kernel's queue. Its connections cut clients that stall.
type limitListener struct {
	net.Listener
	logger *slog.Logger
	slots  chan struct{}
	stall  time.Duration
	gauge  prometheus.Gauge // may be nil
	closed chan struct{}
	once   sync.Once
	corks  corks
}

func newLimitListener(inner net.Listener, limit int, stall time.Duration, gauge prometheus.Gauge, logger *slog.Logger) *limitListener {
	return &limitListener{Listener: inner, logger: logger, slots: make(chan struct{}, limit), stall: stall, gauge: gauge, closed: make(chan struct{})}
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
		if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
			// net/http waits a little and tries again; nobody would see why.
			l.logger.Error("no connection can be accepted", slog.Any("error", err),
				slog.String("do", "let the process have more open files (ulimit -n, LimitNOFILE=), or lower --max-connections"))
		}
		return nil, err
	}
	if l.gauge != nil {
		l.gauge.Inc()
	}
	return &stallConn{Conn: conn, stall: l.stall, corks: &l.corks, release: sync.OnceFunc(func() {
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
