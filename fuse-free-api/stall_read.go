package api

import (
	"errors"
	"os"
	"time"
)

// readDeadline is that of a stallConn's reads. net/http sets one six times for each request: for the client to
// begin the next one, for its headers, and around listening for the client to leave. Each time takes the network
// poller longer than a header takes to be parsed, and of nearly all nothing comes: what was waited for is there.
//
// So it is only noted here when bytes are due. The connection below is given a deadline before it is read from if
// it has none that is as early; if its own passes before the bytes are due, it is given the next one.
//
// Invariant: while a read is under way, the connection's deadline is no later than due, or has passed and is about to
// be set again.
type readDeadline struct {
	due     time.Time // as set from above; zero: never
	armed   time.Time // as the connection has it; zero: never
	lapsed  bool      // the connection's has passed: no read gets anything until it is set again
	reading int       // reads under way
}

// SetReadDeadline is for reads under way, too, as those of all connections are.
func (c *stallConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reads.due = t
	if c.reads.reading == 0 || !c.reads.tooLate() {
		return nil
	}
	return c.arm()
}

// tooLate says that the connection's deadline is behind the time when bytes are due.
func (r *readDeadline) tooLate() bool {
	return !r.due.IsZero() && (r.armed.IsZero() || r.due.Before(r.armed))
}

// arm sets the connection's deadline. The mutex is held.
func (c *stallConn) arm() error {
	c.reads.armed, c.reads.lapsed = c.reads.due, false
	return c.Conn.SetReadDeadline(c.reads.due)
}

func (c *stallConn) Read(p []byte) (int, error) {
	for {
		immediate, err := c.beginRead()
		if err != nil {
			return 0, err
		}
		var n int
		// net/http listens for the client to leave with reads of one byte, from the body's end on, and begins before
		// the body's last Read has returned. Those must wait: told that nothing is there, it would listen no more.
		if immediate && len(p) > 1 {
			n, err = c.raw.readNow(p)
		} else {
			n, err = c.Conn.Read(p)
		}
		if c.endRead(n, err) {
			return n, err
		}
	}
}

// beginRead fails if it is too late for a read. It says whether the read is not to wait.
func (c *stallConn) beginRead() (immediate bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.following {
		c.reads.due = time.Now().Add(c.stall)
	} else if !c.reads.due.IsZero() && !time.Now().Before(c.reads.due) {
		return false, os.ErrDeadlineExceeded
	}
	if c.reads.lapsed || c.reads.tooLate() {
		if err := c.arm(); err != nil {
			return false, err
		}
	}
	c.reads.reading++
	return c.immediate, nil
}

// endRead says whether the read has come to an end, and not only the connection's deadline.
func (c *stallConn) endRead(n int, err error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reads.reading--
	if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
		return true
	}
	c.reads.lapsed = true
	return n > 0 || !c.reads.due.IsZero() && !time.Now().Before(c.reads.due)
}

// follow makes the read deadline follow progress, until it is called again, and reads immediate or not.
func (c *stallConn) follow(on, immediate bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.following, c.immediate = on, immediate
}
