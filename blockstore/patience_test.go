package blockstore

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// ranOut says whether a countdown has.
func ranOut(c *countdown) bool {
	synctest.Wait()
	select {
	case <-c.C:
		return true
	default:
		return false
	}
}

// TestPatienceLasts: a countdown runs out after its time, neither before nor when it
// was stopped, and begins again in full.
func TestPatienceLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const patience = 15 * time.Second
		var called atomic.Int32
		c := countDown(patience, func() { called.Add(1) })
		time.Sleep(patience - 1)
		if ranOut(c) || called.Load() != 0 {
			t.Fatal("it ran out early")
		}
		if time.Sleep(1 + patienceShares); !ranOut(c) || called.Load() != 1 {
			t.Fatalf("it did not run out, or called %d times", called.Load())
		}
		c.Stop()

		c = (*countdown)(nil).again(patience)
		for range 3 {
			time.Sleep(patience - 1)
			c.Stop()
			if ranOut(c) {
				t.Fatal("it ran out early")
			}
			if time.Sleep(time.Hour); ranOut(c) {
				t.Fatal("it ran out when it was stopped")
			}
			c = c.again(patience)
		}
		time.Sleep(patience + patienceShares)
		if !ranOut(c) {
			t.Fatal("it did not run out")
		}
		c.Stop()
		if c = c.again(patience); ranOut(c) {
			t.Fatal("it had run out when it began again")
		}
		c.Stop()

		ctx, cancel := withPatience(t.Context(), patience)
		if time.Sleep(patience - 1); ctx.Err() != nil {
			t.Fatal("the context ended early")
		}
		if <-ctx.Done(); ctx.Err() != context.Canceled {
			t.Fatal(ctx.Err())
		}
		cancel()
	})
}

// TestPatienceOutlivesAStop: when the process goes on after a stop, the timers fire that
// were due, each once; whatever waits has nearly all of its patience then.
func TestPatienceOutlivesAStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const patience = 16 * time.Second
		c := countDown(patience, nil)
		time.Sleep(patience / 2)
		synctest.Wait()
		c.tick() // as the timer that is due after a stop
		time.Sleep(patience/2 - 2*patience/patienceShares)
		if ranOut(c) {
			t.Fatal("the stop took more than a share")
		}
		time.Sleep(patience / patienceShares)
		if !ranOut(c) {
			t.Fatal("it did not run out")
		}
	})

	const between = time.Second
	var w watched
	for i, look := range []struct{ since, want time.Duration }{
		{0, 0}, {300 * time.Millisecond, 300 * time.Millisecond}, // began since
		{1300 * time.Millisecond, 1300 * time.Millisecond},
		{time.Hour, 2300 * time.Millisecond}, // the process was stopped
		{time.Hour + between, 3300 * time.Millisecond},
		{200 * time.Millisecond, 200 * time.Millisecond}, // another one
		{0, 0}, {time.Hour, between},
	} {
		if w = w.look(look.since, between); time.Duration(w) != look.want {
			t.Errorf("look %d: %v under way, want %v", i, time.Duration(w), look.want)
		}
	}
}
