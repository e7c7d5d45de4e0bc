package report

import (
	"math"

	"github.com/holdfast-storage/holdfast/bench"
)

// axis maps values to places on the paper, in pixels of the chart.
type axis struct {
	from, to   float64 // values
	start, end float64 // where they are drawn
	log        bool
}

// at is where a value is drawn; what lies outside is drawn at the border.
func (a axis) at(v float64) float64 {
	from, to := a.from, a.to
	v = min(max(v, from), to)
	if a.log {
		v, from, to = math.Log(v), math.Log(from), math.Log(to)
	}
	if to == from {
		return (a.start + a.end) / 2
	}
	return round(a.start + (v-from)/(to-from)*(a.end-a.start))
}

// round keeps a tenth of a pixel.
func round(v float64) float64 { return math.Round(v*10) / 10 }

// tick is a value that is written beside an axis.
type tick struct {
	At   float64
	Text string
}

// logAxis reaches from the power of base below least to the one above most.
func logAxis(least, most, base, start, end float64) axis {
	power := func(v float64, to func(float64) float64) float64 {
		return math.Pow(base, to(math.Log(v)/math.Log(base)))
	}
	a := axis{from: power(least*1.0001, math.Floor), to: power(most*0.9999, math.Ceil), start: start, end: end, log: true}
	if a.from >= a.to {
		a.to = a.from * base
	}
	return a
}

// powers are the ticks at the powers of base, thinned out to about eight.
func (a axis) powers(base float64, unit bench.Unit) (ticks []tick) {
	n := int(math.Round(math.Log(a.to/a.from) / math.Log(base)))
	step := max(1, (n+6)/7)
	for i := 0; i <= n; i += step {
		v := a.from * math.Pow(base, float64(i))
		ticks = append(ticks, tick{a.at(v), value(v, unit)})
	}
	return ticks
}

// base is what a unit is counted in powers of on an axis.
func base(unit bench.Unit) float64 {
	if unit == bench.BytesPerSecond || unit == bench.Bytes {
		return 4
	}
	return 10
}

// extent is the least and the most of what may be drawn on a logarithmic axis.
type extent struct{ least, most float64 }

func newExtent() extent { return extent{math.Inf(1), math.Inf(-1)} }

func (e *extent) add(values ...float64) {
	for _, v := range values {
		if v > 0 && !math.IsInf(v, 0) { // not NaN either
			e.least, e.most = min(e.least, v), max(e.most, v)
		}
	}
}

func (e extent) empty() bool { return e.least > e.most }
