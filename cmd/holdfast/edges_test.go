package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSecondDaemon starts a daemon over drives that another one serves: all of them, one of them, and asked to make a
// pool. It is refused and changes nothing.
func TestSecondDaemon(t *testing.T) {
	t.Parallel()
	d := newProcess(t, 3)
	d.begin()
	s := newShelf()
	d.fill(s, "a", 5, rand.New(rand.NewPCG(seedOf(t), 0)))
	for _, args := range [][]string{d.dirs, {d.dirs[0], d.dirs[1]}, append([]string{"--init"}, d.dirs...)} {
		if said := d.refused(exitFailed, args...); !strings.Contains(said, "another holdfast serves these drives") {
			t.Errorf("serve %v says:\n%s", args, said)
		}
	}
	d.fill(s, "b", 5, rand.New(rand.NewPCG(1, 0)))
	d.wantAll(s)
	if out, code := d.run("status"); code != exitDone {
		t.Errorf("status gives %d:\n%s", code, out)
	}
}

// TestBusyPort takes each of the two ports away. The message names the flag, the variable and a remedy, and no drive is
// made.
func TestBusyPort(t *testing.T) {
	t.Parallel()
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	for flag, env := range map[string]string{"--listen": "HOLDFAST_LISTEN", "--admin": "HOLDFAST_ADMIN"} {
		d := newProcess(t, 3)
		said := d.refused(exitFailed, append([]string{flag, busy.Addr().String(), "--init"}, d.dirs...)...)
		for _, want := range []string{flag + " " + busy.Addr().String(), "another process has this port", "hint: ", env} {
			if !strings.Contains(said, want) {
				t.Errorf("it does not say %q:\n%s", want, said)
			}
		}
		if _, err := os.Stat(d.dirs[0]); err == nil {
			t.Error("a drive was made")
		}
	}
}

// slowBody gives half of its content at once, and the rest when it is told to.
type slowBody struct {
	first, second io.Reader
	sent          chan<- struct{} // closed when the first half is asked for no more
	goOn          <-chan struct{}
}

func newSlowBody(c content) (body *slowBody, sent <-chan struct{}, goOn chan<- struct{}) {
	whole, s, g := c.reader(), make(chan struct{}), make(chan struct{})
	return &slowBody{first: io.LimitReader(whole, c.size/2), second: whole, sent: s, goOn: g}, s, g
}

func (b *slowBody) Read(p []byte) (int, error) {
	if b.first != nil {
		n, err := b.first.Read(p)
		if !errors.Is(err, io.EOF) {
			return n, err
		}
		b.first = nil
		close(b.sent)
		<-b.goOn
	}
	return b.second.Read(p)
}

// TestDrain ends the daemon with SIGTERM while an upload, large or small, is half-way: it takes no more requests, lets
// the upload finish, acknowledges it, ends with exit code 0, and the object is there.
func TestDrain(t *testing.T) {
	t.Parallel()
	for _, size := range []int64{10_000, 3 << 20} {
		t.Run(fmt.Sprintf("size=%d", size), func(t *testing.T) {
			d := newProcess(t, 3)
			d.begin()
			c := content{size: size, seed: 7}
			body, sent, goOn := newSlowBody(c)
			put := make(chan error, 1)
			slow := d.client
			go func() { // ends with the daemon at the latest
				_, err := slow.put(context.WithoutCancel(t.Context()), testBucket, "slow", body, c.size, nil)
				put <- err
			}()
			<-sent
			d.awaitMetric("holdfast_http_requests_in_flight 1") // sent is not yet taken in
			child := d.child
			if err := child.command.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			// It accepts no connection any more, and says so where it is asked.
			deadline := time.Now().Add(30 * time.Second)
			for {
				conn, err := net.Dial("tcp", strings.TrimPrefix(d.ready.Endpoint, "http://"))
				if err != nil {
					break
				}
				conn.Close()
				if time.Now().After(deadline) {
					t.Fatal("it goes on accepting connections")
				}
				time.Sleep(10 * time.Millisecond)
			}
			resp, err := http.Get(d.ready.AdminURL + "/health/ready")
			if err != nil {
				t.Errorf("health while draining: %v", err)
			} else {
				if resp.Body.Close(); resp.StatusCode != http.StatusServiceUnavailable {
					t.Errorf("ready while draining: %d", resp.StatusCode)
				}
			}
			select {
			case <-child.exited:
				t.Fatal("it did not wait for the upload")
			case err := <-put:
				t.Fatalf("the upload ended early: %v", err)
			case <-time.After(300 * time.Millisecond):
			}
			close(goOn)
			if err := <-put; err != nil {
				t.Errorf("the upload was not acknowledged: %v", err)
			}
			slow.close()
			select {
			case <-child.exited:
			case <-time.After(30 * time.Second):
				t.Fatal("it does not end once the upload has")
			}
			d.gone()
			if code := child.exitCode(); code != exitDone {
				t.Errorf("exit code %d", code)
			}
			d.start()
			s := newShelf()
			s.note("slow", c)
			d.wantAll(s)
		})
	}
}

