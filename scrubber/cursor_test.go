package scrubber

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestRestartGoesOnFromTheCursor(t *testing.T) {
	p := newFakePool(1, 2, 3, 4, 5)
	p.fails[1] = []error{errBoom}
	p.result[2] = Result{Doubtful: []StripeRange{{7, 8}}, Findings: []Finding{{Text: "doubtful"}}}
	bubble(t, p, func(t *testing.T) {
		d := start(t, p, Options{})
		d.must(d.Start(t.Context(), 0))
		after(3*segmentTime + 10*time.Second)
		began := *d.Status().Started
		d.stop()
		d = start(t, p, Options{})
		after(time.Second)
		if s := d.Status(); s.State != Running || s.Started == nil || !s.Started.Equal(began) || s.SegmentsDone != 2 || s.Remaining != 1 {
			t.Errorf("after a restart: %+v", s)
		}
		after(time.Hour)
		s := d.Status()
		if s.Outcome != Remains || s.Remaining != 1 || s.SegmentsDone != s.SegmentsTotal {
			t.Errorf("at the end: %+v", s)
		}
		// 4 was cut short; 1 had failed; what is doubtful of 2 has to be told to the cross check.
		if got := p.took(); !slices.Equal(got, []uint64{1, 2, 3, 4, 4, 5, 1, 2}) {
			t.Errorf("examined %v", got)
		}
		if len(p.checked) != 1 || len(p.checked[0][2]) != 1 || p.sealed != 1 {
			t.Errorf("checked %v, sealed %d times", p.checked, p.sealed)
		}
		d.stop()
	})
}

func TestKilledAtAnyTimeDoesOneSegmentTwice(t *testing.T) {
	var segments []uint64
	for i := range uint64(20) {
		segments = append(segments, i+1)
	}
	p := newFakePool(segments...)
	bubble(t, p, func(t *testing.T) {
		d := start(t, p, Options{})
		d.must(d.Start(t.Context(), 0))
		kills := 0
		for ; d.Status().Running; kills++ {
			after(137 * time.Second)
			p.do(func() { p.storing = errBoom }) // as a kill: nothing more is stored
			d.stop()
			p.do(func() { p.storing = nil })
			d = start(t, p, Options{})
			after(time.Second)
		}
		d.stop()
		got := p.took()
		if len(got) > len(segments)+kills || !slices.Equal(slices.Compact(got), segments) {
			t.Errorf("with %d kills: examined %v", kills, got)
		}
	})
}

func TestCursorStaysWhenTooMuchHasFailed(t *testing.T) {
	var segments []uint64
	for i := range uint64(againMost + 50) {
		segments = append(segments, 1<<62+i)
	}
	p := newFakePool(segments...)
	p.steps = 1
	for _, segment := range segments {
		p.fails[segment] = []error{errBoom}
	}
	bubble(t, p, func(t *testing.T) {
		d := start(t, p, Options{})
		d.must(d.SetSchedule(t.Context(), "off"))
		d.must(d.Start(t.Context(), 0))
		after(time.Duration(len(segments))*segmentTime - 30*time.Second)
		if s := d.Status(); s.Retries != len(segments)-1 || s.Reason != "" {
			t.Fatalf("before the last: %+v", s)
		}
		d.stop()
		p.took()
		var st state
		d.must(json.Unmarshal(p.stored[stateName], &st))
		if len(st.Again) != againMost || !st.Held {
			t.Errorf("%d are to be done again", len(st.Again))
		}
		d = start(t, p, Options{})
		after(time.Duration(2*len(segments)) * segmentTime)
		got := p.took()
		slices.Sort(got)
		if s := d.Status(); s.Outcome != AllMended || !slices.Equal(slices.Compact(got), segments) {
			t.Errorf("after a restart: %+v", s)
		}
		d.stop()
	})
}

func TestStateThatCannotBeStoredOrRead(t *testing.T) {
	p := newFakePool(1, 2)
	p.loading = errBoom
	bubble(t, p, func(t *testing.T) {
		d := start(t, p, Options{})
		if err := d.Start(t.Context(), 0); !errors.Is(err, ErrNotReady) {
			t.Errorf("before the state is read: %v", err)
		}
		if s := d.Status(); s.Reason != ErrNotReady.Error() {
			t.Errorf("before the state is read: %+v", s)
		}
		p.do(func() { p.loading, p.storing = nil, errBoom })
		after(2 * time.Minute)
		d.must(d.Start(t.Context(), 0))
		if s := d.Status(); s.State != Running || !strings.Contains(s.Reason, errBoom.Error()) {
			t.Errorf("when it cannot be stored: %+v", s)
		}
		if err := d.SetSchedule(t.Context(), "off"); !errors.Is(err, errBoom) || d.Status().Schedule != scheduleDefault {
			t.Errorf("a schedule that cannot be stored: %v, %q", err, d.Status().Schedule)
		}
		after(10 * time.Minute)
		p.do(func() { p.storing = nil })
		after(time.Minute)
		if s := d.Status(); s.Outcome != AllMended || s.Reason != "" {
			t.Errorf("afterwards: %+v", s)
		}
		d.stop()
		p.stored[stateName] = []byte("{")
		d = start(t, p, Options{})
		if s := d.Status(); s.Schedule != scheduleDefault || s.State != Idle {
			t.Errorf("with a state that is damaged: %+v", s)
		}
		d.stop()
	})
}

func TestFindingsAreBoundedAndKept(t *testing.T) {
	p := newFakePool(1, 2, 3, 4)
	names := make([]string, 3000)
	for i := range names {
		names[i] = fmt.Sprintf("bucket/a key of usual length %d \xff", i)
	}
	for _, segment := range p.segments {
		var r Result
		for i := range 400 {
			r.Findings = append(r.Findings, Finding{Text: fmt.Sprint(segment, " ", i), Mended: i%2 == 0})
		}
		r.Findings[399].Objects = names
		p.result[segment] = r
	}
	bubble(t, p, func(t *testing.T) {
		d := start(t, p, Options{})
		d.must(d.Start(t.Context(), 0))
		after(time.Hour)
		check := func() {
			t.Helper()
			s := d.Status()
			if len(s.Findings) != findingsMost || s.Findings[999].Text != "4 399" || s.Remaining != 4*200 || s.Outcome != Remains {
				t.Errorf("%d findings, the last %q, %d remain", len(s.Findings), s.Findings[len(s.Findings)-1].Text, s.Remaining)
			}
			if last := s.Findings[999]; len(last.Objects) < 300 || len(last.Objects)+last.ObjectsMore != len(names) {
				t.Errorf("%d objects named, %d not", len(last.Objects), last.ObjectsMore)
			}
		}
		check()
		d.stop()
		d = start(t, p, Options{})
		check()
		if n := len(p.stored); n < 5 || n > 30 {
			t.Errorf("stored under %d names", n)
		}
		p.do(func() { clear(p.result) })
		d.must(d.Start(t.Context(), 0))
		after(time.Hour)
		if s := d.Status(); len(s.Findings) != 0 || s.Remaining != 0 || len(p.stored) != 1 {
			t.Errorf("after a run that found nothing: %d findings, %d names", len(s.Findings), len(p.stored))
		}
		d.stop()
	})
}
