package rebuild

import (
	"testing"
	"time"
)

func TestCapIsSharedAndCanBeChanged(t *testing.T) {
	p := newFakePool(Work{Segment: 1, Bytes: 60_000_000}, Work{Segment: 2, Bytes: 60_000_000})
	p.paced = true
	run(t, p, Options{BytesPerSecond: 1_000_000}, func(t *testing.T, r *Rebuilder) {
		after(40 * time.Second)
		s := r.Status()
		if s.BytesDone < 39_000_000 || s.BytesDone > 40_500_000 {
			t.Errorf("%d bytes in 40 s at 1 MB/s", s.BytesDone)
		}
		if s.BytesPerSecond < 980_000 || s.BytesPerSecond > 1_020_000 {
			t.Errorf("a rate of %d", s.BytesPerSecond)
		}
		if s.ETASeconds < 78 || s.ETASeconds > 83 || s.RateBytes != 1_000_000 {
			t.Errorf("the status is %+v", s)
		}
		r.SetRate(4_000_000)
		after(10 * time.Second)
		if n := r.Status().BytesDone - s.BytesDone; n < 39_000_000 || n > 41_500_000 {
			t.Errorf("%d bytes in 10 s at 4 MB/s", n)
		}
		r.SetRate(0)
		after(time.Second)
		if s := r.Status(); s.State != Idle || s.BytesDone != 120_000_000 || s.RateBytes != 0 {
			t.Errorf("a second after the cap was taken away: %+v", s)
		}
	})
}
