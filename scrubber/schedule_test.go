package scrubber

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// wall is a wall clock that can be set.
type wall struct{ off atomic.Int64 }

func (w *wall) now() time.Time      { return time.Now().Add(time.Duration(w.off.Load())) }
func (w *wall) set(d time.Duration) { w.off.Add(int64(d)) }

const (
	day  = 24 * time.Hour
	week = 7 * day
	year = 365 * day
	tick = 30 * time.Minute // fewer than there are, for weeks go by
)

func TestScheduleLines(t *testing.T) {
	from := time.Date(2000, 1, 1, 12, 0, 0, 0, time.UTC) // a Saturday
	for line, want := range map[string]string{
		"0 3 * * SUN":     "2000-01-02 03:00",
		"  0  3 * *  sun": "2000-01-02 03:00",
		"30 2 15 * 1":     "2000-01-03 02:30", // a Monday, or the 15th
		"0 0 29 2 *":      "2000-02-29 00:00",
		"@weekly":         "2000-01-02 00:00",
		"@every 36h":      "2000-01-03 00:00",
		"*/10 * * * *":    "2000-01-01 12:10",
		"off":             "0001-01-01 00:00",
		"OFF":             "0001-01-01 00:00",
	} {
		s, err := parseSchedule(line)
		if err != nil {
			t.Errorf("%q: %v", line, err)
			continue
		}
		if got := s.next(from).Format("2006-01-02 15:04"); got != want {
			t.Errorf("%q comes next at %s, want %s", line, got, want)
		}
	}
	for _, line := range []string{"", "weekly", "0 3 * *", "0 3 * * SUN *", "60 3 * * *", "0 24 * * *", "0 0 30 2 *", "* * * * FOO", "@every 1s", "TZ=", "TZ=Nowhere/At_all 0 3 * * *", "\x00"} {
		if _, err := parseSchedule(line); !errors.Is(err, ErrSchedule) {
			t.Errorf("%q is taken: %v", line, err)
		}
	}
}

func TestSummerTimeAfterARestart(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("there is no time zone database: ", err)
	}
	s, err := parseSchedule("0 3 * * *")
	if err != nil {
		t.Fatal(err)
	}
	// What is stored has the offset of its time, here that of the winter.
	heeded := time.Date(2026, 7, 1, 2, 0, 30, 0, time.FixedZone("", 3600)) // 03:00:30 in Berlin
	for at, want := range map[string]bool{"02:59": false, "03:00": true} {
		clock, err := time.Parse(time.TimeOnly, at+":00")
		if err != nil {
			t.Fatal(err)
		}
		now := time.Date(2026, 7, 2, clock.Hour(), clock.Minute(), 0, 0, berlin)
		if start, _ := s.due(heeded, now); start != want {
			t.Errorf("at %v a run is due: %v", now, start)
		}
	}
}

func TestWallClockIsOnlyThat(t *testing.T) {
	// Times with elapsed time in them would compare by that, and hide a clock that was set back.
	if now := New(newFakePool(), Options{}).now().String(); strings.Contains(now, "m=") {
		t.Errorf("the time is %s", now)
	}
}

// starts counts the runs that begin while the time goes by.
func starts(p *fakePool, during time.Duration) int {
	before := p.runs()
	after(during)
	return p.runs() - before
}

func TestScheduledRuns(t *testing.T) {
	p := newFakePool(1)
	bubble(t, p, func(t *testing.T) {
		d := start(t, p, Options{Tick: tick})
		if n := starts(p, 26*time.Hour); n != 0 {
			t.Errorf("%d runs before Sunday, 3 o'clock", n)
		}
		if n := starts(p, 2*time.Hour); n != 1 {
			t.Errorf("%d runs on Sunday", n)
		}
		if n := starts(p, 4*week); n != 4 {
			t.Errorf("%d runs in four weeks", n)
		}
		if err := d.SetSchedule(t.Context(), "0 0 30 2 *"); !errors.Is(err, ErrSchedule) {
			t.Errorf("a line that cannot be: %v", err)
		}
		d.must(d.SetSchedule(t.Context(), "off"))
		d.stop()
		d = start(t, p, Options{Tick: tick})
		if s := d.Status(); s.Schedule != "off" || s.Next != nil {
			t.Errorf("off, after a restart: %+v", s)
		}
		if n := starts(p, 4*week); n != 0 {
			t.Errorf("%d runs although it is off", n)
		}
		d.must(d.SetSchedule(t.Context(), "0 * * * *"))
		if n := starts(p, 10*time.Hour); n != 10 {
			t.Errorf("%d runs in ten hours", n)
		}
		d.stop()
	})
}

