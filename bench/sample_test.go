package bench

import (
	"math"
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
		{199, 100, 0, 0},
		{200, 101, 199, 0},
		{1999, 1000, 1980, 0},
		{2000, 1001, 1981, 1999},
	} {
		ms := time.Millisecond
		if s := of(c.n); s.P50 != c.p50*ms || s.P99 != c.p99*ms || s.P999 != c.p999*ms {
			t.Errorf("%d operations: %v %v %v", c.n, s.P50, s.P99, s.P999)
		}
	}
	series := Series{Samples: []Sample{of(200), of(199), of(300)}}
	if m := series.Median(P99); !math.IsNaN(m) {
		t.Errorf("the median of rounds, one of which has no percentile, is %v", m)
	}
	if m := series.Median(P50); m != 0.101 {
		t.Errorf("the median is %v", m)
	}
}
