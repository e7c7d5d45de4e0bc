package rebuild

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
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

func TestBurstsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(1_000_000)
		time.Sleep(time.Hour) // nothing is saved up
		start := time.Now()
		for range 20 {
			if err := p.wait(t.Context(), 100_000); err != nil {
				t.Fatal(err)
			}
		}
		if d := time.Since(start); d < 1750*time.Millisecond {
			t.Errorf("2 MB at 1 MB/s took %v", d)
		}
	})
}

func TestTinyCapAndEndOfContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(3)
		start := time.Now()
		if err := p.wait(t.Context(), 10); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d < 2*time.Second || d > 4*time.Second {
			t.Errorf("10 bytes at 3 bytes/s took %v", d)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Minute, cancel)
		if err := p.wait(ctx, 1<<30); !errors.Is(err, context.Canceled) {
			t.Errorf("wait gives %v", err)
		}
		p.set(0)
		if err := p.wait(ctx, 1); !errors.Is(err, context.Canceled) {
			t.Errorf("wait without a cap gives %v", err)
		}
	})
}

func TestMeter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &meter{}
		if r := m.rate(); r != 0 {
			t.Errorf("before anything: %d", r)
		}
		m.restart()
		for range 1000 {
			time.Sleep(100 * time.Millisecond)
			m.add(50)
			if r := m.rate(); time.Since(m.start) > 2*time.Second && (r < 450 || r > 530) {
				t.Fatalf("after %v: %d bytes/s, want about 500", time.Since(m.start), r)
			}
		}
		time.Sleep(31 * time.Second)
		if r := m.rate(); r != 0 {
			t.Errorf("half a minute later: %d", r)
		}
	})
}
