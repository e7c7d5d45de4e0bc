package scrubber

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestRunFindsMendsAndEnds(t *testing.T) {
	p := newFakePool(3, 1, 2)
	p.result[2] = Result{Mended: 4, Unread: 1, Findings: []Finding{{Kind: "checksum", Text: "bytes are not what was written", Mended: true}}}
	var told []string
	tell := func(s Status) { told = append(told, fmt.Sprint(s.Running, s.Outcome)) }
	bubble(t, p, func(t *testing.T) {
		d := start(t, p, Options{Started: tell, Ended: tell})
		if s := d.Status(); s.State != Idle || s.Started != nil || s.Schedule != scheduleDefault || s.Next.Weekday() != time.Sunday {
			t.Errorf("before the first run: %+v", s)
		}
		if err := errors.Join(d.Pause(t.Context()), d.Resume(t.Context()), d.Stop(t.Context()), d.SetRate(t.Context(), 1)); strings.Count(err.Error(), ErrNotRunning.Error()) != 4 {
			t.Errorf("with no run on: %v", err)
		}
		d.must(d.Start(t.Context(), 0))
		if err := d.Start(t.Context(), 0); !errors.Is(err, ErrRunning) {
			t.Errorf("with a run on: %v", err)
		}
		after(90 * time.Second)
		p.do(func() { p.segments = append(p.segments, 9) }) // not of this run
		s := d.Status()
		if s.State != Running || !s.Running || s.SegmentsDone != 1 || s.SegmentsTotal != 3 || s.Finished != nil || s.Outcome != "" {
			t.Errorf("under way: %+v", s)
		}
		if s.BytesRead < 8_900_000 || s.BytesRead > 9_200_000 || s.BytesPerSecond < 95_000 || s.BytesPerSecond > 105_000 || s.ETASeconds < 85 || s.ETASeconds > 95 {
			t.Errorf("under way: %d bytes, %d a second, %d s left", s.BytesRead, s.BytesPerSecond, s.ETASeconds)
		}
		after(2 * time.Minute)
		s = d.Status()
		if s.State != Idle || s.Running || s.Outcome != AllMended || s.LastSuccess == nil || s.SegmentsDone != 3 || s.BytesRead != 3*segmentBytes || s.Mended != 4 || s.Unread != 1 || s.Remaining != 0 {
			t.Errorf("at the end: %+v", s)
		}
		if len(s.Findings) != 1 || s.Findings[0].Segment != 2 || s.Findings[0].Time.IsZero() {
			t.Errorf("found %+v", s.Findings)
		}
		if got := p.took(); !slices.Equal(got, []uint64{1, 2, 3}) || len(p.checked) != 1 || p.sealed != 1 {
			t.Errorf("examined %v, checked %v, sealed %d times", got, p.checked, p.sealed)
		}
		if !slices.Equal(told, []string{"true", "falsemended"}) {
			t.Errorf("told %q", told)
		}
		d.stop()
	})
}

func TestWhatRemains(t *testing.T) {
	bad := Result{Findings: []Finding{{Text: "too few good columns", Objects: []string{"b/k"}}}, Doubtful: []StripeRange{{1, 3}}}
	for name, c := range map[string]struct {
		set       func(p *fakePool)
		outcome   string
		remaining int
		examined  int
		text      string
	}{
		"damage":                    {func(p *fakePool) { p.result[1] = bad }, Remains, 1, 2, "too few"},
		"damage, and an error":      {func(p *fakePool) { p.result[1] = bad; p.fails[1] = slices.Repeat([]error{errBoom}, 99) }, Remains, 1, 6, "too few"},
		"fails always":              {func(p *fakePool) { p.fails[1] = slices.Repeat([]error{errBoom}, 99) }, Remains, 1, 6, "could not be examined"},
		"fails twice":               {func(p *fakePool) { p.fails[1] = slices.Repeat([]error{errBoom}, 2) }, AllMended, 0, 4, ""},
		"in use for a while":        {func(p *fakePool) { p.fails[1] = slices.Repeat([]error{ErrBusy}, 8) }, AllMended, 0, 10, ""},
		"in use always":             {func(p *fakePool) { p.fails[1] = slices.Repeat([]error{ErrBusy}, 99) }, AllMended, 0, 13, ""},
		"gone":                      {func(p *fakePool) { p.fails[1] = []error{fmt.Errorf("1: %w", ErrGone)} }, AllMended, 0, 2, ""},
		"catalog":                   {func(p *fakePool) { p.check.Findings = []Finding{{Text: "replicas disagree"}} }, Remains, 1, 2, "replicas"},
		"catalog cannot be checked": {func(p *fakePool) { p.checking = errBoom }, Remains, 1, 2, "catalog"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newFakePool(1, 2)
			c.set(p)
			bubble(t, p, func(t *testing.T) {
				d := start(t, p, Options{})
				defer d.stop()
				d.must(d.Start(t.Context(), 0))
				after(time.Hour)
				s := d.Status()
				if s.Outcome != c.outcome || s.Remaining != c.remaining || (s.LastSuccess != nil) != (c.outcome == AllMended) || s.SegmentsDone != 2 || s.Retries != 0 {
					t.Errorf("ended with %+v", s)
				}
				if c.text != "" && (len(s.Findings) != 1 || !strings.Contains(s.Findings[0].Text, c.text)) {
					t.Errorf("found %+v", s.Findings)
				}
				if got := p.took(); len(got) != c.examined || got[1] != 2 {
					t.Errorf("examined %v", got)
				}
				if name == "damage" && len(p.checked[0][1]) != 1 {
					t.Errorf("doubtful: %v", p.checked)
				}
			})
		})
	}
}

