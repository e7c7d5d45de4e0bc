package guard

import (
	"slices"

	"github.com/holdfast-storage/holdfast/bench"
)

// growth is how much more of anything head may take than base.
const growth = 1.05

// Figure is what is compared, per operation or per byte of a body.
type Figure struct {
	Name    string
	count   Name
	perByte bool            // not per operation
	only    bench.Operation // of this alone; empty: of all
	// What chance does, in the figure's own unit: for any operation, and for each
	// MiB of its body. Twice what the same build has been seen to differ from
	// itself by at the least: how many calls a body takes depends on how much of it
	// is there each time that somebody looks.
	margin, perMiB float64
	// How many MiB of the body count for that; 0: all. A body's allocations are made as the first
	// buffers come, and buffers are used again: a longer one does not differ by more.
	upToMiB float64
}

// Figures are all of them.
func Figures() []Figure {
	return []Figure{
		{Name: "allocations per operation", count: allocations, margin: 2, perMiB: 8, upToMiB: 16},
		{Name: "bytes allocated per operation", count: allocated, margin: 512, perMiB: 1 << 10, upToMiB: 16},
		{Name: "reads per operation", count: reads, margin: 0.5, perMiB: 1},
		{Name: "writes per operation", count: writes, margin: 0.5, perMiB: 2},
		{Name: "system calls per operation", count: calls, margin: 0.5, perMiB: 2},
		{Name: "syncs per operation", count: syncs, margin: 0.2},
		{Name: "bytes passed to write per byte stored", count: passed, perByte: true, margin: 0.02, only: bench.Put},
		{Name: "bytes written to drives per byte stored", count: stored, perByte: true, margin: 0.02, only: bench.Put},
	}
}

// Row is one figure of one load, of both builds.
type Row struct {
	Load   string    `json:"load"`
	Figure string    `json:"figure"`
	Base   float64   `json:"base"` // medians
	Head   float64   `json:"head"`
	Worse  bool      `json:"worse"`
	Bases  []float64 `json:"bases"` // of each round
	Heads  []float64 `json:"heads"`
}

// row compares what the rounds have given. ok is false if one of the builds does not tell.
func (f Figure) row(load load, base, head []Counts) (row Row, ok bool) {
	if f.only != "" && f.only != load.operation {
		return row, false
	}
	row = Row{Load: load.String(), Figure: f.Name, Bases: f.values(load, base), Heads: f.values(load, head)}
	if len(row.Bases) == 0 || len(row.Heads) == 0 {
		return row, false
	}
	row.Base, row.Head = median(row.Bases), median(row.Heads)
	margin := f.marginOf(load)
	row.Worse = row.Head > row.Base*growth && row.Head > row.Base+margin
	return row, true
}

func (f Figure) marginOf(load load) float64 {
	mib := float64(load.size) / (1 << 20)
	if f.upToMiB > 0 {
		mib = min(mib, f.upToMiB)
	}
	return f.margin + f.perMiB*mib
}

func (f Figure) values(load load, rounds []Counts) (values []float64) {
	per := float64(load.operations)
	if f.perByte {
		per *= float64(load.size)
	}
	for _, counts := range rounds {
		if n, known := counts[f.count]; known {
			values = append(values, n/per)
		}
	}
	return values
}

// median is what is looked at, not the mean: now and then a round has something
// in it that is none of the operations' own, a table of the catalog for one.
func median(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}
