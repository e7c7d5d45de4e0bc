package api

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// A large body goes through many hands on its way from the connection, and to have it copied once more would cost more
// than they do. So a store may read it straight into where it is to lie, which it can if a Read does not wait: memory
// that is read into belongs to the read, and how long a client makes it wait nobody knows.
//
// It is offered where the connection's bytes are the body's: with HTTP/1, without TLS, chunks and framing. Read then gives
// what is there, or nothing and no error. To wait is another call, await, to which no memory belongs.
//
// The way from await to the connection is past net/http, which is told nothing: it does not read by itself before the
// body has ended, and who awaits is the one that reads.

// immediate is a body that may be read without waiting.
type immediate interface {
	// Immediate begins or ends it, and says whether it can be done.
	Immediate(on bool) bool
	// await waits until there is something to be read.
	await() error
}

// Immediate has Read return at once with what is there, or wait again. It says whether that can be; if not, nothing has
// changed.
func (u *upload) Immediate(on bool) bool { return u.frame == nil && u.wire.Immediate(on) }

// Await waits until Read has something to say: bytes, the end, or an error.
func (u *upload) Await() {
	if u.err == nil {
		u.wire.await()
	}
}

func (w *wire) Immediate(on bool) bool {
	body, ok := w.body.(immediate)
	return ok && body.Immediate(on)
}

// await keeps what went wrong, so that the next Read says it.
func (w *wire) await() {
	if w.err == nil {
		w.note(w.body.(immediate).await())
	}
}

func (b *countedBody) Immediate(on bool) bool {
	body, ok := b.ReadCloser.(immediate)
	return ok && body.Immediate(on)
}

func (b *countedBody) await() error { return b.ReadCloser.(immediate).await() }

func (b *pacedBody) Immediate(on bool) bool {
	if on && (!b.plain || b.conn == nil || !b.conn.prepareRaw()) {
		return false
	}
	b.immediate = on
	return true
}

func (b *pacedBody) await() error {
	b.conn.follow(true, false)
	defer b.conn.follow(false, false)
	return b.conn.await()
}

// await waits until the connection has something to be read, its end or an error included, and keeps to the deadlines of
// reads.
func (c *stallConn) await() error {
	for {
		if _, err := c.beginRead(); err != nil {
			return err
		}
		err := c.raw.await()
		if c.endRead(0, err) {
			return err
		}
	}
}

// prepareRaw says whether the connection can be read from without waiting. One goroutine at a time reads.
func (c *stallConn) prepareRaw() bool {
	if c.raw == nil {
		// Only these: what embeds one of them may have a Read of its own, which must not be read past.
		switch conn := c.Conn.(type) {
		case *net.TCPConn:
			c.raw = newRawReader(conn)
		case *net.UnixConn:
			c.raw = newRawReader(conn)
		}
	}
	return c.raw != nil
}

// rawReader reads from a socket itself. Its functions are made once, since they are called for each read.
type rawReader struct {
	conn       syscall.RawConn
	read, look func(fd uintptr) bool

	p   []byte // of the read under way
	n   int
	err error
}

func newRawReader(conn syscall.Conn) *rawReader {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil // it is closed: the next read will say so
	}
	r := &rawReader{conn: raw}
	r.read = func(fd uintptr) bool {
		r.n, r.err = again(func() (int, error) { return syscall.Read(int(fd), r.p) })
		return true
	}
	var first [1]byte
	r.look = func(fd uintptr) bool {
		_, r.err = again(func() (int, error) {
			n, _, err := syscall.Recvfrom(int(fd), first[:], syscall.MSG_PEEK)
			return n, err
		})
		return !errors.Is(r.err, syscall.EAGAIN)
	}
	return r
}

// again does what a signal interrupts until none does.
func again(do func() (int, error)) (int, error) {
	for {
		n, err := do()
		if !errors.Is(err, syscall.EINTR) {
			return max(0, n), err
		}
	}
}

// readNow reads what is there: nothing, if nothing is. The socket does not block, as all of Go's.
func (r *rawReader) readNow(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	r.p = p
	err := r.conn.Read(r.read)
	r.p = nil // the caller's again
	switch {
	case err != nil: // it is closed, or its deadline has passed
		return 0, err
	case errors.Is(r.err, syscall.EAGAIN):
		return 0, nil
	case r.err != nil:
		return 0, os.NewSyscallError("read", r.err)
	case r.n == 0:
		return 0, io.EOF
	}
	return r.n, nil
}

// await looks before it waits: the poller tells of what comes from then on, and of what was there already it may have told
// before. What has gone wrong with a socket is told once, and so by whoever asks first: a read behind it finds its end.
func (r *rawReader) await() error {
	if err := r.conn.Read(r.look); err != nil {
		return err
	}
	return os.NewSyscallError("recvfrom", r.err)
}
