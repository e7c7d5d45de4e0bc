package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestConnectionFigures measures what 2,000 idle connections and 500 uploads of a byte a second take: the daemon's
// memory, and what other clients are served meanwhile, beside the same without them; once plain, once over TLS.
// HOLDFAST_FIGURES=1.
func TestConnectionFigures(t *testing.T) {
	if os.Getenv("HOLDFAST_FIGURES") == "" {
		t.Skip("measures for a minute: set HOLDFAST_FIGURES=1")
	}
	t.Logf("machine: %s", machine(t))
	t.Run("plain", func(t *testing.T) { connectionFigures(t, false) })
	t.Run("TLS", func(t *testing.T) { connectionFigures(t, true) })
}

func connectionFigures(t *testing.T, secure bool) {
	const (
		idle, trickling = 2000, 500
		span            = 5 * time.Second
		mostBytes       = 256 << 20
	)
	d := newProcess(t, 6, "--log-level", "warn")
	if secure {
		pair := newTestPair(t)
		d.flags = append(d.flags, "--tls-cert", pair.cert, "--tls-key", pair.key)
		d.authority = pair.cert
	}
	d.begin()
	var next int64
	measure := func(name string) {
		putBegan, first := time.Now(), next
		next += d.putSmallFrom(first, func() bool { return time.Since(putBegan) < span })
		puts := float64(next-first) / time.Since(putBegan).Seconds()
		var gets atomic.Int64
		began := time.Now()
		d.clients(func(ctx context.Context, client int) error {
			rng := rand.New(rand.NewPCG(uint64(client), 0))
			for time.Since(began) < span {
				if err := d.getSmall(ctx, rng.Int64N(next)); err != nil {
					return err
				}
				gets.Add(1)
			}
			return nil
		})
		rate := float64(gets.Load()) / time.Since(began).Seconds()
		resident, peak := d.residentMemory(), d.peakMemory()
		t.Logf("%s: %.0f MiB resident (peak since the start: %.0f); %d other clients, 4 KiB: PUT %.0f/s, GET %.0f/s", name,
			float64(resident)/(1<<20), float64(peak)/(1<<20), figureClients, puts, rate)
		if peak > mostBytes {
			t.Errorf("%d MiB were resident, the bound is %d", peak>>20, mostBytes>>20)
		}
	}
	measure("to warm up")
	measure("none")
	opened := time.Now()
	crowd := d.crowd(idle, trickling)
	t.Logf("%d idle and %d trickling connections opened in %v", idle, trickling, time.Since(opened).Round(time.Millisecond))
	measure(fmt.Sprintf("%d idle, %d trickling", idle, trickling))
	if n := d.metricValue("holdfast_http_requests_in_flight"); n != trickling {
		t.Errorf("%v requests are in flight, %d trickle", n, trickling)
	}
	if n := d.metricValue("holdfast_http_connections"); n < idle+trickling {
		t.Errorf("%v connections are open, want at least %d", n, idle+trickling)
	}
	crowd.end()
	left := time.Now()
	d.awaitMetric("holdfast_http_requests_in_flight 0")
	d.wantIdleMemory()
	t.Logf("all of it freed %v after they left", time.Since(left).Round(time.Millisecond))
	measure("none again")
	d.stop()
}

// putSmallFrom is putSmall for objects from first on.
func (d *process) putSmallFrom(first int64, goOn func() bool) int64 {
	d.t.Helper()
	var next atomic.Int64
	d.clients(func(ctx context.Context, _ int) error {
		for goOn() {
			i := first + next.Add(1) - 1
			if _, err := d.put(ctx, testBucket, smallKey(i), bytes.NewReader(smallBody(i)), figureSmall, nil); err != nil {
				return err
			}
		}
		return nil
	})
	return next.Load()
}

// crowd is connections that do nothing, and others that hardly do anything.
type crowd struct {
	conns []net.Conn
	stop  chan struct{}
	done  sync.WaitGroup
}

