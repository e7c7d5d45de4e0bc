package yield

import (
	"math"
	"time"
)

// Kind of background work.
type Kind int

const (
	// Routine is what can wait: a scrub.
	Routine Kind = iota
	// Repair is of what lacks columns, and may still lose some.
	Repair
	// Urgent is of what has no parity left. It yields to nobody.
	Urgent
)

// limits say how far work of a kind goes.
type limits struct {
	shareMin, shareMax float64 // of the time
	// Latency beside the work, by latency without it, above which the work takes
	// less, and below which it takes more.
	much, little float64
}

func (k Kind) limits() limits {
	if k == Repair {
		return limits{shareMin: 0.10, shareMax: 0.80, much: 1.5, little: 1.3}
	}
	return limits{shareMin: 0.05, shareMax: 0.50, much: 1.12, little: 1.06}
}

const (
	// Each cycle begins with a pause. It has room for some operations even where one
	// takes 20 ms, as on spinning disks.
	cycle = 600 * time.Millisecond
	pause = 100 * time.Millisecond

	samplesMin = 100 // of both parts, before they are compared

	shareFirst = 0.2 // before anything is known
	more, less = 1.15, 0.75
)

// pauseLeft is how much is left of the pause that this time is in; 0: in none.
func pauseLeft(now time.Duration) time.Duration { return max(0, pause-now%cycle) }

// duty is the share of the time that work of one kind takes, and what it follows from.
type duty struct {
	limits
	share    float64
	cycle    time.Duration // the number of that which samples came in last
	in, with samples       // of operations that began in a pause, and that did not
}

// samples are latencies. The mean is of their square roots, so that what is slow
// counts, and yet no single hiccup of a disk decides.
type samples struct{ n, roots float64 }

func (s *samples) add(took time.Duration) {
	s.n++
	s.roots += math.Sqrt(took.Seconds())
}

func (s *samples) mean() float64 { return math.Pow(s.roots/s.n, 2) }

// fade has what was counted count for half of what comes.
func (s *samples) fade() { s.n, s.roots = s.n/2, s.roots/2 }

func newDuty(k Kind) *duty {
	return &duty{limits: k.limits(), share: shareFirst}
}

// observe takes in a client's operation.
func (d *duty) observe(begin, took time.Duration) {
	if at := begin / cycle; at != d.cycle {
		d.cycle = at
		d.judge()
	}
	if pauseLeft(begin) > 0 {
		d.in.add(took)
	} else {
		d.with.add(took)
	}
}

// judge changes the share when enough is known.
func (d *duty) judge() {
	if min(d.in.n, d.with.n) < samplesMin {
		return
	}
	switch slower := d.with.mean() / d.in.mean(); {
	case slower > d.much:
		d.share = max(d.shareMin, d.share*less)
	case slower < d.little:
		d.share = min(d.shareMax, d.share*more)
	}
	d.in.fade()
	d.with.fade()
}

// rest is what follows on so much work.
func (d *duty) rest(took time.Duration) time.Duration {
	return time.Duration(float64(took) * (1/d.share - 1))
}