// brokenPut is a PUT over a bare connection, so that it can end as no client library would let it.
func brokenPut(t *testing.T, d *process, key, header string, body content, sent int64) (conn net.Conn) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(d.ready.Endpoint, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	basic := base64.StdEncoding.EncodeToString([]byte(scriptAccess + ":" + scriptSecret))
	fmt.Fprintf(conn, "PUT /%s/%s HTTP/1.1\r\nHost: x\r\nAuthorization: Basic %s\r\n%s\r\n\r\n", testBucket, key, basic, header)
	_, _ = io.CopyN(conn, body.reader(), sent) // the daemon may have refused it by the header, and hung up
	return conn
}

// TestBrokenBodies sends bodies that end too early, are longer than announced, or are broken in their framing, small
// and large. None of them stores anything or replaces what is there, and no memory stays taken.
func TestBrokenBodies(t *testing.T) {
	t.Parallel()
	d := newProcess(t, 4, "--segment-size", "8MiB")
	d.begin()
	s := newShelf()
	there := content{1, 5000}
	if err := d.store(t.Context(), s, "there", there); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int64{100, 20_000, 300_000, 4 << 20} {
		for _, key := range []string{"new", "there"} {
			body := content{uint64(size), size}
			for name, header := range map[string]string{
				"truncated":        fmt.Sprintf("Content-Length: %d", size),
				"truncated chunk":  fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x", size),
				"no last chunk":    fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x", size-1),
				"no chunk at all":  "Transfer-Encoding: chunked",
				"two lengths":      fmt.Sprintf("Content-Length: %d\r\nContent-Length: %d", size, size-1),
				"wrong checksum":   fmt.Sprintf("Content-MD5: 1B2M2Y8AsgTpgAmY7PhCfg==\r\nContent-Length: %d", size-1),
				"length too large": fmt.Sprintf("Content-Length: %d", int64(6)<<40),
			} {
				conn := brokenPut(t, d, key, header, body, size-1)
				half, ok := conn.(*net.TCPConn)
				if ok {
					_ = half.CloseWrite() // the daemon may have hung up already
				}
				answer, _ := io.ReadAll(io.LimitReader(conn, 1<<10)) // it need not answer
				conn.Close()
				if line, _, _ := strings.Cut(string(answer), "\r\n"); strings.Contains(line, " 2") && !strings.Contains(line, " 100 ") {
					t.Errorf("%s, %d bytes to %q: %q", name, size, key, line)
				}
			}
			// Longer than announced: the rest is not part of the object, nor does it become a request.
			conn := brokenPut(t, d, "over", fmt.Sprintf("Content-Length: %d\r\nConnection: close", size), content{uint64(size), size + 1000}, size+1000)
			_, _ = io.Copy(io.Discard, conn)
			conn.Close()
			s.note("over", content{uint64(size), size})
			d.wantAll(s)
		}
	}
	d.wantIdleMemory()
	d.kill()
	d.start()
	d.wantAll(s)
}