// crowd opens connections that stay idle behind a request, and uploads that send a byte a second.
func (d *process) crowd(idle, trickling int) *crowd {
	d.t.Helper()
	c := &crowd{stop: make(chan struct{})}
	d.t.Cleanup(func() { c.end() })
	basic := base64.StdEncoding.EncodeToString([]byte(scriptAccess + ":" + scriptSecret))
	answer := make([]byte, 64<<10)
	for range idle {
		conn := d.dial()
		c.conns = append(c.conns, conn)
		fmt.Fprintf(conn, "HEAD /%s HTTP/1.1\r\nHost: x\r\nAuthorization: Basic %s\r\n\r\n", testBucket, basic)
		if n, err := conn.Read(answer); err != nil || !bytes.HasPrefix(answer[:n], []byte("HTTP/1.1 200 ")) {
			d.t.Fatalf("HEAD: %v %.100q", err, answer[:n])
		}
	}
	for i := range trickling {
		conn := d.dial()
		c.conns = append(c.conns, conn)
		fmt.Fprintf(conn, "PUT /%s/trickle/%d HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\nAuthorization: Basic %s\r\n\r\nx", testBucket, i, basic)
	}
	slow := c.conns[idle:]
	c.done.Go(func() {
		for tick := time.Tick(time.Second); ; {
			select {
			case <-c.stop:
				return
			case <-tick:
			}
			for _, conn := range slow {
				if _, err := conn.Write([]byte("x")); err != nil {
					d.t.Errorf("a trickling upload was cut: %v", err)
					return
				}
			}
		}
	})
	return c
}

// end closes all connections at once. It may be called again.
func (c *crowd) end() {
	if c.conns == nil {
		return
	}
	close(c.stop)
	c.done.Wait()
	for _, conn := range c.conns {
		if secure, ok := conn.(*tls.Conn); ok {
			conn = secure.NetConn() // without a word, as one that disappears
		}
		conn.Close()
	}
	c.conns = nil
}

// dial is a bare connection to the object listener.
func (d *process) dial() net.Conn {
	d.t.Helper()
	scheme, address, _ := strings.Cut(d.ready.Endpoint, "://")
	conn, err := net.Dial("tcp", address)
	if err != nil {
		d.t.Fatal(err)
	}
	if scheme != "https" {
		return conn
	}
	secure := tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	if err := secure.HandshakeContext(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
	return secure
}

// residentMemory is what the daemon has resident now, where the system tells; 0 elsewhere.
func (d *process) residentMemory() int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.child.command.Process.Pid))
	if err != nil {
		return 0
	}
	kib, _ := strconv.ParseInt(procField(string(text), "VmRSS:"), 10, 64)
	return kib << 10
}

// metricValue is that of a metric without labels.
func (d *process) metricValue(name string) float64 {
	d.t.Helper()
	for line := range strings.Lines(string(d.metrics())) {
		if text, found := strings.CutPrefix(line, name+" "); found {
			value, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
			if err != nil {
				d.t.Fatal(err)
			}
			return value
		}
	}
	d.t.Fatalf("there is no metric %s", name)
	return 0
}

// TestClientsThatDisappear kills connections in the middle of uploads and downloads, large and small: everything that
// they took is free at once, and nothing of them is stored.
func TestClientsThatDisappear(t *testing.T) {
	t.Parallel()
	d := newProcess(t, 4, "--segment-size", "8MiB")
	d.begin()
	s := newShelf()
	there := content{1, 24 << 20}
	if err := d.store(t.Context(), s, "there", there); err != nil {
		t.Fatal(err)
	}
	d.close()
	d.awaitMetric("holdfast_http_connections 0")
	before := d.metricValue("go_goroutines")
	var conns []net.Conn
	for i := range 20 {
		size := []int64{100, 20_000, 300_000, 8 << 20}[i%4]
		conns = append(conns, brokenPut(t, d, fmt.Sprintf("gone%d", i), fmt.Sprintf("Content-Length: %d", size), content{1, size}, size/2))
		conn := d.dial()
		basic := base64.StdEncoding.EncodeToString([]byte(scriptAccess + ":" + scriptSecret))
		fmt.Fprintf(conn, "GET /%s/there HTTP/1.1\r\nHost: x\r\nAuthorization: Basic %s\r\n\r\n", testBucket, basic)
		if _, err := io.ReadFull(conn, make([]byte, 100_000)); err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
	}
	d.awaitMetric(fmt.Sprintf("holdfast_http_requests_in_flight %d", len(conns)))
	for i, conn := range conns {
		if i%3 == 0 {
			_ = conn.(*net.TCPConn).SetLinger(0) // a reset, not an end
		}
		conn.Close()
	}
	began := time.Now()
	d.awaitMetric("holdfast_http_requests_in_flight 0")
	d.wantIdleMemory()
	d.awaitMetric("holdfast_http_connections 0")
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v until all was free", took)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		after := d.metricValue("go_goroutines")
		if after <= before+5 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%v goroutines, before there were %v", after, before)
		}
	}
	d.wantAll(s)
}
