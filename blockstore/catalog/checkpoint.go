package catalog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Snapshot is the catalog as of one LSN, for a checkpoint. It stays with the
// replica it was taken from; if that is lost, another one has to be taken. It
// must be closed. It is for one goroutine.
type Snapshot struct {
	c    *Catalog
	m    *member
	v    *view
	last []byte // key of the last entry given

	mu      sync.Mutex
	running bool // a page is being read
	closed  bool
}

// Snapshot takes a snapshot of everything acknowledged.
func (c *Catalog) Snapshot(ctx context.Context) (*Snapshot, error) {
	return ask(ctx, c, c.Applied(), func(m *member) (*Snapshot, error) {
		v, err := m.r.view()
		if err != nil {
			return nil, err
		}
		return &Snapshot{c: c, m: m, v: v}, nil
	}, func(s *Snapshot) { _ = s.v.close() })
}

// LSN of the last batch in the snapshot.
func (s *Snapshot) LSN() uint64 { return s.v.meta.lsn }

// UID of the last batch in the snapshot.
func (s *Snapshot) UID() uint64 { return s.v.meta.uid }

// Next gives the entries that follow, in key order, up to the first that
// brings their size to max bytes; none at the end. ErrUnavailable if the
// replica was lost meanwhile, ctx's error if that ends first; neither can be
// recovered from.
func (s *Snapshot) Next(ctx context.Context, max int) ([]Entry, error) {
	page, err := s.page(ctx, max, "lm", nil)
	switch {
	case err == nil:
		return page, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, ErrLeft):
		return nil, fmt.Errorf("%w: the snapshot's replica was lost", ErrUnavailable)
	case errors.Is(err, errAbandoned), errors.Is(err, ErrUnavailable):
		return nil, err
	}
	s.c.drop(s.m, fmt.Errorf("snapshot: %w", err))
	return nil, fmt.Errorf("%w: snapshot: %w", ErrUnavailable, err)
}

var errAbandoned = errors.New("catalog: snapshot is closed or was abandoned")

// page gives the entries that follow but those of the kinds in omit. It waits
// until ctx ends, the replica is lost (ErrLeft), or it is late (ErrLaggard).
func (s *Snapshot) page(ctx context.Context, max int, omit string, late <-chan time.Time) ([]Entry, error) {
	page, err := step(ctx, s, late, func(last []byte) ([]Entry, error) { return s.v.page(last, max, omit) })
	if len(page) > 0 {
		s.last = page[len(page)-1].Key
	}
	return page, err
}

// step has something read from the view, behind the last entry given, and waits
// as page does.
func step[T any](ctx context.Context, s *Snapshot, late <-chan time.Time, read func(last []byte) (T, error)) (none T, err error) {
	type answer struct {
		v   T
		err error
	}
	s.mu.Lock()
	if s.closed || s.running {
		s.mu.Unlock()
		return none, errAbandoned
	}
	s.running = true
	s.mu.Unlock()
	answers := make(chan answer, 1)
	last := s.last
	ok := s.c.spawn(func() {
		v, err := read(last)
		s.ended()
		answers <- answer{v, err}
	})
	if !ok {
		s.ended()
		return none, ErrUnavailable
	}
	select {
	case a := <-answers:
		return a.v, a.err
	case <-s.m.gone:
		return none, ErrLeft
	case <-late:
		return none, ErrLaggard
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

// ended says that no page is being read any more, and closes the view if
// Close came while one was.
func (s *Snapshot) ended() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = false
	if s.closed {
		_ = s.v.close()
	}
}

// Close lets the snapshot go; if a page still hangs in its drive, when that returns.
func (s *Snapshot) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	if s.running {
		return nil
	}
	return s.v.close()
}
