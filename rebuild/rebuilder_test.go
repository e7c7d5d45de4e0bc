package rebuild

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestFewestRemainingColumnsFirst(t *testing.T) {
	p := newFakePool(
		Work{Segment: 1, Remaining: 1}, Work{Segment: 2, Remaining: 0}, Work{Segment: 3, Remaining: 1}, Work{Segment: 4, Remaining: 2})
	run(t, p, Options{Workers: 1}, func(t *testing.T, r *Rebuilder) {
		after(90 * time.Second) // the second is being mended
		p.set(Work{Segment: 4, Remaining: 0}, Work{Segment: 5, Remaining: -1})
		after(time.Hour)
		if got, want := p.order(), []uint64{2, 1, 5, 4, 3}; !slices.Equal(got, want) {
			t.Errorf("mended in the order %v, want %v", got, want)
		}
	})
}

func TestSeveralAtOnce(t *testing.T) {
	p := newFakePool()
	for i := range uint64(10) {
		p.set(Work{Segment: i + 1})
	}
	run(t, p, Options{Workers: 3}, func(t *testing.T, r *Rebuilder) {
		after(4*time.Minute + time.Second)
		if s := r.Status(); s.State != Idle || s.SegmentsDone != 10 || p.most != 3 {
			t.Errorf("after four minutes: %+v, %d at once", s, p.most)
		}
	})
}

func TestFailureIsTriedAgainAndHoldsUpNobody(t *testing.T) {
	p := newFakePool(Work{Segment: 1, Remaining: 0, Bytes: 10}, Work{Segment: 2, Remaining: 1, Bytes: 10}, Work{Segment: 3, Remaining: 1, Bytes: 10})
	p.fails[1] = 12
	p.took = time.Millisecond
	ended := 0
	run(t, p, Options{Workers: 1, Done: func(Status) { ended++ }}, func(t *testing.T, r *Rebuilder) {
		after(time.Second + 10*time.Millisecond)
		s := r.Status()
		if s.SegmentsDone != 2 || s.SegmentsLeft != 1 || s.BytesLeft != 10 || len(s.Retries) != 1 {
			t.Fatalf("after a second: %+v", s)
		}
		if again := s.Retries[0]; again.Segment != 1 || again.Attempts < 1 || again.Error != errBoom.Error() {
			t.Errorf("on the retry list: %+v", again)
		}
		if s.State == Waiting && !strings.Contains(s.Reason, errBoom.Error()) {
			t.Errorf("waits because %q", s.Reason)
		}
		after(time.Hour)
		s = r.Status()
		if s.State != Idle || s.SegmentsDone != 3 || len(s.Retries) != 0 || ended != 1 || s.LastFinished == nil {
			t.Errorf("after an hour: %+v, done %d times", s, ended)
		}
		if got := p.order(); len(got) != 15 {
			t.Errorf("mended %v: want 1 thirteen times, the others once", got)
		}
	})
}

func TestBackoffGrowsToABound(t *testing.T) {
	for attempts, most := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 9: 256 * time.Second, 10: retryMost, 1000: retryMost} {
		var longest time.Duration
		for range 2000 {
			longest = max(longest, backoff(attempts))
		}
		if longest > most || longest < most*9/10 {
			t.Errorf("after %d attempts: up to %v, want %v", attempts, longest, most)
		}
	}
}

func TestStillDueIsNotMendedInALoop(t *testing.T) {
	p := newFakePool(Work{Segment: 1})
	p.stubborn[1] = true
	p.took = 0
	run(t, p, Options{}, func(t *testing.T, r *Rebuilder) {
		after(10 * time.Minute)
		if n := len(p.order()); n < 5 || n > 60 {
			t.Errorf("mended %d times in ten minutes", n)
		}
		if s := r.Status(); len(s.Retries) != 1 || s.Retries[0].Error != errStillDue.Error() {
			t.Errorf("the status is %+v", s)
		}
	})
}

