package bench

import (
	"math"
	"slices"
	"time"
)

// Sample is what one run of a side gave.
type Sample struct {
	Ops     int64         `json:"ops"`
	Bytes   int64         `json:"bytes"`   // of bodies, or of what the side is about
	Elapsed time.Duration `json:"elapsed"` // ns
	CPU     time.Duration `json:"cpu"`     // that the measured server took, ns; 0: not known

	// Background is what background work went through meanwhile, bytes; 0: none, or nobody has looked.
	Background int64 `json:"background,omitempty"`

	Percentiles // of this run's operations
	latencies   histogram
}

// A Figure is what is looked at in a sample. NaN: the sample does not have it.
type Figure func(Sample) float64

// OpsRate is operations per second.
func OpsRate(s Sample) float64 { return float64(s.Ops) / s.Elapsed.Seconds() }

// ByteRate is bytes per second.
func ByteRate(s Sample) float64 { return float64(s.Bytes) / s.Elapsed.Seconds() }

// BackgroundRate is bytes per second of background work.
func BackgroundRate(s Sample) float64 { return float64(s.Background) / s.Elapsed.Seconds() }

// CPUPerOp is seconds of the server's CPU per operation.
func CPUPerOp(s Sample) float64 { return s.CPU.Seconds() / float64(s.Ops) }

// CPUPerByte is seconds of the server's CPU per byte.
func CPUPerByte(s Sample) float64 { return s.CPU.Seconds() / float64(s.Bytes) }

// P50, P99 and P999 are percentiles of the latency in seconds.
func P50(s Sample) float64  { return known(s.P50) }
func P99(s Sample) float64  { return known(s.P99) }
func P999(s Sample) float64 { return known(s.P999) }

func known(latency time.Duration) float64 {
	if latency == 0 {
		return math.NaN()
	}
	return latency.Seconds()
}

// Series is the samples of one side, a turn each.
type Series struct {
	Name    string   `json:"name"`
	Samples []Sample `json:"samples"`

	Percentiles // of all turns' operations together, within 1 %
}

// Median of a figure over the turns.
func (s Series) Median(f Figure) float64 {
	values := make([]float64, len(s.Samples))
	for i, sample := range s.Samples {
		values[i] = f(sample)
	}
	return median(values)
}

// Ratio of a figure of one side to that of another: the median of the turns' ratios.
func Ratio(a, b Series, f Figure) float64 { return RatioOf(a, f, b, f) }

// RatioOf is [Ratio] of different figures.
func RatioOf(a Series, of Figure, b Series, to Figure) float64 {
	values := make([]float64, min(len(a.Samples), len(b.Samples)))
	for i := range values {
		values[i] = of(a.Samples[i]) / to(b.Samples[i])
	}
	return median(values)
}

// median is the middle, of an even number the mean of the two in the middle. It is not known if one of them is not.
func median(values []float64) float64 {
	if slices.ContainsFunc(values, math.IsNaN) {
		return math.NaN()
	}
	slices.Sort(values)
	n := len(values)
	if n == 0 {
		return 0
	}
	return (values[(n-1)/2] + values[n/2]) / 2
}
