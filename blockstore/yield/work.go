package yield

import (
	"context"
	"sync"
	"time"
)

// Work is one piece of background work, as the mending of a segment. Its methods
// may be called from any goroutine.
type Work struct {
	gate *Gate
	kind Kind

	mu   sync.Mutex
	owed time.Duration // of rest, for what was computed
}

// Begin begins a piece of background work. End is to be called.
func (g *Gate) Begin(k Kind) *Work {
	g.works.Add(1)
	return &Work{gate: g, kind: k}
}

// End ends it.
func (w *Work) End() { w.gate.works.Add(-1) }

// Free says whether nothing has to be held back at present: operations may be
// large, and as many at a time as is good for the work.
func (w *Work) Free() bool { return w.kind == Urgent || !w.gate.active() }

// restMin is the shortest rest after computing: a shorter one is added to the next.
const restMin = time.Millisecond

// Computed says for how long the work has computed since it said so last, and
// rests in proportion, now and then. The error is ctx's.
func (w *Work) Computed(ctx context.Context, took time.Duration) error {
	if w.Free() {
		return ctx.Err()
	}
	g := w.gate
	now := g.now()
	g.held.Store(int64(now))
	g.mu.Lock()
	rest := g.duties[w.kind].rest(took)
	g.mu.Unlock()
	w.mu.Lock()
	w.owed += rest
	if w.owed < restMin && pauseLeft(now) == 0 {
		w.mu.Unlock()
		return ctx.Err()
	}
	until := now + min(w.owed, waitMax)
	w.owed = 0
	w.mu.Unlock()
	w.rest(ctx, func() time.Duration { return until - g.now() })
	return ctx.Err()
}

// look is for how long work rests before it looks whether it has to any longer.
const look = 20 * time.Millisecond

// rest waits while that is so long and while there is a pause, but not after ctx
// has ended. It says whether it need not wait any more because nothing is held back.
func (w *Work) rest(ctx context.Context, left func() time.Duration) (free bool) {
	for {
		wait := max(left(), pauseLeft(w.gate.now()))
		if wait <= 0 || ctx.Err() != nil {
			return false
		}
		timer := time.NewTimer(min(wait, look))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return false
		}
		if w.Free() {
			return true
		}
	}
}
