package api

import "sync"

const (
	// corkBytes is how much a connection holds back at most.
	corkBytes = 16 << 10
	// corkedFrom and corkedTo are the bodies for which that is worth while. net/http puts smaller ones behind the
	// headers in its own buffer of 4 KiB; of larger ones the copy takes longer than the call.
	corkedFrom, corkedTo = int64(2 << 10), int64(12 << 10)
)

// corks is the memory for what connections hold back.
type corks struct{ pool sync.Pool } // of *[corkBytes]byte

func (c *corks) get() []byte {
	if b, ok := c.pool.Get().(*[corkBytes]byte); ok {
		return b[:0]
	}
	return make([]byte, 0, corkBytes)
}

func (c *corks) put(b []byte) { c.pool.Put((*[corkBytes]byte)(b[:corkBytes])) }

// cork has what is written from now on held back until uncork: net/http writes the headers with a body's beginning
// and then its rest, which costs the kernel, and the client, twice.
func (c *stallConn) cork() {
	if c.corks == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held == nil {
		c.held = c.corks.get()
	}
}

// uncork writes what was held back.
func (c *stallConn) uncork() error {
	c.mu.Lock()
	held := c.held
	c.held = nil
	c.mu.Unlock()
	if held == nil {
		return nil
	}
	_, err := c.write(held)
	c.corks.put(held)
	return err
}

// hold says whether p is held back.
func (c *stallConn) hold(p []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held == nil || len(c.held)+len(p) > cap(c.held) {
		return false
	}
	c.held = append(c.held, p...)
	return true
}

// writeWhole sends the status, the headers and the whole body, in one piece if the connection is known.
func (w *response) writeWhole(status int, p []byte) (n int, err error) {
	flusher, flushes := w.ResponseWriter.(interface{ FlushError() error })
	if w.conn == nil || !flushes {
		w.WriteHeader(status)
		return w.Write(p)
	}
	w.conn.cork()
	w.WriteHeader(status)
	n, err = w.Write(p)
	if err == nil {
		err = flusher.FlushError()
	}
	if late := w.conn.uncork(); err == nil {
		err = late
	}
	return n, err
}
