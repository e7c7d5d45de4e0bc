package report

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/holdfast-storage/holdfast/bench"
)

// smallest size of which bytes per second say more than operations per second.
const bulk = 1 << 20

// rate is the figure that says how fast a cell is: bytes of large objects, else operations.
func rate(c bench.Cell) (bench.Figure, bench.Unit) {
	if c.Size >= bulk && movesBytes(c) {
		return bench.ByteRate, bench.BytesPerSecond
	}
	return bench.OpsRate, bench.OpsPerSecond
}

// perGiB is the server's CPU for each GiB of bodies.
func perGiB(s bench.Sample) float64 { return bench.CPUPerByte(s) * (1 << 30) }

// movesBytes: HEAD, LIST and DELETE have no body to speak of.
func movesBytes(c bench.Cell) bool {
	return slices.ContainsFunc(c.Series.Samples, func(s bench.Sample) bool { return s.Bytes > 0 })
}

// knowsCPU says whether the server's CPU was measured.
func knowsCPU(s bench.Series) bool {
	return slices.ContainsFunc(s.Samples, func(s bench.Sample) bool { return s.CPU > 0 })
}

// hasLatency says whether the operations were timed one by one.
func hasLatency(s bench.Series) bool { return s.P50 > 0 }

// latencyText is a percentile of all operations of a cell; none if they are too few.
func latencyText(percentile time.Duration) string {
	if percentile == 0 {
		return none
	}
	return value(percentile.Seconds(), bench.Seconds)
}

// reach is the least and the most of a figure over the rounds.
func reach(s bench.Series, f bench.Figure) (least, most float64) {
	least, most = math.Inf(1), math.Inf(-1)
	for _, sample := range s.Samples {
		v := f(sample)
		least, most = min(least, v), max(most, v)
	}
	return least, most
}

// ofLimit is the share of the bare server's rate; NaN without one.
func ofLimit(c bench.Cell) float64 {
	if len(c.Limit.Samples) == 0 {
		return math.NaN()
	}
	f, _ := rate(c)
	return bench.Ratio(c.Series, c.Limit, f)
}

// cpuTexts are the server's CPU for an operation and, where bodies go by, for a GiB of them, and how many times the bare
// server's that is.
func cpuTexts(c bench.Cell) (op, gib, times string) {
	op, gib, times = none, none, none
	if !knowsCPU(c.Series) {
		return op, gib, times
	}
	op = value(c.Series.Median(bench.CPUPerOp), bench.Seconds)
	if movesBytes(c) {
		gib = number(c.Series.Median(perGiB)) + " s"
	}
	if knowsCPU(c.Limit) {
		f := bench.CPUPerOp
		if movesBytes(c) {
			f = perGiB // the mix is of larger and smaller operations
		}
		times = value(bench.Ratio(c.Series, c.Limit, f), bench.Times)
	}
	return op, gib, times
}

// group is the cells that have something in common, in their order.
type group[K comparable] struct {
	Key   K
	Cells []bench.Cell
}

// groupBy keeps the order in which the keys appear.
func groupBy[K comparable](cells []bench.Cell, key func(bench.Cell) K) []group[K] {
	var groups []group[K]
	at := make(map[K]int)
	for _, c := range cells {
		k := key(c)
		i, known := at[k]
		if !known {
			i = len(groups)
			at[k] = i
			groups = append(groups, group[K]{Key: k})
		}
		groups[i].Cells = append(groups[i].Cells, c)
	}
	return groups
}

// part is a table of the matrix: one layer in one state.
type part struct{ layer, state string }

func partOf(c bench.Cell) part { return part{c.Layer, c.State} }

func (p part) String() string { return p.layer + ", " + p.state }

// inOrder sorts the cells of a part by operation as it first appears, size and clients.
func inOrder(cells []bench.Cell) []bench.Cell {
	var sorted []bench.Cell
	for _, g := range groupBy(cells, func(c bench.Cell) string { return c.Operation }) {
		sorted = append(sorted, g.Cells...)
		slices.SortStableFunc(sorted[len(sorted)-len(g.Cells):], func(a, b bench.Cell) int {
			return cmp.Or(cmp.Compare(a.Size, b.Size), cmp.Compare(a.Clients, b.Clients))
		})
	}
	return sorted
}

// sizeText is a size of objects; none where it says nothing.
func sizeText(c bench.Cell) string {
	if c.Size == 0 {
		return none
	}
	return bytes(float64(c.Size))
}
