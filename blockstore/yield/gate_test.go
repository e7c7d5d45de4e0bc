package yield

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// within runs a test with a clock of its own. The gate is past the pause of its first cycle.
func within(t *testing.T, test func(t *testing.T, g *Gate)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		g := New()
		time.Sleep(pause)
		test(t, g)
	})
}

// turn gets a turn, and fails the test if it cannot.
func turn(t *testing.T, w *Work, disk any) *Turn {
	t.Helper()
	got, err := w.Turn(t.Context(), disk)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestNobodyThere: without clients nothing is held back, nor what is urgent with them.
func TestNobodyThere(t *testing.T) {
	within(t, func(t *testing.T, g *Gate) {
		w := g.Begin(Routine)
		defer w.End()
		if !w.Free() || g.Yielding() {
			t.Error("work is held back before a client came")
		}
		end := g.Client().End
		time.Sleep(time.Minute)
		if w.Free() || turn(t, w, "disk").Free {
			t.Error("work is not held back while a client's operation is under way")
		}
		if !g.Yielding() {
			t.Error("that work is held back is not said")
		}
		if !g.Begin(Urgent).Free() {
			t.Error("what is urgent is held back")
		}
		end()
		time.Sleep(activeFor - 1)
		if w.Free() {
			t.Error("work is not held back shortly after a client's operation")
		}
		time.Sleep(time.Nanosecond)
		if !w.Free() || g.Yielding() {
			t.Error("work is held back long after a client's last operation")
		}
		g.Touch()
		if w.Free() {
			t.Error("clients that are active do not count")
		}
	})
}

// TestTurns: on one disk there is one operation at a time, and a rest behind it;
// disks have nothing to do with each other.
func TestTurns(t *testing.T) {
	within(t, func(t *testing.T, g *Gate) {
		defer g.Client().End()
		w := g.Begin(Routine)
		defer w.End()
		const took = 2 * time.Millisecond
		one := turn(t, w, "a")
		began, next := time.Now(), make(chan time.Duration)
		go func() {
			second := turn(t, w, "a")
			next <- time.Since(began)
			second.End()
		}()
		other := turn(t, w, "b")
		if at := time.Since(began); at != 0 {
			t.Errorf("another disk's turn came after %v", at)
		}
		time.Sleep(took)
		one.End()
		other.End()
		if n := g.Turns(); n < 2 {
			t.Errorf("%d turns were counted, at least 2 given", n)
		}
		if at, want := <-next, time.Duration(float64(took)/shareFirst); at < want || at > want+time.Millisecond {
			t.Errorf("an operation took %v, and the next one began %v after it, not %v", took, at, want)
		}
	})
}

// TestPause: a cycle begins without work.
func TestPause(t *testing.T) {
	within(t, func(t *testing.T, g *Gate) {
		defer g.Client().End()
		w := g.Begin(Repair)
		defer w.End()
		for range 20 {
			time.Sleep(cycle / 7)
			turn(t, w, "disk").End()
			if in := g.now() % cycle; in < pause {
				t.Errorf("a turn was given %v into a cycle", in)
			}
			if err := w.Computed(t.Context(), time.Microsecond); err != nil {
				t.Fatal(err)
			}
			if in := g.now() % cycle; in < pause {
				t.Errorf("computing went on %v into a cycle", in)
			}
		}
	})
}

// TestComputed: rests are in proportion to what was computed, however small the parts.
func TestComputed(t *testing.T) {
	within(t, func(t *testing.T, g *Gate) {
		defer g.Client().End()
		w := g.Begin(Routine)
		defer w.End()
		const part, parts = 10 * time.Microsecond, 2000
		began := time.Now()
		for range parts {
			time.Sleep(part)
			if err := w.Computed(t.Context(), part); err != nil {
				t.Fatal(err)
			}
		}
		least := time.Duration(float64(parts*part) / shareFirst)
		if took := time.Since(began); took < least-restMin || took > least+3*restMin {
			t.Errorf("%v of computing took %v, not %v", parts*part, took, least)
		}
	})
}

// TestClientsLeave: who rests goes on when there is nobody to rest for.
func TestClientsLeave(t *testing.T) {
	within(t, func(t *testing.T, g *Gate) {
		w := g.Begin(Routine)
		defer w.End()
		end := g.Client().End
		one := turn(t, w, "disk")
		time.Sleep(time.Hour) // it has to rest for longer than waitMax
		end()
		one.End()
		began := time.Now()
		if next := turn(t, w, "disk"); !next.Free && time.Since(began) < waitMax {
			t.Error("the rest was too short")
		}
		if took := time.Since(began); took > activeFor+look {
			t.Errorf("work went on %v after the last client", took)
		}
	})
}

// TestAlwaysEnds: whatever hangs, and however long an operation took, the next turn
// is not waited for for ever; a caller that leaves leaves at once.
func TestAlwaysEnds(t *testing.T) {
	within(t, func(t *testing.T, g *Gate) {
		defer g.Client().End()
		w := g.Begin(Routine)
		defer w.End()
		hung := turn(t, w, "disk")
		for range 3 {
			began := time.Now()
			turn(t, w, "disk").End()
			if took := time.Since(began); took != waitMax {
				t.Errorf("a turn behind one that hangs came after %v, not %v", took, waitMax)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), waitMax/2)
		defer cancel()
		if _, err := w.Turn(ctx, "disk"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a caller that left had %v", err)
		}
		hung.End()
		began := time.Now()
		turn(t, w, "disk").End()
		if took := time.Since(began); took != waitMax {
			t.Errorf("behind one that took long a turn came after %v, not %v", took, waitMax)
		}
	})
}

// TestNeverStarves: while clients want something all the time, and see all the while
// that they are slower with the work, it goes on with the least share.
func TestNeverStarves(t *testing.T) {
	within(t, func(t *testing.T, g *Gate) {
		w := g.Begin(Routine)
		defer w.End()
		ctx, cancel := context.WithCancel(t.Context())
		var clients sync.WaitGroup
		for range 4 { // to whom the work is a nuisance
			clients.Go(func() {
				for ctx.Err() == nil {
					end := g.Client().End
					if pauseLeft(g.now()) > 0 {
						time.Sleep(time.Millisecond)
					} else {
						time.Sleep(4 * time.Millisecond)
					}
					end()
				}
			})
		}
		const took = time.Millisecond
		time.Sleep(time.Minute)
		least := Routine.limits().shareMin
		if share := g.Share(Routine); share != least {
			t.Errorf("the share is %v, not the least, %v", share, least)
		}
		const ops = 100
		began := time.Now()
		for range ops {
			one := turn(t, w, "disk")
			time.Sleep(took)
			one.End()
		}
		most := time.Duration(float64(ops*took) / least * float64(cycle) / float64(cycle-pause) * 1.05)
		if all := time.Since(began); all > most {
			t.Errorf("%d operations of %v took %v, more than %v", ops, took, all, most)
		}
		cancel()
		clients.Wait()
	})
}
