package catalog

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Prepared is what a batch changes, computed and not applied.
type Prepared struct {
	after   meta // where the catalog stood
	q       queuedBatch
	buckets bool     // it makes or deletes buckets
	objects []uint64 // hashes of those that it may change
}

// Apply applies a batch and returns when the serving replica has done so. The
// batch must follow the last one (ErrGap); one at or below it is ignored; one
// that does not decode is ErrRecord and changes nothing. If no replica is left
// the error is ErrUnavailable: the batch is as durable as its journal made it,
// and a replica rebuilt from there will have it.
//
// When ctx ends first, the batch may still be applied later on; the same batch
// may be given again.
func (c *Catalog) Apply(ctx context.Context, b Batch) error {
	if err := c.turn(ctx); err != nil {
		return err
	}
	defer c.over()
	if b.LSN > c.last().lsn {
		p, err := c.prepare(ctx, b)
		if err == nil {
			err = c.enqueue(ctx, p)
		}
		if err != nil {
			return err
		}
	}
	return c.await(ctx, b.LSN)
}

// Prepare computes what a batch will change, which must be the next one (ErrGap),
// while it is on its way to the drives. Nothing is changed by it, and no replica
// has any of it, so a batch that comes to nothing leaves nothing behind. Errors
// are those of Apply.
func (c *Catalog) Prepare(ctx context.Context, b Batch) (Prepared, error) {
	if err := c.turn(ctx); err != nil {
		return Prepared{}, err
	}
	defer c.over()
	return c.prepare(ctx, b)
}

// ApplyPrepared is Apply of a batch that was prepared. ErrGap if another one was
// applied since.
func (c *Catalog) ApplyPrepared(ctx context.Context, p Prepared) error {
	if err := c.turn(ctx); err != nil {
		return err
	}
	defer c.over()
	if last := c.last(); last != p.after {
		return fmt.Errorf("%w: batch %d was prepared after %d, and %d is applied", ErrGap, p.q.meta.lsn, p.after.lsn, last.lsn)
	}
	if err := c.enqueue(ctx, p); err != nil {
		return err
	}
	return c.await(ctx, p.q.meta.lsn)
}

// turn waits until no other batch is being applied, and over ends the turn.
func (c *Catalog) turn(ctx context.Context) error {
	select {
	case c.applying <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Catalog) over() { <-c.applying }

// last is the last batch that was queued.
func (c *Catalog) last() meta {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.queued
}

// prepare is Prepare in one's turn.
func (c *Catalog) prepare(ctx context.Context, b Batch) (Prepared, error) {
	last := c.last()
	if b.LSN != last.lsn+1 {
		return Prepared{}, fmt.Errorf("%w: batch %d after %d", ErrGap, b.LSN, last.lsn)
	}
	d, err := c.decoding.batch(b)
	if err != nil {
		return Prepared{}, err
	}
	c.mu.Lock()
	d.alive = c.buckets.among(d.records)
	c.mu.Unlock()
	objects := c.objects.changedObjects(d)
	d.apart = apart(d.records, objects)
	p, left, err := askAll(ctx, c, last.lsn, func(m *member) (Prepared, error) {
		repr, to, err := m.r.prepare(d)
		return Prepared{after: last, q: queuedBatch{repr: repr, meta: to}, buckets: changesBuckets(d), objects: objects}, err
	}, nil)
	c.decoding.end(left)
	return p, err
}

// await waits until the replica that serves has applied a batch.
func (c *Catalog) await(ctx context.Context, lsn uint64) error {
	if _, err := c.current(ctx, lsn); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.acked = max(c.acked, lsn)
	return nil
}

// enqueue gives a batch to every replica. Followers that cannot keep up are dropped.
func (c *Catalog) enqueue(ctx context.Context, p Prepared) error {
	q := p.q
	if err := c.makeRoom(ctx, q); err != nil {
		return err
	}
	q.since = c.opts.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrUnavailable
	}
	if p.buckets {
		c.buckets.forget(q.meta.lsn)
	}
	c.objects.forget(p.objects, q.meta.lsn)
	c.elect()
	for _, m := range slices.Clone(c.members) {
		if m != c.serving && (c.late(m) || c.full(m, q)) {
			c.expel(m, fmt.Errorf("%w: %d batches behind", ErrLaggard, len(m.queue)))
			continue
		}
		m.queue = append(m.queue, q)
		m.bytes += int64(len(q.repr))
		m.poke()
	}
	c.queued = q.meta
	c.broadcast()
	return nil
}

// makeRoom waits while a follower's queue is full. The drive need not be slow for
// that: on a busy machine the feeder may be short of the processor, while batches
// come as fast as the serving replica takes them. So that commits do not come down
// to the pace of a drive that is slow, a follower is waited for no longer than the
// patience in all, counted anew each time that it has caught up.
func (c *Catalog) makeRoom(ctx context.Context, q queuedBatch) error {
	for {
		c.mu.Lock()
		var m *member
		for _, x := range c.members {
			if x != c.serving && c.full(x, q) && !c.late(x) && x.waited < c.opts.Patience && x.r.Failed() == nil {
				m = x
				break
			}
		}
		if m == nil || c.closed {
			c.mu.Unlock()
			return nil
		}
		changed, left := c.watch(), c.opts.Patience-m.waited
		c.mu.Unlock()
		since := c.opts.Now()
		waited := left
		select {
		case <-changed:
			waited = c.opts.Now().Sub(since)
		case <-time.After(left):
		case <-ctx.Done():
			return ctx.Err()
		}
		c.mu.Lock()
		m.waited += waited
		c.mu.Unlock()
	}
}

// full says that a replica's queue has no room for one more batch. The mutex is held.
func (c *Catalog) full(m *member, q queuedBatch) bool {
	return len(m.queue) > 0 && (len(m.queue) >= c.opts.QueueBatches || m.bytes+int64(len(q.repr)) > c.opts.QueueBytes)
}

// late says that a replica has had a batch for too long. The mutex is held.
func (c *Catalog) late(m *member) bool {
	return len(m.queue) > 0 && c.opts.Now().Sub(m.queue[0].since) > c.opts.LagTime
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
	if len(m.queue) == 0 {
		m.waited = 0
	}
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
		m := c.serving
		ready := m != nil && m.applied >= need
		var changed <-chan struct{}
		if m != nil && !ready {
			changed = c.watch()
		}
		c.mu.Unlock()
		if m == nil {
			return nil, ErrUnavailable
		}
		if ready {
			return m, nil
		}
		patience := time.After(c.opts.Patience)
		for waiting := true; waiting; {
			select {
			case <-changed:
				// Wait on with the patience that is left, unless this was it.
				c.mu.Lock()
				changed = c.watch()
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
	for i := len(c.members) - 1; i >= 0; i-- { // those before i stay where they are
		if err := c.members[i].r.Failed(); err != nil {
			c.expel(c.members[i], err)
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
