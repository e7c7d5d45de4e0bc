package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"
)

// ReplicaDigest is what one replica answered when all were compared.
type ReplicaDigest struct {
	Name   string
	LSN    uint64 // of the last batch in it; the same for all without an Err
	Digest uint64 // as Replica.Digest
	// Err says why there is no digest: ErrLaggard if the replica did not answer in
	// LagTime, ErrLeft if it was dropped or detached meanwhile. Any other says that
	// the replica was found damaged; it was dropped for that.
	Err error
}

// ErrLeft says of a replica that it was dropped or detached meanwhile.
var ErrLeft = errors.New("catalog: replica left")

// CompareReplicas takes the digest of every whole replica at one LSN. Batches go
// on meanwhile: a mark goes into all queues between the same two, at which each
// feeder takes a snapshot; the digests are made of those. While beside says so (nil:
// always) all are made side by side, a page of each at a time, else one after the other.
// Pace is called between pages, after so many bytes were read; nil: no waiting.
//
// Each digest belongs to the goroutine that adds a page to it, and the caller waits
// for all of these before it goes on: none outlives the call, but for a page that a drive
// hangs in, whose digest is given up.
//
// Errors: ErrUnavailable; pace's; ctx's if it ends first. Replicas that give no
// digest are no error of the call.
func (c *Catalog) CompareReplicas(ctx context.Context, pace func(ctx context.Context, bytes int) error, beside func() bool) ([]ReplicaDigest, error) {
	all, at, err := c.mark()
	if err != nil {
		return nil, err
	}
	snaps := make([]*Snapshot, len(all))
	defer func() {
		for _, s := range snaps {
			if s != nil {
				_ = s.Close()
			}
		}
	}()
	out := make([]ReplicaDigest, len(all))
	for i, k := range all { // all that are there: none waits behind a drive that hangs
		out[i] = ReplicaDigest{Name: k.m.name, LSN: at.lsn}
		snaps[i], out[i].Err = k.await(ctx)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var left []*digesting
	for i, k := range all {
		got, d := snaps[i], &out[i]
		if d.Err == nil && (got.LSN() != at.lsn || got.UID() != at.uid) {
			d.Err = fmt.Errorf("%w: it is at LSN %d, not at %d", errInconsistent, got.LSN(), at.lsn)
		}
		if d.Err == nil {
			left = append(left, &digesting{ReplicaDigest: d, s: got, h: xxhash.New()})
		}
		c.judge(k.m, d.Err)
	}
	for len(left) > 0 {
		now := left[:1]
		if beside == nil || beside() {
			now = left
		}
		var pages sync.WaitGroup
		for _, d := range now {
			pages.Go(func() { d.page(ctx) })
		}
		pages.Wait()
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		size := 0
		for _, d := range now {
			size += d.size
			c.judge(d.s.m, d.Err)
		}
		if pace != nil && size > 0 {
			if err := pace(ctx, size); err != nil {
				return nil, err
			}
		}
		left = slices.DeleteFunc(left, func(d *digesting) bool { return d.ended })
	}
	return out, nil
}

// judge drops a replica that was found damaged when it was compared.
func (c *Catalog) judge(m *member, err error) {
	if err != nil && !errors.Is(err, ErrLaggard) && !errors.Is(err, ErrLeft) {
		c.drop(m, fmt.Errorf("comparing: %w", err))
	}
}

// marked is a replica that has a mark in its queue.
type marked struct {
	c *Catalog
	m *member
	q *question[*Snapshot]
}

// mark puts a mark into the queue of every whole replica, behind the batch that
// it returns.
func (c *Catalog) mark() (all []marked, at meta, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, at, ErrUnavailable
	}
	c.elect()
	at = c.queued
	for _, m := range c.members {
		if m.cloning {
			continue
		}
		q := &question[*Snapshot]{done: make(chan struct{}, 1), discard: func(s *Snapshot) { _ = s.Close() }}
		m.queue = append(m.queue, queuedBatch{meta: at, since: c.opts.Now(), mark: q})
		m.poke()
		all = append(all, marked{c, m, q})
	}
	return all, at, nil
}

// reached answers a mark that a feeder came to.
func (c *Catalog) reached(m *member, q *question[*Snapshot]) {
	v, err := m.r.view()
	if err != nil {
		q.answer(nil, err)
		return
	}
	q.answer(&Snapshot{c: c, m: m, v: v}, nil)
}

// await waits until the replica has come to its mark, LagTime at most.
func (k marked) await(ctx context.Context) (*Snapshot, error) {
	var why error
	select {
	case <-k.q.done:
	case <-k.m.gone:
		why = ErrLeft
	case <-time.After(k.c.opts.LagTime):
		why = ErrLaggard
	case <-ctx.Done():
		why = ctx.Err()
	}
	if s, err, answered := k.q.leave(); answered {
		return s, err
	}
	return nil, why
}

// digesting is a digest that is being made: of every entry (see Replica.Digest).
type digesting struct {
	*ReplicaDigest
	s     *Snapshot
	h     *xxhash.Digest // a page that was left behind may still write to it: then it is given up
	size  int            // bytes of the page that was added last
	ended bool           // all of it is there, or there will be none
}

// page adds a page.
func (d *digesting) page(ctx context.Context) {
	type hashed struct {
		next []byte
		size int
	}
	page, err := step(ctx, d.s, time.After(d.s.c.opts.LagTime), func(last []byte) (p hashed, err error) {
		p.next, p.size, err = d.s.v.hash(d.h, last, digestPage)
		return p, err
	})
	d.s.last, d.size = page.next, page.size
	switch {
	case err != nil:
		d.Err, d.ended = err, true
	case page.next == nil:
		d.Digest, d.ended = d.h.Sum64(), true
	}
}

// Drop takes out a replica that is of no use any more for the reason given,
// whatever it says of itself. OnDrop is told, so that another one is made.
// Nothing happens if there is none of that name. Discard, which may be nil, is called when the replica is
// closed, and before another one of that name is made.
func (c *Catalog) Drop(name string, err error, discard func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m := c.find(name); m != nil {
		m.discard = discard
		c.expel(m, err)
	}
}
