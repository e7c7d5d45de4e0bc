package s3

import (
	"net"
	"testing"

	"github.com/holdfast-storage/holdfast/bench"
)

// parrot answers whatever comes, without garbage of its own: a request at a time, each in one piece.
func parrot(t *testing.T, answer string) Target {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		buf, out := make([]byte, 64<<10), []byte(answer)
		for {
			if _, err := conn.Read(buf); err != nil {
				return
			}
			if _, err := conn.Write(out); err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() { listener.Close(); <-done })
	return Target{Endpoint: "http://" + listener.Addr().String(), AccessKey: testAccess, SecretKey: testSecret, Bare: true}
}

// TestAllocations: requests leave no garbage behind.
func TestAllocations(t *testing.T) {
	for _, c := range []struct {
		operation bench.Operation
		payload   Payload
		answer    string
	}{
		{bench.Put, Unsigned, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
		{bench.Put, Signed, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
		{bench.Put, Streaming, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
		{bench.Get, Unsigned, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"x\"\r\n\r\nhello"},
		{bench.Head, Unsigned, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"},
		{bench.List, Unsigned, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"},
		{bench.Delete, Unsigned, "HTTP/1.1 204 No Content\r\n\r\n"},
	} {
		l, err := NewLoad(parrot(t, c.answer), Load{Operation: c.operation, Payload: c.payload, Size: 5, Keys: 1})
		if err != nil {
			t.Fatal(err)
		}
		w := l.workers[0]
		if n := testing.AllocsPerRun(300, func() {
			if _, done, err := w.operation(t.Context(), 0); err != nil || !done {
				t.Fatal(err)
			}
		}); n > 1 {
			t.Errorf("%s, %s: %v allocations a request", c.operation, c.payload, n)
		}
		l.Close()
	}
}