// wantIdleMemory wants every buffer of the budget to be given back.
func (d *process) wantIdleMemory() {
	d.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		used := d.inside().Memory.UsedBytes
		if used != nil && *used == 0 {
			return
		}
		if time.Now().After(deadline) {
			d.t.Fatalf("a part of the memory budget is still taken: %v", used)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestStalledBody lets clients stall in the middle of a body. Each is cut once nothing has come for 30 s, nothing is
// stored, and meanwhile others are served. The clients begin before the test lets others run beside it, and wait while
// those run.
func TestStalledBody(t *testing.T) {
	if testing.Short() {
		t.Skip("not in short mode: it waits out the real 30 s after which a stalled client is cut")
	}
	d := newProcess(t, 3)
	d.begin()
	type cut struct {
		answer []byte
		err    error
		after  time.Duration
	}
	sizes := []int64{100, 100_000, 4 << 20}
	cuts := make(chan cut, len(sizes))
	for i, size := range sizes {
		conn := brokenPut(t, d, fmt.Sprintf("stalled%d", i), fmt.Sprintf("Content-Length: %d", size), content{1, size}, size/2)
		began := time.Now()
		if err := conn.SetReadDeadline(began.Add(50 * time.Second)); err != nil {
			t.Fatal(err)
		}
		go func() { // ends with the daemon at the latest
			defer conn.Close()
			answer, err := io.ReadAll(io.LimitReader(conn, 4<<10))
			cuts <- cut{answer, err, time.Since(began)}
		}()
	}
	t.Parallel()
	s := newShelf()
	d.fill(s, "meanwhile", 20, rand.New(rand.NewPCG(seedOf(t), 0)))
	d.wantAll(s)
	for range sizes {
		c := <-cuts
		if c.err != nil || c.after < 25*time.Second {
			t.Errorf("a stalled client was cut after %v: %v", c.after, c.err)
		}
		if !strings.HasPrefix(string(c.answer), "HTTP/1.1 400 ") || !strings.Contains(string(c.answer), "RequestTimeout") {
			t.Errorf("a stalled client is told %q", c.answer)
		}
	}
	d.wantAll(s)
	d.wantIdleMemory()
}

// TestOneOfTwo has a pool of two drives lose one, while it runs and between two starts: it then is read-only, serves
// everything and refuses every change; with both there it takes changes again.
func TestOneOfTwo(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(seedOf(t), 0))
	for away := range 2 {
		for _, running := range []bool{true, false} {
			t.Run(fmt.Sprintf("drive=%d,running=%v", away+1, running), func(t *testing.T) {
				oneOfTwo(t, rng, away, running)
			})
		}
	}
}

func oneOfTwo(t *testing.T, rng *rand.Rand, away int, running bool) {
	d := newProcess(t, 2)
	d.begin()
	s := newShelf()
	d.fill(s, "a", 20, rng)
	dir := d.dirs[away]
	if !running {
		d.stop()
	}
	if err := os.Rename(dir, dir+".moved"); err != nil {
		t.Fatal(err)
	}
	if !running {
		d.start(d.dirs[1-away])
	}
	deadline := time.Now().Add(noticed)
	for {
		report, _, err := d.admin.status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if report.Pool.State == stateUnavail && len(report.away()) == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("status does not show that the pool is read-only: %+v", report)
		}
		time.Sleep(10 * time.Millisecond)
	}
	d.wantAll(s)
	d.wantNoWrites(s)
	d.wantAll(s)
	if text, code := d.run("status"); code != exitNo || !strings.Contains(text, "read-only") {
		t.Errorf("status has exit code %d:\n%s", code, text)
	}
	if resp, err := http.Get(d.ready.AdminURL + "/health/ready"); err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("ready: %v %v", resp, err)
	} else {
		resp.Body.Close()
	}
	d.stop()
	if err := os.Rename(dir+".moved", dir); err != nil {
		t.Fatal(err)
	}
	d.start()
	d.wantAll(s)
	d.fill(s, "b", 10, rng)
	d.wantAll(s)
}
