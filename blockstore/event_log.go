package blockstore

import (
	"context"
	"sync"
)

// eventLog keeps the pool's events.
type eventLog struct {
	p *Pool

	mu    sync.Mutex
	queue []Event       // not numbered yet
	news  chan struct{} // closed when there are new events
}

// eventQueueMax bounds what waits to be written.
const eventQueueMax = 1024

func newEventLog(p *Pool) *eventLog { return &eventLog{p: p, news: make(chan struct{})} }

func (l *eventLog) note(e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) < eventQueueMax {
		l.queue = append(l.queue, e)
	}
}

func (l *eventLog) changed() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.news
}

func (l *eventLog) list(context.Context, uint64, int) ([]Event, error) { return nil, nil }
