package api

import (
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// counting counts how often its read deadline is set.
type counting struct {
	net.Conn
	set int
}

func (c *counting) SetReadDeadline(t time.Time) error {
	c.set++
	return c.Conn.SetReadDeadline(t)
}

func newReads(t *testing.T) (c *stallConn, below *counting, client net.Conn) {
	t.Helper()
	client, server := net.Pipe()
	below = &counting{Conn: server}
	c = &stallConn{Conn: below, stall: time.Minute, release: func() {}}
	t.Cleanup(func() { client.Close(); c.Close() })
	return c, below, client
}

// aRead begins a read, and gives its outcome.
func aRead(c *stallConn) <-chan error {
	ended := make(chan error, 1)
	go func() {
		_, err := c.Read(make([]byte, 1))
		ended <- err
	}()
	return ended
}

// run is a test on a clock of its own.
func run(t *testing.T, name string, f func(*testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

func underWay(t *testing.T, c *stallConn) {
	t.Helper()
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reads.reading == 0 {
		t.Fatal("no read is under way")
	}
}

// A read ends when its deadline passes, whenever that was set, and not when one that it had before does.
// On a clock of its own: a machine that is slow reaches no deadline too late.
func TestReadDeadlines(t *testing.T) {
	const soon, long = 20 * time.Millisecond, time.Minute
	late := func(t *testing.T, ended <-chan error) {
		t.Helper()
		select {
		case err := <-ended:
			var timeout net.Error
			if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() {
				t.Errorf("%v", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("the read goes on")
		}
	}
	in := func(c *stallConn, d time.Duration) { _ = c.SetReadDeadline(time.Now().Add(d)) }
	goesOn := func(t *testing.T, ended <-chan error, client net.Conn) {
		t.Helper()
		time.Sleep(3 * soon)
		if _, err := client.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	run(t, "before", func(t *testing.T) {
		c, _, _ := newReads(t)
		in(c, soon)
		late(t, aRead(c))
		late(t, aRead(c)) // it stays
	})
	run(t, "passed", func(t *testing.T) {
		c, below, _ := newReads(t)
		in(c, -long)
		late(t, aRead(c))
		if below.set > 0 {
			t.Error("the connection was told of what had passed before")
		}
	})
	run(t, "meanwhile", func(t *testing.T) {
		c, _, client := newReads(t)
		ended := aRead(c)
		underWay(t, c)
		in(c, -long) // as net/http ends listening for the client to leave
		late(t, ended)
		_ = c.SetReadDeadline(time.Time{})
		goesOn(t, aRead(c), client)
	})
	run(t, "sooner", func(t *testing.T) {
		c, _, _ := newReads(t)
		in(c, long)
		ended := aRead(c)
		underWay(t, c)
		in(c, soon)
		late(t, ended)
	})
	run(t, "put off", func(t *testing.T) {
		c, _, client := newReads(t)
		in(c, soon)
		ended := aRead(c)
		underWay(t, c)
		in(c, long)
		goesOn(t, ended, client)
	})
	run(t, "taken away", func(t *testing.T) {
		c, _, client := newReads(t)
		in(c, soon)
		ended := aRead(c)
		underWay(t, c)
		_ = c.SetReadDeadline(time.Time{})
		goesOn(t, ended, client)
	})
	run(t, "put off before", func(t *testing.T) {
		c, _, _ := newReads(t)
		in(c, soon)
		ended := aRead(c)
		underWay(t, c)
		in(c, 3*soon)
		late(t, ended)
	})
	run(t, "followed", func(t *testing.T) {
		c, _, client := newReads(t)
		c.stall = 3 * soon
		c.follow(true, false)
		for range 4 { // longer than one of them in all
			ended := aRead(c)
			time.Sleep(soon)
			if _, err := client.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
		}
		late(t, aRead(c))
	})
}

// What net/http sets for each request of a client that is quick reaches the connection once.
func TestReadDeadlinesAreFew(t *testing.T) {
	c, below, client := newReads(t)
	for range 100 {
		for _, d := range []time.Duration{time.Hour, time.Minute} { // for the next request, for its headers
			_ = c.SetReadDeadline(time.Now().Add(d))
			ended := aRead(c)
			if _, err := client.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
		}
		_ = c.SetReadDeadline(time.Time{}) // while it is served
	}
	if below.set > 2 {
		t.Errorf("the deadline was set %d times", below.set)
	}
}