func TestWaitingForADriveIsSaid(t *testing.T) {
	p := newFakePool(Work{Segment: 1, Blocked: "waiting for a drive"}, Work{Segment: 2, Remaining: 1, Blocked: "an upload is under way"}, Work{Segment: 3, Remaining: 2})
	run(t, p, Options{}, func(t *testing.T, r *Rebuilder) {
		after(time.Second)
		if s := r.Status(); s.State != Running {
			t.Errorf("while one can be mended: %+v", s)
		}
		after(2 * time.Minute)
		s := r.Status()
		if s.State != Waiting || s.Reason != "waiting for a drive (2 segments)" || s.SegmentsLeft != 2 {
			t.Errorf("when none can: %+v", s)
		}
		if p.settles == 0 {
			t.Error("nobody was told that a round is over")
		}
		p.set(Work{Segment: 1}, Work{Segment: 2})
		after(2 * time.Minute)
		if s := r.Status(); s.State != Idle || s.SegmentsDone != 3 {
			t.Errorf("with a new drive: %+v", s)
		}
	})
}

func TestFailedAndThenWithoutADrive(t *testing.T) {
	p := newFakePool(Work{Segment: 1})
	p.took = 0
	p.fails[1] = 1000
	run(t, p, Options{}, func(t *testing.T, r *Rebuilder) {
		after(time.Hour)
		p.set(Work{Segment: 1, Blocked: "waiting for a drive"})
		after(2 * time.Second)
		if s := r.Status(); s.State != Waiting || s.Reason != "waiting for a drive (1 segment)" || len(s.Retries) != 0 {
			t.Errorf("the status is %+v", s)
		}
	})
}

// TestSettlesBesideWhatIsBlocked: what cannot be mended keeps no drive that is done. Neither
// after a restart, nor when that drive waited for something else as it was looked at last:
// for a replica of the catalog, say, that is made elsewhere.
func TestSettlesBesideWhatIsBlocked(t *testing.T) {
	p := newFakePool(Work{Segment: 1, Blocked: "waiting for a drive"})
	run(t, p, Options{}, func(t *testing.T, r *Rebuilder) {
		after(20 * time.Second)
		if p.settles < 15 {
			t.Errorf("settled %d times in 20 s", p.settles)
		}
	})
}

func TestPoolThatRefusesIsAskedAgain(t *testing.T) {
	p := newFakePool(Work{Segment: 1})
	p.refuses = errBoom
	run(t, p, Options{}, func(t *testing.T, r *Rebuilder) {
		after(10 * time.Minute)
		if s := r.Status(); s.State != Waiting || s.Reason != errBoom.Error() {
			t.Errorf("while it refuses: %+v", s)
		}
		p.do(func() { p.refuses = nil })
		after(3 * time.Minute)
		if s := r.Status(); s.State != Idle || s.SegmentsDone != 1 || s.Reason != "" {
			t.Errorf("afterwards: %+v", s)
		}
	})
}

func TestSettle(t *testing.T) {
	p := newFakePool()
	p.settling = errBoom
	run(t, p, Options{}, func(t *testing.T, r *Rebuilder) {
		after(10 * time.Second)
		if s := r.Status(); s.State != Idle || !strings.Contains(s.Reason, errBoom.Error()) || p.settles < 5 || p.prepares < 5 {
			t.Errorf("with nothing due: %+v, settled %d times, prepared %d times", s, p.settles, p.prepares)
		}
		p.do(func() { p.settling = nil })
		p.set(Work{Segment: 1})
		after(2 * time.Second)
		p.do(func() { p.settles = 0 })
		after(20 * time.Second)
		if p.settles < 15 {
			t.Errorf("settled %d times in 20 s with a segment under way: a drive that is done would have to wait", p.settles)
		}
	})
}

func TestCtxEndsWhatIsUnderWay(t *testing.T) {
	p := newFakePool(Work{Segment: 1}, Work{Segment: 2})
	p.took = -1
	run(t, p, Options{}, func(t *testing.T, r *Rebuilder) {
		after(time.Minute)
		if p.at != 2 {
			t.Errorf("%d are being mended", p.at)
		}
	})
}
