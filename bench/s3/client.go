package s3

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

const (
	// inBytes is the buffer of answers. It is a few times what a socket gives at once and stays in the second-level cache.
	inBytes = 256 << 10
	// patience is how long a server may take for a request, beside the time that its bytes take at the slowest.
	patience = time.Minute
	slowest  = 256 << 10 // bytes a second
	// together is the most of a body that goes out in one write with its head where there is no writev, as through TLS.
	together = 64 << 10
)

// client is one connection and who uses it: one goroutine at a time.
type client struct {
	server *server
	signer signer
	in     reader
	out    []byte      // head
	frames []byte      // of a body that is signed in pieces
	pieces [][]byte    // head and body as they are written
	vector net.Buffers // pieces, as far as they have not been written
	due    time.Time   // the connection's deadline

	mu   sync.Mutex // of the following, which hangUp looks at from elsewhere
	conn net.Conn   // nil: none
}

func newClient(s *server) *client {
	return &client{server: s, signer: signer{server: s}, in: reader{buf: make([]byte, inBytes)}}
}

// sent is what of a request goes behind its head: bytes of the source, or a document.
type sent struct {
	source *source
	from   int64
	size   int64
	sums   []sum // of its pieces; nil: it is not signed in pieces
	text   []byte
}

// do sends a request and gives the body of the answer to the taker: to good if it is 2xx, else to bad. It dials if it
// has to, and again if a connection from before turns out to be closed: servers close idle ones, those first by which
// nothing has come yet.
func (c *client) do(ctx context.Context, r *request, body *sent, good, bad taker) (response, error) {
	for {
		before := c.conn != nil
		if err := c.dial(ctx); err != nil {
			return response{}, err
		}
		resp, begun, err := c.try(r, body, good, bad)
		again := before && !begun && closed(err)
		if err != nil || resp.close {
			c.hangUp()
		}
		switch {
		case ctx.Err() != nil:
			return resp, ctx.Err()
		case again:
			continue
		case err != nil:
			return resp, fmt.Errorf("%s: %w", r, err)
		}
		return resp, nil
	}
}

func closed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, net.ErrClosed)
}

// try sends the request once. begun: something of the answer came.
func (c *client) try(r *request, body *sent, good, bad taker) (resp response, begun bool, err error) {
	now := time.Now()
	if err := c.extend(now, max(r.length, r.coming)); err != nil {
		return response{}, false, err
	}
	c.in.r, c.in.w = 0, 0
	c.out = c.signer.appendHead(c.out[:0], r, now)
	unsent := c.write(body)
	// A server that does not want the body may answer and close before it has all of it.
	if resp, err = c.in.head(); err != nil {
		if unsent != nil {
			err = unsent
		}
		return response{}, c.in.w > 0, err
	}
	to := good
	if resp.status/100 != 2 {
		to = bad
	}
	err = c.in.body(&resp, r.method == "HEAD", to)
	if unsent != nil {
		resp.close = true
		if resp.status/100 == 2 {
			err = unsent
		}
	}
	if err == nil && c.in.r != c.in.w && !resp.close {
		err = fmt.Errorf("%d bytes behind the answer", c.in.w-c.in.r)
	}
	return resp, true, err
}

// write sends the head and the body.
func (c *client) write(body *sent) error {
	if c.server.tls != nil && len(c.out)+int(min(body.size, together)) <= together && body.sums == nil {
		c.pieces = body.appendTo(c.pieces[:0])
		for _, piece := range c.pieces {
			c.out = append(c.out, piece...)
		}
		_, err := c.conn.Write(c.out)
		return err
	}
	c.pieces = append(c.pieces[:0], c.out)
	if body.sums != nil {
		c.frame(body)
	} else {
		c.pieces = body.appendTo(c.pieces)
	}
	if len(c.pieces) == 1 {
		_, err := c.conn.Write(c.out)
		return err
	}
	c.vector = c.pieces
	_, err := c.vector.WriteTo(c.conn) // writev
	return err
}

func (b *sent) appendTo(pieces [][]byte) [][]byte {
	if b.source == nil {
		if len(b.text) > 0 {
			pieces = append(pieces, b.text)
		}
		return pieces
	}
	return b.source.pieces(pieces, b.from, b.size)
}

// extend moves the connection's deadline if it may be too near: seldom, since that costs.
func (c *client) extend(now time.Time, bytes int64) error {
	need := patience + time.Duration(bytes/slowest)*time.Second
	if c.due.Sub(now) >= need {
		return nil
	}
	c.due = now.Add(2 * need)
	return c.conn.SetDeadline(c.due)
}

// dial connects if there is no connection.
func (c *client) dial(ctx context.Context) error {
	if c.conn != nil { // only this goroutine sets it
		return ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", c.server.address)
	if err == nil && c.server.tls != nil {
		secure := tls.Client(conn, c.server.tls)
		if err = secure.HandshakeContext(ctx); err != nil {
			conn.Close()
		}
		conn = secure
	}
	if err != nil {
		return fmt.Errorf("%s: %w", c.server.Endpoint, err)
	}
	c.in.reset(conn)
	c.due = time.Time{}
	c.mu.Lock()
	c.conn = conn
	c.mu.Unlock()
	if err := ctx.Err(); err != nil { // interrupt came before there was something to interrupt
		c.hangUp()
		return err
	}
	return nil
}

// hangUp closes the connection; the next request makes another.
func (c *client) hangUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

// interrupt ends the request that another goroutine waits for.
func (c *client) interrupt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil {
		_ = c.conn.Close()
	}
}
