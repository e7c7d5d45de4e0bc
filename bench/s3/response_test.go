package s3

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/holdfast-storage/holdfast/bench"
)

// readAnswer takes one answer to a method apart, as it comes in big pieces and in single bytes.
func readAnswer(t *testing.T, method, wire string) (resp response, body string, err error) {
	t.Helper()
	for i, from := range []io.Reader{strings.NewReader(wire), iotest.OneByteReader(strings.NewReader(wire))} {
		in := reader{buf: make([]byte, 512)}
		in.reset(from)
		kept := keeper{most: 1 << 20}
		got, gotErr := in.head()
		if gotErr == nil {
			gotErr = in.body(&got, method == "HEAD", &kept)
		}
		if i > 0 && (got != resp || string(kept.kept) != body || (gotErr == nil) != (err == nil)) {
			t.Errorf("in single bytes it is %+v %q %v, else %+v %q %v", got, kept.kept, gotErr, resp, body, err)
		}
		resp, body, err = got, string(kept.kept), gotErr
	}
	return resp, body, err
}

func TestAnswers(t *testing.T) {
	long := strings.Repeat("0123456789", 300)
	for _, c := range []struct {
		name, method, wire string
		status             int
		body               string
		close              bool
	}{
		{"length", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", false},
		{"name in any case, spaces", "GET", "HTTP/1.1 200 OK\r\ncontent-LENGTH: \t 5 \r\n\r\nhello", 200, "hello", false},
		{"the same length twice", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", false},
		{"no reason", "GET", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200, "", false},
		{"longer than the buffer", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n" + long, 200, long, false},
		{"HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200, "", false},
		{"HEAD of chunks", "HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, "", false},
		{"no content", "DELETE", "HTTP/1.1 204 No Content\r\n\r\n", 204, "", false},
		{"continue", "PUT", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, "", false},
		{"two that only announce", "PUT", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, "", false},
		{"close", "GET", "HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 2\r\n\r\nok", 200, "ok", true},
		{"until the end", "GET", "HTTP/1.1 200 OK\r\n\r\nall of it", 200, "all of it", true},
		{"an old server", "GET", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok", true},
		{"chunks", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;a=b\r\n world\r\n0\r\n\r\n", 200, "hello world", false},
		{"a long chunk", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\nBB8\r\n" + long + "\r\n0\r\n\r\n", 200, long, false},
		{"trailers", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\nY: 2\r\n\r\n", 200, "ok", false},
		{"an error", "GET", "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnope", 404, "nope", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, body, err := readAnswer(t, c.method, c.wire)
			if err != nil || resp.status != c.status || body != c.body || resp.close != c.close {
				t.Errorf("%+v %q %v", resp, body, err)
			}
		})
	}
}

func TestWrongAnswers(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	for name, wire := range map[string]string{
		"nothing":                 "",
		"garbage":                 "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n",
		"another protocol":        "SSH-2.0-OpenSSH_9.2\r\n\r\n",
		"HTTP/2":                  "HTTP/2.0 200 OK\r\n\r\n",
		"no status":               "HTTP/1.1 \r\n\r\n",
		"a status in letters":     "HTTP/1.1 2x0 OK\r\n\r\n",
		"a status of four digits": "HTTP/1.1 2000 OK\r\n\r\n",
		"switching protocols":     "HTTP/1.1 101 Switching Protocols\r\n\r\n",
		"a head cut short":        ok + "Content-Length: 5\r\n",
		"a head without end":      ok + strings.Repeat("X: y\r\n", 200),
		"a header without name":   ok + ": 5\r\n\r\n",
		"a header without colon":  ok + "Content-Length 5\r\n\r\nhello",
		"a negative length":       ok + "Content-Length: -1\r\n\r\n",
		"a length in letters":     ok + "Content-Length: five\r\n\r\nhello",
		"a length past 2^63":      ok + "Content-Length: 9223372036854775808\r\n\r\n",
		"two lengths":             ok + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
		"length and chunks":       ok + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"an unknown coding":       ok + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
		"a short body":            ok + "Content-Length: 10\r\n\r\nhello",
		"a chunk cut short":       ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
		"a chunk too long":        ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello!\r\n0\r\n\r\n",
		"a chunk of no size":      ok + "Transfer-Encoding: chunked\r\n\r\nhello\r\n0\r\n\r\n",
		"an endless chunk":        ok + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
		"no last chunk":           ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
		"no end of trailers":      ok + "Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			if resp, body, err := readAnswer(t, "GET", wire); err == nil {
				t.Errorf("%+v %q", resp, body)
			}
		})
	}
}

// scripted answers each connection's requests, without bodies, with what it has for them, and then closes it.
func scripted(t *testing.T, connections ...[]string) Target {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, answers := range connections {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			in := bufio.NewReader(conn)
			for _, answer := range answers {
				for {
					if line, err := in.ReadString('\n'); err != nil || line == "\r\n" {
						break
					}
				}
				_, _ = io.WriteString(conn, answer)
			}
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { listener.Close(); <-done })
	return Target{Endpoint: "http://" + listener.Addr().String(), AccessKey: testAccess, SecretKey: testSecret, Bare: true}
}

func headLoad(t *testing.T, target Target) *Loader {
	t.Helper()
	l, err := NewLoad(target, Load{Operation: bench.Head, Size: 5, Keys: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// heads does a number of HEADs and returns the first error.
func heads(t *testing.T, l *Loader, n int) error {
	t.Helper()
	return l.each(t.Context(), func(ctx context.Context, w *worker) error {
		for range n {
			if _, done, err := w.operation(ctx, 0); err != nil || !done {
				return errors.Join(err, fmt.Errorf("done: %v", done))
			}
		}
		return nil
	})
}

const (
	fine   = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
	goaway = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"
)

// TestConnections closes them at odd moments.
func TestConnections(t *testing.T) {
	for _, c := range []struct {
		name        string
		connections [][]string
		requests    int
		want        string // of the error
	}{
		{"kept", [][]string{{fine, fine, fine}}, 3, ""},
		{"closed as announced", [][]string{{goaway}, {fine, goaway}, {fine}}, 4, ""},
		{"closed between requests", [][]string{{fine}, {fine}, {fine}}, 3, ""},
		{"closed before the first answer", [][]string{{""}, {fine}}, 1, "EOF"},
		{"closed within an answer", [][]string{{fine, "HTTP/1.1 200 OK\r\nConte"}, {fine}}, 2, "unexpected EOF"},
		{"more than was asked for", [][]string{{fine + fine, fine}}, 1, "bytes behind the answer"},
		{"garbage", [][]string{{"hello\r\n\r\n"}}, 1, "no answer of HTTP/1.1"},
		{"another size", [][]string{{"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"}}, 1, "6 bytes, but 5 were stored"},
		{"not there", [][]string{{"HTTP/1.1 404 Not Found\r\n\r\n"}}, 1, "HEAD /bench/load/5/000000000: 404 Not Found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := heads(t, headLoad(t, scripted(t, c.connections...)), c.requests)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// TestClosedBeforeItIsUsed: a client that was connected and had nothing to ask for a while connects again.
func TestClosedBeforeItIsUsed(t *testing.T) {
	l := headLoad(t, scripted(t, []string{}, []string{fine}))
	for _, w := range l.workers {
		if err := w.client.dial(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := heads(t, l, 1); err != nil {
		t.Error(err)
	}
}

// TestEarlyAnswer has a server refuse a body that it does not read.
func TestEarlyAnswer(t *testing.T) {
	const no = "<Error><Code>EntityTooLarge</Code><Message>too much.</Message></Error>"
	target := scripted(t, []string{fmt.Sprintf("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(no), no)})
	l, err := NewLoad(target, Load{Operation: bench.Put, Size: 10, Keys: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = l.Side().Run(t.Context(), time.Minute)
	var answer *Error
	if !errors.As(err, &answer) || answer.Status != 400 || answer.Code != "EntityTooLarge" || answer.Message != "too much" {
		t.Errorf("%v", err)
	}
}

// TestInterrupt ends a request to a server that does not answer.
func TestInterrupt(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	l := headLoad(t, Target{Endpoint: "http://" + listener.Addr().String(), AccessKey: testAccess, SecretKey: testSecret})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	if _, err := l.Side().Run(ctx, time.Minute); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestPageKeys(t *testing.T) {
	page := []byte("<Contents><Key>a</Key></Contents><Contents><Key>b</Key></Contents><Key><Key>")
	for size := 1; size <= len(page); size++ {
		var c counter
		for rest := page; len(rest) > 0; {
			n := min(size, len(rest))
			c.take(rest[:n])
			rest = rest[n:]
		}
		if c.keys != 4 || c.bytes != int64(len(page)) {
			t.Errorf("in pieces of %d: %d keys, %d bytes", size, c.keys, c.bytes)
		}
	}
}