func TestWaitsForThePool(t *testing.T) {
	p := newFakePool(1)
	p.listing = errBoom
	bubble(t, p, func(t *testing.T) {
		d := start(t, p, Options{})
		defer d.stop()
		d.must(d.Start(t.Context(), 0))
		after(10 * time.Minute)
		if s := d.Status(); s.State != Waiting || !strings.Contains(s.Reason, errBoom.Error()) {
			t.Errorf("while segments cannot be listed: %+v", s)
		}
		p.do(func() { p.listing = nil })
		after(3 * time.Minute)
		if s := d.Status(); s.Outcome != AllMended {
			t.Errorf("afterwards: %+v", s)
		}
	})
}

func TestPauseResumeStop(t *testing.T) {
	p := newFakePool(1, 2, 3)
	p.short = Result{Mended: 1, Findings: []Finding{{Text: "flipped", Mended: true}, {Text: "not mended yet"}}}
	bubble(t, p, func(t *testing.T) {
		d := start(t, p, Options{})
		d.must(d.Start(t.Context(), 0))
		after(90 * time.Second)
		d.must(d.Pause(t.Context()))
		after(time.Second)
		if s := d.Status(); s.State != Paused || !s.Running || p.at != 0 || s.BytesRead != segmentBytes || s.Mended != 1 || len(s.Findings) != 1 || s.Remaining != 0 {
			t.Errorf("paused: %+v", s)
		}
		d.stop()
		d = start(t, p, Options{}) // pausing survives
		after(time.Hour)
		if s := d.Status(); s.State != Paused || p.cut != 1 {
			t.Errorf("paused, after a restart: %+v", s)
		}
		d.must(d.Resume(t.Context()))
		after(90 * time.Second)
		if got := p.took(); !slices.Equal(got, []uint64{1, 2, 2, 3}) {
			t.Errorf("examined %v", got)
		}
		d.must(d.Stop(t.Context()))
		after(time.Second)
		if s := d.Status(); s.State != Idle || s.Outcome != Stopped || s.LastSuccess != nil || s.Finished == nil ||
			s.BytesRead <= 2*segmentBytes || s.BytesRead >= 3*segmentBytes { // what it read of the last one counts
			t.Errorf("stopped: %+v", s)
		}
		d.must(d.Start(t.Context(), 0))
		after(time.Hour)
		if got := p.took(); !slices.Equal(got, []uint64{1, 2, 3}) {
			t.Errorf("a run after one that was stopped examined %v", got)
		}
		d.stop()
	})
}

func TestStopAndStartWhileASegmentIsRead(t *testing.T) {
	p := newFakePool(1, 2)
	bubble(t, p, func(t *testing.T) {
		d := start(t, p, Options{})
		defer d.stop()
		for _, deaf := range []bool{false, true, true} {
			p.do(func() { p.deaf = deaf })
			d.must(d.Start(t.Context(), 0))
			after(30 * time.Second)
			d.must(d.Stop(t.Context()))
		}
		d.must(d.Start(t.Context(), 0))
		after(3 * time.Minute)
		if s := d.Status(); s.SegmentsDone != 2 || s.Outcome != AllMended || s.BytesRead != 2*segmentBytes {
			t.Errorf("ended with %+v", s)
		}
	})
}

func TestRateIsKeptAndChanged(t *testing.T) {
	p := newFakePool(1, 2, 3)
	bubble(t, p, func(t *testing.T) {
		d := start(t, p, Options{BytesPerSecond: 7})
		d.must(d.Start(t.Context(), segmentBytes/600))
		after(5 * time.Minute)
		if s := d.Status(); s.RateBytes != segmentBytes/600 || s.BytesRead < segmentBytes*9/20 || s.BytesRead > segmentBytes*11/20 {
			t.Errorf("at a tenth of the speed: %+v", s)
		}
		d.stop()
		d = start(t, p, Options{BytesPerSecond: 7})
		if s := d.Status(); s.RateBytes != segmentBytes/600 {
			t.Errorf("after a restart: %+v", s)
		}
		d.must(d.SetRate(t.Context(), 0))
		after(5 * time.Minute)
		if s := d.Status(); s.Outcome != AllMended || s.RateBytes != 7 {
			t.Errorf("without a cap: %+v", s)
		}
		d.stop()
	})
}
