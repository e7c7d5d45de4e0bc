package scrubber

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestSuspectsGoFirst(t *testing.T) {
	p := newFakePool(1, 2, 3, 4)
	bubble(t, p, func(t *testing.T) {
		d := start(t, p, Options{})
		d.must(d.Start(t.Context(), 0))
		after(30 * time.Second)
		for _, segment := range []uint64{4, 1, 77, 4} { // to come, being read, not of the run
			p.suspects <- segment
		}
		after(time.Hour)
		if got := p.took(); !slices.Equal(got, []uint64{1, 4, 1, 77, 2, 3}) {
			t.Errorf("examined %v", got)
		}
		if s := d.Status(); s.SegmentsDone != 4 || s.SegmentsTotal != 4 || s.Outcome != AllMended {
			t.Errorf("the run: %+v", s)
		}
		d.stop()
	})
}

func TestSuspectsWithoutARun(t *testing.T) {
	p := newFakePool(1, 2, 3)
	p.result[2] = Result{Mended: 1, Findings: []Finding{{Text: "flipped", Mended: true}, {Text: "lost"}}}
	p.fails[3] = slices.Repeat([]error{errBoom}, 99)
	bubble(t, p, func(t *testing.T) {
		d := start(t, p, Options{})
		p.suspects <- 2
		after(30 * time.Second)
		if s := d.Status(); s.State != Idle || s.Running || s.Reason == "" {
			t.Errorf("while one is read: %+v", s)
		}
		after(time.Minute)
		if s := d.Status(); s.Remaining != 1 || len(s.Findings) != 2 || s.Mended != 1 || s.BytesRead != 0 {
			t.Errorf("after it: %+v", s)
		}
		p.suspects <- 3
		after(time.Hour)
		if got := p.took(); !slices.Equal(got, []uint64{2, 3, 3, 3, 3, 3}) {
			t.Errorf("examined %v", got)
		}
		if s := d.Status(); s.Remaining != 2 {
			t.Errorf("what could not be read: %+v", s)
		}
		d.stop()
		d = start(t, p, Options{})
		if s := d.Status(); s.Remaining != 2 || len(s.Findings) != 3 {
			t.Errorf("after a restart: %+v", s)
		}
		d.stop()
	})
}

func TestSuspectIsNotReadInALoop(t *testing.T) {
	p := newFakePool(1)
	p.result[1] = Result{Findings: []Finding{{Text: "lost"}}}
	bubble(t, p, func(t *testing.T) {
		d := start(t, p, Options{})
		for range 600 { // reading it makes it suspect anew
			p.suspects <- 1
			after(10 * time.Second)
		}
		if n := len(p.took()); n > 11 {
			t.Errorf("examined %d times in 100 minutes", n)
		}
		if s := d.Status(); s.Remaining != 1 || len(s.Findings) != 1 {
			t.Errorf("found %+v", s.Findings)
		}
		d.stop()
	})
}

func TestSuspectsWaitWhilePaused(t *testing.T) {
	p := newFakePool(1)
	bubble(t, p, func(t *testing.T) {
		d := start(t, p, Options{})
		d.must(d.Start(t.Context(), 0))
		d.must(d.Pause(t.Context()))
		synctest.Wait() // what was begun before is put down
		p.took()
		p.suspects <- 7
		after(time.Hour)
		if got := p.took(); len(got) != 0 {
			t.Errorf("examined %v", got)
		}
		d.must(d.Resume(t.Context()))
		after(time.Hour)
		if got := p.took(); !slices.Equal(got, []uint64{7, 1}) {
			t.Errorf("examined %v", got)
		}
		d.stop()
	})
}
