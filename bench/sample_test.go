package bench

import (
	"context"
	"math"
	"slices"
	"testing"
	"time"
)

// TestLatencies: a percentile that a few operations cannot show is not said, nor is the median of rounds one of which does not say it.
func TestLatencies(t *testing.T) {
	of := func(n int) (s Sample) {
		all := make([]time.Duration, n)
		for i := range all {
			all[i] = time.Duration(n-i) * time.Millisecond
		}
		s.Latencies(all)
		return s
	}
	for _, c := range []struct {
		n              int
		p50, p99, p999 time.Duration
	}{
		{0, 0, 0, 0},
		{1, 1, 0, 0},
		{99, 50, 0, 0},
		{100, 50, 99, 0},
		{999, 500, 990, 0},
		{1000, 500, 990, 999},
	} {
		ms := time.Millisecond
		if s := of(c.n); s.P50 != c.p50*ms || s.P99 != c.p99*ms || s.P999 != c.p999*ms {
			t.Errorf("%d operations: %v %v %v", c.n, s.P50, s.P99, s.P999)
		}
	}
	series := Series{Samples: []Sample{of(200), of(99), of(201)}}
	if m := series.Median(P99); !math.IsNaN(m) {
		t.Errorf("the median of rounds, one of which has no percentile, is %v", m)
	}
	if m := series.Median(P50); m != 0.1 {
		t.Errorf("the median is %v", m)
	}
}

// TestPooledLatencies: of all rounds together there are percentiles that no round has, and they are the percentiles of all
// operations, within a bin.
func TestPooledLatencies(t *testing.T) {
	var every []time.Duration
	round := 0
	side := Side{Run: func(context.Context, time.Duration) (s Sample, _ error) {
		round++
		var all []time.Duration
		for i := range 300 {
			all = append(all, time.Duration((i*7919+round*104729)%1_000_003)*time.Duration(round)*time.Microsecond)
		}
		if round > 1 { // but for the one that warms up
			every = append(every, all...)
		}
		s.Latencies(all)
		return s, nil
	}}
	list, err := InTurn(t.Context(), Turns{Rounds: 5, Span: time.Millisecond}, side)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(every)
	got := list[0].Percentiles
	for _, c := range []struct{ got, want time.Duration }{{got.P50, every[749]}, {got.P99, every[1484]}, {got.P999, every[1498]}} {
		if off := (c.got - c.want).Abs(); off > c.want/128 {
			t.Errorf("%v, want %v", c.got, c.want)
		}
	}
	if round := list[0].Samples[0]; round.P999 != 0 || round.P99 == 0 {
		t.Errorf("a round of 300 operations has %+v", round.Percentiles)
	}
}

// TestBins: every latency is in a bin that is not far from it, and the bins are in order.
func TestBins(t *testing.T) {
	before := int64(-1)
	for latency := time.Duration(0); latency < 100*time.Hour; latency += 1 + latency/1000 {
		b := bin{number: binOf(latency)}
		if off := (b.middle() - latency).Abs(); off > 1+latency/200 || b.number < before {
			t.Fatalf("%v is in bin %d, after %d, whose middle is %v", latency, b.number, before, b.middle())
		}
		before = b.number
	}
}
