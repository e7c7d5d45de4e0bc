package yield

import (
	"math"
	"testing"
	"time"
)

// feed has clients do so many operations in each of some cycles: those that begin in its
// pause take one time, the others another.
func feed(d *duty, cycles, each int, alone, beside time.Duration) {
	from := int(d.cycle) + 1
	for i := range cycles {
		for n := range each {
			at := time.Duration(from+i)*cycle + cycle*time.Duration(n)/time.Duration(each)
			if pauseLeft(at) > 0 {
				d.observe(at, alone)
			} else {
				d.observe(at, beside)
			}
		}
	}
}

// TestDutyFollowsLatency: work takes less while clients are slower with it, and more
// while they are not, within limits; what is slow by itself is no reason.
func TestDutyFollowsLatency(t *testing.T) {
	const usual = 2 * time.Millisecond
	for name, c := range map[string]struct {
		kind   Kind
		beside float64 // of usual
		want   float64
	}{
		"no slower":               {Routine, 1, Routine.limits().shareMax},
		"much slower":             {Routine, 2, Routine.limits().shareMin},
		"a little slower":         {Routine, 1.09, shareFirst},
		"repair, no slower":       {Repair, 1.1, Repair.limits().shareMax},
		"repair, much slower":     {Repair, 2, Repair.limits().shareMin},
		"repair, a little slower": {Repair, 1.4, shareFirst},
	} {
		for _, scale := range []time.Duration{1, 20} { // a busy pool, or one of slow drives
			d := newDuty(c.kind)
			feed(d, 50, 1000, scale*usual, time.Duration(c.beside*float64(scale*usual)))
			if math.Abs(d.share-c.want) > 1e-9 {
				t.Errorf("%s, %d times as slow by itself: a share of %v, not %v", name, scale, d.share, c.want)
			}
		}
	}
}

// TestDutyWaitsForMore: little that is known changes nothing.
func TestDutyWaitsForMore(t *testing.T) {
	d := newDuty(Routine)
	feed(d, 10, 30, time.Millisecond, time.Second) // of which 50 are in pauses
	if d.share != shareFirst {
		t.Errorf("the share went to %v", d.share)
	}
	feed(d, 20, 30, time.Millisecond, time.Second)
	if d.share >= shareFirst {
		t.Errorf("it stays at %v, though enough is known", d.share)
	}
}

// TestDutyAndOutliers: one stall of a disk decides nothing.
func TestDutyAndOutliers(t *testing.T) {
	const usual = 2 * time.Millisecond
	d := newDuty(Routine)
	feed(d, 20, 2000, usual, usual)
	before := d.share
	d.observe(d.cycle*cycle+pause, time.Second)
	feed(d, 5, 2000, usual, usual)
	if d.share < before {
		t.Errorf("after one operation of a second the share went from %v to %v", before, d.share)
	}
}

// TestDutyRecovers: when clients are not slower any more, work takes more again.
func TestDutyRecovers(t *testing.T) {
	d := newDuty(Routine)
	feed(d, 30, 1000, time.Millisecond, 3*time.Millisecond)
	feed(d, 30, 1000, time.Millisecond, time.Millisecond)
	if want := Routine.limits().shareMax; d.share != want {
		t.Errorf("the share is %v, not %v", d.share, want)
	}
}
