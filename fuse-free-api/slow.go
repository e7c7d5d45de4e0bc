package api

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// keepAliveInterval is how long a client waits for a sign of life while a
// copy or a Complete runs. Clients and proxies give up after a minute or so.
const keepAliveInterval = 10 * time.Second

// slowly does work that may take minutes, and sends the document that it
// gives the writing of. If it takes longer than an interval, the answer begins
// before the result is known, as S3's does: 200, the head of the document, and
// a space for every further interval. What fails after that is an Error in
// place of the document; clients of these operations look for it.
//
// Work is over when slowly returns, and its context ends when the client
// leaves.
func (c *call) slowly(work func(ctx context.Context) (write func(*xmlWriter), err error)) error {
	ctx, cancel := context.WithCancel(c.r.Context())
	defer cancel()
	type result struct {
		write func(*xmlWriter)
		err   error
	}
	ended := make(chan result, 1)
	go func() {
		var r result
		r.err = c.protected(func() (err error) {
			r.write, err = work(ctx)
			return err
		})
		ended <- r
	}()
	ticker := time.NewTicker(c.s.keepAlive)
	defer ticker.Stop()
	var x *xmlWriter // set once the answer has begun
	for {
		select {
		case r := <-ended:
			return c.endSlowly(x, r.write, r.err)
		case <-ticker.C:
			if x == nil {
				x = c.beginXML()
			} else {
				x.raw(" ")
			}
			err := x.w.Flush()
			if err == nil {
				err = http.NewResponseController(c.w).Flush()
			}
			if err != nil {
				cancel()
				<-ended
				return fmt.Errorf("%w: %w", errClientGone, err)
			}
		}
	}
}

// endSlowly sends the result; x is nil if nothing was sent yet.
func (c *call) endSlowly(x *xmlWriter, write func(*xmlWriter), err error) error {
	switch {
	case err == nil && x == nil:
		x = c.beginXML()
		fallthrough
	case err == nil:
		write(x)
		x.flush()
		return nil
	case x == nil, c.r.Context().Err() != nil:
		return err
	}
	e := storeFault(err)
	c.noteFailure(e, "request failed after its answer had begun")
	e.write(x, c)
	return nil
}
