package blockstore

import (
	"context"
	"sync"
	"time"
)

// patienceShares is in how many shares patience is counted.
const patienceShares = 16

// countdown runs out when somebody has been waited for so long, of the time in which
// this process ran.
//
// Invariant: it runs out when patienceShares timers have fired, each of which was begun
// when the one before had fired. So it is never early, and a stop of the process
// (SIGSTOP, a virtual machine that is frozen or moved, a suspend) costs one share at
// most, however long it was; what the drives answered meanwhile is taken in the shares
// that are left. With one timer for the whole, every drive that anything was under way
// on would be late at once when the process goes on: drives that are well would be left
// out, and with too few labels to say so the pool would be read-only until a restart.
type countdown struct {
	C <-chan struct{} // closed when it runs out

	c     chan struct{}
	over  func() // called when it runs out; may be nil
	share time.Duration

	mu    sync.Mutex
	timer *time.Timer
	left  int  // shares; 0: it ran out, or was stopped
	clean bool // it was stopped before a timer fired that was not counted
}

// countDown begins a countdown of d, after which over is called, if it is not nil, on
// a goroutine of its own. Stop it.
func countDown(d time.Duration, over func()) *countdown {
	c := &countdown{c: make(chan struct{}), over: over, share: shareOf(d), left: patienceShares}
	c.C = c.c
	c.mu.Lock() // tick sees the timer
	defer c.mu.Unlock()
	c.timer = time.AfterFunc(c.share, c.tick)
	return c
}

// shareOf is a share of d; all of them together are no shorter than that.
func shareOf(d time.Duration) time.Duration {
	return (d + patienceShares - 1) / patienceShares
}

// tick counts a share that has passed, however long ago.
func (c *countdown) tick() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left == 0 {
		return
	}
	if c.left--; c.left > 0 {
		c.timer.Reset(c.share)
		return
	}
	close(c.c)
	if c.over != nil {
		go c.over()
	}
}

// Stop ends it, if it has not run out.
func (c *countdown) Stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clean = c.left > 0 && c.timer.Stop()
	c.left = 0
}

// again is a new countdown of the same time, in the memory of one that was stopped if
// that can be; of d if there is none yet.
func (c *countdown) again(d time.Duration) *countdown {
	if c == nil {
		return countDown(d, nil)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.clean {
		return countDown(d, c.over)
	}
	c.left, c.clean = patienceShares, false
	c.timer.Reset(c.share)
	return c
}

// withPatience is context.WithTimeout by a countdown.
func withPatience(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	c := countDown(d, cancel)
	return ctx, func() {
		c.Stop()
		cancel()
	}
}

// watched is for how long something has been under way, of the time in which this
// process ran.
type watched time.Duration

// look is it at the next look, between after the last one: no more than that is added,
// however long it is since what is under way now began; 0 if nothing is.
func (w watched) look(since, between time.Duration) watched {
	return min(w+watched(between), watched(since))
}
