package api

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
)

// headBufferBytes is how much of a body is held back until it is known good:
// if the store fails before, the answer is an error and not a cut connection.
const headBufferBytes = 32 << 10

// errClientGone marks failures of writing to the client.
var errClientGone = errors.New("the client is gone")

func (c *call) headObject() error {
	asked, err := c.selection()
	if err != nil {
		return err
	}
	info, err := c.s.opts.Store.Stat(c.r.Context(), c.bucket, c.key)
	if err != nil {
		return err
	}
	_, status, err := c.head(info, asked)
	if err != nil {
		return err
	}
	c.w.WriteHeader(status)
	c.over = true
	return nil
}

func (c *call) getObject() error {
	asked, err := c.selection()
	if err != nil {
		return err
	}
	obj, err := c.s.opts.Store.Get(c.r.Context(), c.bucket, c.key)
	if err != nil {
		return err
	}
	defer obj.Close()
	part, status, err := c.head(obj.Info(), asked)
	if err != nil {
		return err
	}
	if status == http.StatusNotModified || part.n == 0 {
		c.w.WriteHeader(status)
		c.over = true
		return nil
	}
	if corkedFrom <= part.n && part.n <= corkedTo && c.r.ProtoMajor == 1 {
		c.w.conn, _ = c.r.Context().Value(stallConnKey{}).(*stallConn)
	}
	body := &bodyWriter{w: c.w, heads: &c.s.heads, status: status, size: part.n}
	defer body.drop()
	err = obj.WriteTo(c.r.Context(), body, part.off, part.n)
	switch {
	case body.err != nil:
		return body.err
	case err == nil && body.n != part.n:
		err = fmt.Errorf("the store gave %d bytes of %d", body.n, part.n)
	case err == nil:
		err = body.flush()
		c.over = err == nil
		return err
	}
	if c.w.status == 0 {
		// What is said of the object, its checksum say, is not true of an error.
		clear(c.w.Header())
		c.introduce()
	}
	return err
}

// head decides conditions and what is asked for, and prepares the headers;
// only the status remains to be sent.
func (c *call) head(info ObjectInfo, asked selection) (part span, status int, err error) {
	status, err = readCondition(c.r.Header, info)
	switch {
	case err != nil:
		return span{}, 0, err
	case status == http.StatusNotModified:
		setValidators(c.w.Header(), info)
		return span{}, status, nil
	case status != 0:
		return span{}, 0, ErrPrecondition
	}
	if part, err = asked.span(c.r.Header, info); err != nil {
		return span{}, 0, err
	}
	h := c.w.Header()
	setAttributes(h, info)
	asked.set(h, info, part)
	h["Content-Length"] = []string{strconv.FormatInt(part.n, 10)}
	status = http.StatusOK
	if part.partial {
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", part.off, part.off+part.n-1, info.Size))
		status = http.StatusPartialContent
	}
	return part, status, nil
}

// bodyWriter sends an answer's status with the body's first bytes, and not
// before there are enough of them.
type bodyWriter struct {
	w      *response
	heads  *sync.Pool // of *[headBufferBytes]byte
	status int
	size   int64  // of the body
	held   []byte // of it, until there is enough
	begun  bool   // the status was sent
	n      int64  // taken, held or sent
	err    error  // of the client's side
}

func (b *bodyWriter) Write(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	// All at once is good: nothing can fail behind it.
	most := min(b.size, headBufferBytes)
	whole := !b.begun && b.n == 0 && int64(len(p)) == b.size
	if !b.begun && !whole && int64(len(b.held)+len(p)) <= most {
		if b.held == nil {
			b.hold()
		}
		b.held = append(b.held, p...)
		b.n += int64(len(p))
		return len(p), nil
	}
	if whole {
		b.begun = true
		n, err := b.w.writeWhole(b.status, p)
		b.n += int64(n)
		return n, b.note(err)
	}
	if err := b.flush(); err != nil {
		return 0, err
	}
	n, err := b.w.Write(p)
	b.n += int64(n)
	return n, b.note(err)
}

// flush sends what is held back, and the headers before it.
func (b *bodyWriter) flush() error {
	if b.begun {
		return b.err
	}
	held := b.held
	b.begun = true
	defer b.drop()
	if int64(len(held)) == b.size {
		_, err := b.w.writeWhole(b.status, held)
		return b.note(err)
	}
	b.w.WriteHeader(b.status)
	if len(held) == 0 {
		return nil
	}
	_, err := b.w.Write(held)
	return b.note(err)
}

// hold gets memory to hold back in.
func (b *bodyWriter) hold() {
	head, _ := b.heads.Get().(*[headBufferBytes]byte)
	if head == nil {
		head = new([headBufferBytes]byte)
	}
	b.held = head[:0]
}

// drop lets others have it. Nothing is held back any more.
func (b *bodyWriter) drop() {
	if b.held != nil {
		b.heads.Put((*[headBufferBytes]byte)(b.held[:headBufferBytes]))
		b.held = nil
	}
}

func (b *bodyWriter) note(err error) error {
	if err != nil && b.err == nil {
		b.err = fmt.Errorf("%w: %w", errClientGone, err)
	}
	return b.err
}
