package yield

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	// Piece is how many bytes an operation that has a turn moves at most. On an NVMe-like
	// disk that takes 0.15 ms; on a spinning one little more than the way there.
	Piece = 128 << 10

	// activeFor is how long clients count as active after their last operation:
	// those that want something now and then are not to meet work at full speed each time.
	activeFor = time.Second

	// waitMax bounds the wait for a turn.
	waitMax = time.Second
)

// Gate is where background work and the clients of one pool meet. Its methods may be
// called from any goroutine.
type Gate struct {
	made     time.Time
	inFlight atomic.Int64
	last     atomic.Int64 // when clients were active last, since made; 0: never
	works    atomic.Int64 // pieces of background work under way
	held     atomic.Int64 // when work was last held back, since made; 0: never
	turns    atomic.Int64 // given while work was held back

	mu     sync.Mutex
	duties [Urgent]*duty // by kind
	disks  map[any]*disk
}

// New makes a Gate.
func New() *Gate {
	g := &Gate{made: time.Now(), disks: make(map[any]*disk)}
	for k := range g.duties {
		g.duties[k] = newDuty(Kind(k))
	}
	return g
}

// now is the time since the gate was made, never zero.
func (g *Gate) now() time.Duration { return max(1, time.Since(g.made)) }

// Operation is one of a client's.
type Operation struct {
	gate  *Gate
	began time.Duration
}

// Client says that an operation of a client begins: one that waits for drives or
// processors, and not for the client. It is to be ended once.
func (g *Gate) Client() Operation {
	g.inFlight.Add(1)
	return Operation{g, g.now()}
}

// End says that the operation has ended.
func (o Operation) End() {
	g, now := o.gate, o.gate.now()
	g.inFlight.Add(-1)
	g.last.Store(int64(now))
	if g.works.Load() == 0 {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, d := range g.duties {
		d.observe(o.began, now-o.began)
	}
}

// Touch says that clients are active, without an operation to measure.
func (g *Gate) Touch() { g.last.Store(int64(g.now())) }

// active says whether clients want something, or did a moment ago.
func (g *Gate) active() bool {
	return g.inFlight.Load() > 0 || g.lately(&g.last)
}

func (g *Gate) lately(at *atomic.Int64) bool {
	t := at.Load()
	return t > 0 && g.now()-time.Duration(t) < activeFor
}

// Yielding says whether work is held back at present.
func (g *Gate) Yielding() bool { return g.works.Load() > 0 && g.lately(&g.held) }

// Turns is how many operations on disks have had a turn of their own, which is given
// only while work is held back.
func (g *Gate) Turns() int64 { return g.turns.Load() }

// Share is which part of the time work of a kind takes while it is held back.
func (g *Gate) Share(k Kind) float64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.duties[k].share
}
