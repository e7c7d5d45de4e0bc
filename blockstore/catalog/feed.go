package catalog

import (
	"context"
	"fmt"
	"slices"
)

// Apply applies a batch and returns when the serving replica has done so. The
// batch must follow the last one (ErrGap); one at or below it is ignored; one
// that does not decode is ErrRecord and changes nothing. If no replica is left
// the error is ErrUnavailable: the batch is as durable as its journal made it,
// and a replica rebuilt from there will have it.
//
// When ctx ends first, the batch may still be applied later on; the same batch
// may be given again.
func (c *Catalog) Apply(ctx context.Context, b Batch) error {
	select {
	case c.applying <- struct{}{}:
		defer func() { <-c.applying }()
	case <-ctx.Done():
		return ctx.Err()
	}
	c.mu.Lock()
	last := c.queued.lsn
	c.mu.Unlock()
	if b.LSN > last {
		if b.LSN != last+1 {
			return fmt.Errorf("%w: batch %d after %d", ErrGap, b.LSN, last)
		}
		d, err := decodeBatch(b)
		if err != nil {
			return err
		}
		c.mu.Lock()
		c.buckets.changes(d)
		c.mu.Unlock()
		type physical struct {
			repr []byte
			meta meta
		}
		p, err := ask(ctx, c, last, func(m *member) (p physical, err error) {
			p.repr, p.meta, err = m.r.prepare(d)
			return p, err
		}, nil)
		if err != nil {
			return err
		}
		if err := c.enqueue(queuedBatch{repr: p.repr, meta: p.meta, since: c.opts.Now()}); err != nil {
			return err
		}
	}
	if _, err := c.current(ctx, b.LSN); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.acked = max(c.acked, b.LSN)
	return nil
}

// enqueue gives a batch to every replica. Followers that cannot keep up are dropped.
func (c *Catalog) enqueue(q queuedBatch) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrUnavailable
	}
	c.elect()
	for _, m := range slices.Clone(c.members) {
		if m != c.serving && len(m.queue) > 0 {
			late := q.since.Sub(m.queue[0].since) > c.opts.LagTime
			if late || len(m.queue) >= c.opts.QueueBatches || m.bytes+int64(len(q.repr)) > c.opts.QueueBytes {
				c.expel(m, fmt.Errorf("%w: %d batches behind", ErrLaggard, len(m.queue)))
				continue
			}
		}
		m.queue = append(m.queue, q)
		m.bytes += int64(len(q.repr))
		m.poke()
	}
	c.queued = q.meta
	c.broadcast()
	return nil
}

// feed applies what is queued for a replica, until it is no member any more.
func (c *Catalog) feed(m *member) {
	for {
		select {
		case <-m.gone:
			return
		case <-m.wake:
		}
		for {
			if err := m.r.Failed(); err != nil {
				c.drop(m, err)
				return
			}
			q, ok := c.head(m)
			if !ok {
				break
			}
			if q.mark != nil {
				c.reached(m, q.mark)
			} else if err := m.r.commit(q.repr, q.meta); err != nil {
				c.drop(m, fmt.Errorf("batch %d: %w", q.meta.lsn, err))
				return
			}
			c.applied(m, q)
		}
	}
}

// head is the first batch of the queue, which stays there while it is under way.
func (c *Catalog) head(m *member) (queuedBatch, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(m.queue) == 0 {
		return queuedBatch{}, false
	}
	return m.queue[0], true
}

// applied takes the head off the queue.
func (c *Catalog) applied(m *member, q queuedBatch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m.isGone() {
		return
	}
	m.queue[0] = queuedBatch{} // so that the bytes can go
	m.queue = m.queue[1:]
	m.bytes -= int64(len(q.repr))
	m.applied = q.meta.lsn
	c.broadcast()
}

// current gives the replica that serves, when it has applied need. It waits
// for it, but when patience runs out another that has applied need serves
// instead. ErrUnavailable if there is none to wait for.
func (c *Catalog) current(ctx context.Context, need uint64) (*member, error) {
	for {
		c.mu.Lock()
		if c.closed {
			c.mu.Unlock()
			return nil, ErrUnavailable
		}
		c.elect()
		m, changed := c.serving, c.changed
		ready := m != nil && m.applied >= need
		c.mu.Unlock()
		if m == nil {
			return nil, ErrUnavailable
		}
		if ready {
			return m, nil
		}
		patience := c.opts.After(c.opts.Patience)
		for waiting := true; waiting; {
			select {
			case <-changed:
				// Wait on with the patience that is left, unless this was it.
				c.mu.Lock()
				changed = c.changed
				waiting = !c.closed && c.serving == m && m.applied < need && m.r.Failed() == nil
				c.mu.Unlock()
			case <-patience:
				c.handOver(m, need)
				waiting = false
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
	}
}

// elect drops the replicas that failed, and if none serves, lets that one serve
// that has applied the most. The mutex is held.
func (c *Catalog) elect() {
	for _, m := range slices.Clone(c.members) {
		if err := m.r.Failed(); err != nil {
			c.expel(m, err)
		}
	}
	if c.serving != nil {
		return
	}
	for _, m := range c.members {
		if !m.cloning && (c.serving == nil || m.applied > c.serving.applied) {
			c.serving = m
		}
	}
	if c.serving != nil {
		c.opts.Logger.Info("catalog replica serves", "replica", c.serving.name, "lsn", c.serving.applied)
		c.broadcast()
	}
}

// handOver lets another replica that has applied need serve in place of m, and
// tells whether another one than m serves now.
func (c *Catalog) handOver(m *member, need uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.serving != m {
		return true
	}
	for _, x := range c.members {
		if x != m && !x.cloning && x.applied >= need && x.r.Failed() == nil {
			c.serving = x
			c.opts.Logger.Warn("catalog replica is slow, another serves", "replica", m.name, "serving", x.name)
			c.broadcast()
			return true
		}
	}
	return false
}
