package catalog

import (
	"sync"
	"time"
)

// handsMax is how many hands rest at most: about as many as a busy server has questions under way.
const handsMax = 64

// hands are goroutines that put questions to replicas. One that has answered rests until the next
// question comes: its stack has grown as far as Pebble needs, which takes longer than most answers do.
//
// A hand that hangs in a drive is not among those that rest: who waited for it has left, and the next
// question gets another one. When it comes back at last it ends.
type hands struct {
	mu      sync.Mutex
	resting []*hand // the one that worked last is the last
	closed  bool
}

// hand is one such goroutine. Who took it has it to himself, and lets it rest again, or leaves it behind.
type hand struct {
	work chan errand
	done chan struct{} // for the question at hand: one token
	late *time.Timer   // for who waits; it does not run while the hand rests
}

// errand is a question with all that it takes to put it. left says that nobody waited for the answer any more.
type errand interface{ run() (left bool) }

// hand takes one that rests, or a new one; nil if it is too late for questions.
func (c *Catalog) hand() *hand {
	c.hands.mu.Lock()
	if n := len(c.hands.resting); n > 0 {
		h := c.hands.resting[n-1]
		c.hands.resting = c.hands.resting[:n-1]
		c.hands.mu.Unlock()
		return h
	}
	c.hands.mu.Unlock()
	h := &hand{work: make(chan errand, 1), done: make(chan struct{}, 1), late: time.NewTimer(time.Hour)}
	h.late.Stop()
	if !c.spawn(h.serve) {
		return nil
	}
	return h
}

// rest takes a hand back whose question was answered. If enough rest already, it ends.
func (hs *hands) rest(h *hand) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	if hs.closed || len(hs.resting) >= handsMax {
		close(h.work)
		return
	}
	hs.resting = append(hs.resting, h)
}

// close ends all that rest, and from now on every other one after its question.
func (hs *hands) close() {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	hs.closed = true
	for _, h := range hs.resting {
		close(h.work)
	}
	hs.resting = nil
}

// serve runs errands until the hand is let go, or was left behind.
func (h *hand) serve() {
	for e := range h.work {
		if e.run() {
			return
		}
	}
}
