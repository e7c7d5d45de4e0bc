package catalog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

var (
	// ErrLaggard is why a replica that cannot keep up is dropped.
	ErrLaggard = errors.New("catalog: replica lags behind")
	// ErrBehind says that a replica to attach is not where the catalog is.
	ErrBehind = errors.New("catalog: replica is not at the catalog's LSN")
)

// Options of a Catalog. The zero value works.
type Options struct {
	Logger *slog.Logger // nil: none

	// OnDrop is told of each replica that was dropped because it failed, turned
	// out corrupt or lagged. It is called on a goroutine of its own, at most once
	// for a replica, while the replica's database is perhaps still closing.
	OnDrop func(name string, err error)

	// A replica that is not serving is dropped when more than this waits for it and
	// it makes no room within the patience, or the oldest has waited for so long.
	QueueBatches int           // 0: 4096
	QueueBytes   int64         // 0: 8 MiB
	LagTime      time.Duration // 0: 30 s

	// Patience is how long the serving replica may take for one operation before
	// another that has everything serves in its place. It is no fault to be slow:
	// the first becomes a follower. 0: 500 ms.
	Patience time.Duration

	// CloseTime bounds the wait for replicas on drives that do not answer. 0: 10 s.
	CloseTime time.Duration

	Now func() time.Time // nil: time.Now
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.OnDrop == nil {
		o.OnDrop = func(string, error) {}
	}
	if o.QueueBatches == 0 {
		o.QueueBatches = 4096
	}
	if o.QueueBytes == 0 {
		o.QueueBytes = 8 << 20
	}
	if o.LagTime == 0 {
		o.LagTime = 30 * time.Second
	}
	if o.Patience == 0 {
		o.Patience = 500 * time.Millisecond
	}
	if o.CloseTime == 0 {
		o.CloseTime = 10 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Catalog is a set of replicas that hold the same content, one of which
// serves. Its methods may be called at the same time.
//
// A batch goes this way: the serving replica computes what it changes; that is
// queued for every replica, the serving one among them, each of which has a
// feeder goroutine; Apply returns when the replica that serves by then has
// applied it. So whatever the serving replica hangs in, another has the batch
// already, or can compute it, and takes over.
type Catalog struct {
	opts     Options
	applying chan struct{} // holds one token: batches are applied one after the other
	wg       sync.WaitGroup
	hands    hands

	mu      sync.Mutex
	members []*member
	leaving map[string]*member       // dropped or detached, not closed yet
	making  map[string]chan struct{} // by Clone; closed when that has ended
	serving *member                  // nil until one is chosen
	queued  meta                     // of the last batch that was queued
	acked   uint64                   // LSN of the last batch that Apply returned for
	buckets bucketCache
	objects objectCache
	changed chan struct{} // closed and replaced when anything above changes; see watch
	watched bool          // somebody has it
	closed  bool

	decoding decoding // of the batch whose turn it is
}

// member is a replica's place in a Catalog. All but r, name and channels is
// guarded by the Catalog's mutex.
type member struct {
	name    string
	r       *Replica
	queue   []queuedBatch // of which the first may be under way
	bytes   int64
	waited  time.Duration // of batches for room in the queue, since it was empty
	applied uint64
	cloning bool          // being filled: fed by Clone, cannot serve
	gone    chan struct{} // closed when it is no member any more
	closed  chan struct{} // closed when its database is
	wake    chan struct{} // one token: there may be something for the feeder
	discard func()        // called when its database is closed; may be nil
}

// queuedBatch is a batch in its physical form, shared by all queues.
type queuedBatch struct {
	repr  []byte
	meta  meta
	since time.Time
	mark  *question[*Snapshot] // not nil: no batch, the feeder answers it
}

// New gives a catalog without replicas.
func New(o Options) *Catalog {
	return &Catalog{
		opts:     o.withDefaults(),
		applying: make(chan struct{}, 1),
		leaving:  map[string]*member{},
		making:   map[string]chan struct{}{},
		objects:  newObjectCache(0),
		changed:  make(chan struct{}),
	}
}

// watch gives what is closed with the next change. The mutex is held.
func (c *Catalog) watch() <-chan struct{} {
	c.watched = true
	return c.changed
}

// broadcast wakes everyone who waits for a change. The mutex is held.
func (c *Catalog) broadcast() {
	if !c.watched { // as for most changes: every replica makes one of each batch
		return
	}
	close(c.changed)
	c.changed, c.watched = make(chan struct{}), false
}

// Attach adds a replica, which from now on belongs to the catalog: it feeds
// and closes it. The replica must stand where the catalog stands (ErrBehind);
// one that finds no other there says where that is, but not before what was
// applied already. The name, a drive's say, must be unique.
func (c *Catalog) Attach(r *Replica, name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := *r.meta.Load()
	switch {
	case c.closed:
		return ErrUnavailable
	case c.find(name) != nil || c.leaving[name] != nil:
		return fmt.Errorf("catalog: there is a replica %q already", name)
	case m.building:
		return errBuilding
	case len(c.members) == 0 && m.lsn > c.queued.lsn || c.queued == (meta{}):
		c.queued, c.acked = m, m.lsn
		c.buckets = bucketCache{lsn: m.lsn} // of what it knew nothing is sure
		c.objects.lsn, c.objects.sets = m.lsn, nil
	case m.lsn != c.queued.lsn || m.uid != c.queued.uid:
		return fmt.Errorf("%w: %q is at LSN %d, the catalog at %d", ErrBehind, name, m.lsn, c.queued.lsn)
	}
	if err := r.Failed(); err != nil {
		return err
	}
	mb := c.enlist(r, name)
	mb.applied = m.lsn
	c.wg.Go(func() { c.feed(mb) })
	return nil
}

// enlist makes a replica a member. The mutex is held.
func (c *Catalog) enlist(r *Replica, name string) *member {
	m := &member{
		name: name, r: r,
		gone: make(chan struct{}), closed: make(chan struct{}), wake: make(chan struct{}, 1),
	}
	c.members = append(c.members, m)
	// Called from within Pebble, so it must neither block nor call back.
	onFail := func() { m.poke() }
	r.onFail.Store(&onFail)
	m.poke() // in case it failed before that
	c.broadcast()
	return m
}

func (m *member) poke() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// find gives the member of that name, or nil. The mutex is held.
func (c *Catalog) find(name string) *member {
	for _, m := range c.members {
		if m.name == name {
			return m
		}
	}
	return nil
}

// Detach takes a replica out and closes it, or leaves it to close by itself
// if that outlasts ctx. What was not flushed is lost from it.
func (c *Catalog) Detach(ctx context.Context, name string) error {
	c.mu.Lock()
	m := c.find(name)
	if m == nil {
		c.mu.Unlock()
		return fmt.Errorf("%w: no replica %q", ErrNotFound, name)
	}
	c.expel(m, nil)
	c.mu.Unlock()
	select {
	case <-m.closed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// drop removes a replica that is of no use any more, once.
func (c *Catalog) drop(m *member, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expel(m, err)
}

// expel makes m no member any more and closes it on a goroutine of its own,
// since a database on a hung drive does not close. With err it is a drop.
// The mutex is held.
func (c *Catalog) expel(m *member, err error) {
	if m.isGone() {
		return
	}
	close(m.gone)
	for i, x := range c.members {
		if x == m {
			c.members = append(c.members[:i:i], c.members[i+1:]...)
			break
		}
	}
	if c.serving == m {
		c.serving = nil
	}
	m.queue, m.bytes = nil, 0
	c.leaving[m.name] = m
	c.broadcast()
	if err != nil {
		c.opts.Logger.Error("catalog replica dropped", "replica", m.name, "err", err)
		c.wg.Go(func() { c.opts.OnDrop(m.name, err) })
	}
	c.wg.Go(func() {
		if err := m.r.Close(); err != nil {
			c.opts.Logger.Warn("closing a catalog replica", "replica", m.name, "err", err)
		}
		if m.discard != nil {
			m.discard()
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.leaving, m.name)
		close(m.closed)
	})
}

// spawn runs f on a goroutine that Close waits for; false if it is too late for that.
func (c *Catalog) spawn(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.wg.Go(f)
	return true
}

func (m *member) isGone() bool {
	select {
	case <-m.gone:
		return true
	default:
		return false
	}
}

// ReplicaStatus describes one replica.
type ReplicaStatus struct {
	Name    string
	Applied uint64 // LSN
	Queued  int    // batches that wait for it
	Serving bool
	Cloning bool // being made; its Applied does not count yet
}

// Replicas lists the replicas, in the order they came.
func (c *Catalog) Replicas() []ReplicaStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]ReplicaStatus, len(c.members))
	for i, m := range c.members {
		out[i] = ReplicaStatus{
			Name: m.name, Applied: m.applied, Queued: len(m.queue), Serving: m == c.serving, Cloning: m.cloning,
		}
	}
	return out
}

// Applied is the last batch that Apply returned for, or that the first
// replica came with.
func (c *Catalog) Applied() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.acked
}
