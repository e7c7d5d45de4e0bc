package api

import (
	"sync"
	"time"
)

// tracker counts running handlers, so that serving ends only when none is
// left: http.Server.Close closes connections and does not wait.
type tracker struct {
	mu     sync.Mutex
	n      int
	closed bool
	idle   chan struct{} // closed when closed and n is 0
}

func newTracker() *tracker { return &tracker{idle: make(chan struct{})} }

// begin reports false once closed.
func (t *tracker) begin() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		t.n++
	}
	return !t.closed
}

func (t *tracker) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n--
	if t.closed && t.n == 0 {
		close(t.idle)
	}
}

// close lets no new ones begin and waits for those that run, but not longer
// than patience. It gives the number that still run.
func (t *tracker) close(patience time.Duration) int {
	t.mu.Lock()
	t.closed = true
	n := t.n
	t.mu.Unlock()
	if n == 0 {
		return 0
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-t.idle:
		return 0
	case <-timer.C:
		t.mu.Lock()
		defer t.mu.Unlock()
		return t.n
	}
}
