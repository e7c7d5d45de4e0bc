package catalog

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Flush makes everything applied before the call durable on every replica
// that keeps answering, and gives the LSN they all have durable then: the floor
// may rise to it. A replica whose flush fails is dropped. ErrUnavailable if
// none is left; ctx's error if it ends first.
func (c *Catalog) Flush(ctx context.Context) (uint64, error) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return 0, ErrUnavailable
	}
	type pending struct {
		m       *member
		lsn     uint64
		flushed chan error
	}
	var all []pending
	for _, m := range c.members {
		if m.cloning {
			continue
		}
		p := pending{m: m, lsn: m.applied, flushed: make(chan error, 1)}
		all = append(all, p)
		c.wg.Go(func() { p.flushed <- p.m.r.Flush() })
	}
	c.mu.Unlock()
	var lsn uint64
	some := false
	for _, p := range all {
		select {
		case err := <-p.flushed:
			if err != nil {
				c.drop(p.m, fmt.Errorf("flush: %w", err))
				continue
			}
		case <-p.m.gone:
			continue
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		if !some || p.lsn < lsn {
			lsn = p.lsn
		}
		some = true
	}
	if !some {
		return 0, ErrUnavailable
	}
	return lsn, nil
}

// Close flushes and closes every replica, and waits for it CloseTime at most:
// what hangs is left behind. It gives the first flush that failed. Nothing may
// be asked of the catalog any more; what waits is told ErrUnavailable.
func (c *Catalog) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	members := c.members
	c.broadcast()
	c.mu.Unlock()
	c.hands.close()

	errs := make(chan error, len(members)+1)
	for _, m := range members {
		c.wg.Go(func() {
			err := c.drain(m)
			if err != nil {
				err = fmt.Errorf("catalog replica %q: %w", m.name, err)
			}
			errs <- err
			c.mu.Lock()
			defer c.mu.Unlock()
			c.expel(m, nil)
		})
	}
	done := make(chan struct{})
	go func() { // ends with the wait group; outlives Close only with what hangs in it
		c.wg.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(c.opts.CloseTime):
		errs <- errors.New("catalog: a replica did not close in time")
	}
	var first error
	for len(errs) > 0 && first == nil {
		first = <-errs
	}
	return first
}

// drain waits until the replica has applied what is queued for it, and flushes it.
func (c *Catalog) drain(m *member) error {
	for {
		c.mu.Lock()
		rest, cloning, changed := len(m.queue), m.cloning, c.watch()
		c.mu.Unlock()
		switch {
		case cloning || m.isGone():
			return nil
		case rest == 0:
			return m.r.Flush()
		}
		select {
		case <-changed:
		case <-m.gone:
		}
	}
}
