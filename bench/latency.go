package bench

import (
	"math/bits"
	"slices"
	"time"
)

// Percentiles are those of the latencies of some operations, ns; 0 where there are too few to say.
type Percentiles struct {
	P50  time.Duration `json:"p50,omitempty"`
	P99  time.Duration `json:"p99,omitempty"`
	P999 time.Duration `json:"p999,omitempty"`
}

// Of how many operations a percentile is said: of so many that one at least is slower than it. With fewer it is not the
// percentile but the slowest one that is seen.
const (
	LeastForP99  = 100
	LeastForP999 = 1000
)

// percentiles asks at for the latency of the operation with a rank, from 1, among n in order.
func percentiles(n int64, at func(rank int64) time.Duration) (p Percentiles) {
	if n > 0 {
		p.P50 = at((n + 1) / 2)
	}
	if n >= LeastForP99 {
		p.P99 = at((n*99 + 99) / 100)
	}
	if n >= LeastForP999 {
		p.P999 = at((n*999 + 999) / 1000)
	}
	return p
}

// Latencies fills in the percentiles from the latency of every operation, and
// keeps what [InTurn] needs for those of all rounds together. It sorts them.
func (s *Sample) Latencies(all []time.Duration) {
	slices.Sort(all)
	s.Percentiles = percentiles(int64(len(all)), func(rank int64) time.Duration { return all[rank-1] })
	s.latencies = newHistogram(all)
}

// histogram is how many operations had about a latency: a bin is at most 1/128 of it wide, and few are there.
type histogram []bin

type bin struct{ number, count int64 }

// binBits is how many bits after the first one of a latency tell bins apart.
const binBits = 7

// binOf numbers the bins in the order of what is in them.
func binOf(latency time.Duration) int64 {
	n := uint64(max(0, latency))
	shift := max(0, bits.Len64(n)-binBits-1)
	return int64(shift)<<binBits + int64(n>>shift)
}

// middle is a latency in the middle of a bin.
func (b bin) middle() time.Duration {
	shift := max(0, b.number>>binBits-1)
	n := b.number - shift<<binBits
	return time.Duration(n<<shift + int64(1)<<shift/2)
}

func newHistogram(sorted []time.Duration) (h histogram) {
	for _, latency := range sorted {
		if number := binOf(latency); len(h) == 0 || h[len(h)-1].number != number {
			h = append(h, bin{number: number})
		}
		h[len(h)-1].count++
	}
	return h
}

// pool fills in the percentiles of the rounds' operations together.
func (s *Series) pool() {
	var all histogram
	var n int64
	for i := range s.Samples {
		all = append(all, s.Samples[i].latencies...)
		s.Samples[i].latencies = nil
	}
	slices.SortFunc(all, func(a, b bin) int { return int(a.number - b.number) })
	for _, b := range all {
		n += b.count
	}
	s.Percentiles = percentiles(n, func(rank int64) time.Duration {
		for _, b := range all {
			if rank -= b.count; rank <= 0 {
				return b.middle()
			}
		}
		return 0
	})
}
