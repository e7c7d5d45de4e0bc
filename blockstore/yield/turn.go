package yield

import (
	"context"
	"errors"
	"time"
)

// disk is what gives turns on one disk.
type disk struct {
	turn chan struct{} // has room for one
	next time.Duration // no turn before; guarded by Gate.mu
}

func (g *Gate) disk(key any) *disk {
	g.mu.Lock()
	defer g.mu.Unlock()
	d := g.disks[key]
	if d == nil {
		d = &disk{turn: make(chan struct{}, 1)}
		g.disks[key] = d
	}
	return d
}

// Turn is the permission for one operation on a disk.
type Turn struct {
	// Free: nothing is held back. Otherwise the operation moves Piece bytes at most.
	Free bool

	work  *Work
	disk  *disk // nil: none is held
	begun time.Duration
}

// errLate ends the wait for a turn, and the operation begins.
var errLate = errors.New("the turn is late")

// Turn waits until an operation on the disk of that key may begin. End of the turn
// is to be called when it is over, by whichever goroutine. The error is ctx's.
func (w *Work) Turn(ctx context.Context, key any) (*Turn, error) {
	if w.Free() {
		return &Turn{Free: true}, ctx.Err()
	}
	g, t := w.gate, &Turn{work: w}
	g.held.Store(int64(g.now()))
	wait, cancel := context.WithTimeoutCause(ctx, waitMax, errLate)
	defer cancel()
	d := g.disk(key)
	select {
	case d.turn <- struct{}{}:
		t.disk = d
	case <-wait.Done():
	}
	t.Free = w.rest(wait, func() time.Duration {
		g.mu.Lock()
		defer g.mu.Unlock()
		return d.next - g.now()
	})
	if err := ctx.Err(); err != nil || t.Free {
		t.drop()
		return t, err
	}
	t.begun = g.now()
	g.turns.Add(1)
	return t, nil
}

// End ends the turn: the next one on this disk comes after a rest.
func (t *Turn) End() {
	if t.disk == nil {
		return
	}
	g := t.work.gate
	now := g.now()
	g.mu.Lock()
	t.disk.next = now + g.duties[t.work.kind].rest(now-t.begun)
	g.mu.Unlock()
	t.drop()
}

func (t *Turn) drop() {
	if t.disk != nil {
		<-t.disk.turn
		t.disk = nil
	}
}