func TestMissedRunsAreMadeUpOnce(t *testing.T) {
	p := newFakePool(1)
	bubble(t, p, func(t *testing.T) {
		start(t, p, Options{Tick: tick}).stop()
		time.Sleep(5 * week)
		d := start(t, p, Options{Tick: tick})
		after(2 * time.Hour)
		if p.runs() != 1 {
			t.Errorf("%d runs for five that were missed", p.runs())
		}
		d.stop()
		d = start(t, p, Options{Tick: tick})
		after(2 * time.Hour)
		if p.runs() != 1 {
			t.Errorf("%d runs after another restart", p.runs())
		}
		d.stop()
	})
}

func TestScheduleLeavesTheRunThatIsOn(t *testing.T) {
	p := newFakePool(1, 2)
	bubble(t, p, func(t *testing.T) {
		d := start(t, p, Options{Tick: tick})
		d.must(d.Start(t.Context(), 0))
		synctest.Wait() // it is at its first segment, and has sealed what was open
		d.must(d.Pause(t.Context()))
		if n := starts(p, 3*week); n != 0 {
			t.Errorf("%d runs beside one that is paused", n)
		}
		p.took()
		d.must(d.Resume(t.Context()))
		if n := starts(p, time.Hour); n != 0 {
			t.Errorf("%d runs beside one that went on", n)
		}
		if list := p.took(); !slices.Equal(list, []uint64{1, 2}) {
			t.Errorf("of the run that went on %v were examined", list)
		}
		d.stop()
	})
}

func TestClockThatJumps(t *testing.T) {
	for name, c := range map[string]struct {
		jump   time.Duration
		most   int // runs in the two hours after it
		weekly int // runs in the four weeks after that
	}{
		"ten years ahead": {10 * year, 1, 4},
		"ten years back":  {-10 * year, 0, 4},
		"an hour ahead":   {time.Hour, 0, 4},
		"an hour back":    {-time.Hour, 0, 4},
	} {
		t.Run(name, func(t *testing.T) {
			p := newFakePool(1)
			var w wall
			bubble(t, p, func(t *testing.T) {
				d := start(t, p, Options{Now: w.now, Tick: tick})
				after(3 * day) // a Tuesday
				w.set(c.jump)
				if n := starts(p, 2*time.Hour); n > c.most || c.jump > year && n != 1 {
					t.Errorf("%d runs after the jump", n)
				}
				if n := starts(p, 4*week); n < c.weekly || n > c.weekly+1 {
					t.Errorf("%d runs in the four weeks after it", n)
				}
				// Ahead by mistake, and back: the next run is not ten years away.
				w.set(-c.jump)
				if n := starts(p, 4*week); n < c.weekly || n > c.weekly+1 {
					t.Errorf("%d runs in the four weeks after it was set right", n)
				}
				d.stop()
			})
		})
	}
}

func TestClockThatIsSetBackOverAndOver(t *testing.T) {
	p := newFakePool(1)
	var w wall
	bubble(t, p, func(t *testing.T) {
		d := start(t, p, Options{Now: w.now})
		after(27*time.Hour - time.Minute)
		for range 600 { // around Sunday, 3 o'clock
			after(2 * time.Minute)
			w.set(-2 * time.Minute)
		}
		if p.runs() > 21 {
			t.Errorf("%d runs in 20 hours", p.runs())
		}
		for range 20 { // and with a restart each time
			d.stop()
			w.set(-10 * time.Second)
			d = start(t, p, Options{Now: w.now})
			after(10 * time.Second)
		}
		if p.runs() > 23 {
			t.Errorf("%d runs", p.runs())
		}
		d.stop()
	})
}
