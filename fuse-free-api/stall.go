package api

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// renewShare of StallTimeout is how long a deadline is not put off again.
const renewShare = 16

// stallConn is a connection of which each direction has a deadline that
// follows progress. It works below TLS, on the bytes as they travel: of a TLS
// record, or a frame of HTTP/2, those above see nothing before it is whole.
//
// A write has a deadline of its own, and goes on as long as some bytes were
// taken within StallTimeout. http.ResponseController cannot do this: after a
// write that only partly succeeded, neither net/http nor TLS can go on, and a
// large write to a slow client would be cut although it moves.
type stallConn struct {
	net.Conn
	stall   time.Duration
	release func()

	corks *corks     // nil: nothing is held back
	raw   *rawReader // nil before it is read from without waiting

	mu        sync.Mutex
	limit     time.Time // of writes, as set from above; zero: none
	renewed   time.Time // when the deadline of writes was last put off
	reads     readDeadline
	following bool   // each read puts the read deadline off
	immediate bool   // reads do not wait
	held      []byte // not nil: what is written is held back here (see cork)
}

func (c *stallConn) Write(p []byte) (int, error) {
	if c.hold(p) {
		return len(p), nil
	}
	if err := c.uncork(); err != nil {
		return 0, err
	}
	return c.write(p)
}

func (c *stallConn) write(p []byte) (int, error) {
	written := 0
	for {
		if err := c.renew(); err != nil {
			return written, err
		}
		// The kernel calls a socket writable only when a third of its buffer is
		// free, which may be a megabyte; but the first try of each round takes
		// what room there is.
		n, err := c.Conn.Write(p[written:])
		written += n
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) || c.late() {
			return written, err
		}
		if n == 0 {
			c.cut()
			return written, err
		}
	}
}

// renew sets the deadline of the next write, which is not behind the limit. One
// that was set a moment ago is left as it is: each time takes longer than all else
// that is done here, and nobody minds being cut a little early.
func (c *stallConn) renew() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if now.Sub(c.renewed) < c.stall/renewShare {
		return nil
	}
	deadline := now.Add(c.stall)
	if !c.limit.IsZero() && c.limit.Before(deadline) {
		deadline = c.limit
	} else {
		c.renewed = now
	}
	return c.Conn.SetWriteDeadline(deadline)
}

func (c *stallConn) late() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.limit.IsZero() && !time.Now().Before(c.limit)
}

// SetWriteDeadline is for those above, TLS above all, which gives its last
// words little time. net/http takes away behind each answer what it never set.
func (c *stallConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.IsZero() && c.limit.IsZero() {
		return nil
	}
	c.limit, c.renewed = t, time.Time{}
	return c.Conn.SetWriteDeadline(t)
}

func (c *stallConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// cut ends the connection, both ways, and has the kernel drop what the client
// does not take, too, instead of offering it for minutes.
func (c *stallConn) cut() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Conn.Close() // readers notice; Close is still to come
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

type stallConnKey struct{}

// withConn lets requests find the stallConn that they came by.
func withConn(ctx context.Context, conn net.Conn) context.Context {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	return context.WithValue(ctx, stallConnKey{}, conn)
}

// paced gives a request's transfers deadlines that follow progress, and calls
// handler. An HTTP/1 connection serves one request at a time, so its own
// deadlines do. In HTTP/2 many streams share it: each stream that stalls is
// ended for itself, and the others go on.
//
// The copies that it makes of requests are in memory that it keeps in requests: a handler
// that has returned has nothing of its request any more.
func paced(handler http.Handler, stall time.Duration, requests *sync.Pool, w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor == 1 && (r.Body == nil || r.Body == http.NoBody) {
		handler.ServeHTTP(w, r) // the connection does all of it
		return
	}
	own := w // net/http's
	if r.ProtoMajor != 1 {
		answer := &pacedWriter{ResponseWriter: w, control: http.NewResponseController(w), stall: stall}
		defer answer.extend() // for what net/http still holds back of it
		w = answer
	}
	if r.Body != nil && r.Body != http.NoBody {
		// The first deadline holds for what net/http itself reads of a body that
		// nobody wanted, too. A request without a body must have none: net/http
		// listens on the connection for the client to leave, and would take the
		// deadline for that. It goes by its own request's body, so this is a copy.
		paced, _ := requests.Get().(*pacedRequest)
		if paced == nil {
			paced = &pacedRequest{}
		}
		paced.r, paced.body = *r, pacedBody{ReadCloser: r.Body, rw: own, stall: stall, plain: r.TLS == nil && r.ContentLength >= 0}
		if r.ProtoMajor == 1 {
			paced.body.conn, _ = r.Context().Value(stallConnKey{}).(*stallConn)
			paced.body.setDeadline(time.Now().Add(stall))
		}
		paced.r.Body = &paced.body
		handler.ServeHTTP(w, &paced.r)
		*paced = pacedRequest{} // a panic that comes up to here leaves it to the garbage collector
		requests.Put(paced)
		return
	}
	handler.ServeHTTP(w, r)
}

// pacedRequest is a copy of a request, with a body that is paced.
type pacedRequest struct {
	r    http.Request
	body pacedBody
}

// pacedBody has the read deadline follow progress: it is put off before each
// read, with HTTP/1 before each of the connection's, so that a client is
// cut only when nothing comes for StallTimeout. What comes late because the
// server does not read is not its fault: between reads, time does not count.
type pacedBody struct {
	io.ReadCloser
	rw    http.ResponseWriter // net/http's own
	conn  *stallConn          // of HTTP/1
	stall time.Duration
	plain bool // the connection's bytes are the body's

	immediate bool
}

func (b *pacedBody) setDeadline(t time.Time) {
	if b.conn != nil {
		_ = b.conn.SetReadDeadline(t)
		return
	}
	_ = http.NewResponseController(b.rw).SetReadDeadline(t)
}

func (b *pacedBody) Read(p []byte) (int, error) {
	if b.conn != nil {
		b.conn.follow(true, b.immediate)
	} else {
		b.setDeadline(time.Now().Add(b.stall))
	}
	n, err := b.ReadCloser.Read(p)
	if b.conn != nil {
		b.conn.follow(false, false)
	}
	// A stream's deadline that passes between reads would end its body. In
	// HTTP/1, net/http listens for the client to leave from the body's end on,
	// and a commit may take longer than the deadline.
	if b.conn == nil || errors.Is(err, io.EOF) {
		b.setDeadline(time.Time{})
	}
	return n, err
}

// pacedWriter writes a stream's answer in pieces with a deadline each.
type pacedWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	stall   time.Duration
}

func (w *pacedWriter) extend() { _ = w.control.SetWriteDeadline(time.Now().Add(w.stall)) }

func (w *pacedWriter) relax() { _ = w.control.SetWriteDeadline(time.Time{}) }

func (w *pacedWriter) Write(p []byte) (int, error) {
	const pieceBytes = 16 << 10 // a frame
	defer w.relax()
	written := 0
	for {
		w.extend()
		n, err := w.ResponseWriter.Write(p[written:min(len(p), written+pieceBytes)])
		written += n
		if err != nil || written == len(p) {
			return written, err
		}
	}
}

// FlushError is what http.ResponseController flushes with.
func (w *pacedWriter) FlushError() error {
	defer w.relax()
	w.extend()
	return w.control.Flush()
}

// SetReadDeadline and SetWriteDeadline leave the deadlines to the pacing.
func (w *pacedWriter) SetReadDeadline(time.Time) error  { return nil }
func (w *pacedWriter) SetWriteDeadline(time.Time) error { return nil }
