package report

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-storage/holdfast/bench"
)

// latencyPanel is the latencies of one operation at one number of clients: a row
// for each size and state, from the median to the 99.9th percentile.
type latencyPanel struct {
	Title, About string
	Height       float64
	Bottom       float64
	X            []tick
	Rows         []latencyRow
	States       []latencyState // that appear, for the legend
}

type latencyState struct {
	Name   string
	Series int
}

type latencyRow struct {
	Y, High        float64 // High: a little above, where the last stroke begins
	Size           string  // of the first row of that size
	Series         int
	P50, P99, P999 float64 // places; 0: not known
	End            float64 // of the last that is
	Text           string
}

// latencies are the panels of one number of clients.
type latencies struct {
	Clients string
	Open    bool // shown without being asked for
	Panels  []latencyPanel
}

// allLatencies are the panels of a layer for each number of clients, all on one axis for each of these.
func allLatencies(cells []bench.Cell) (all []latencies) {
	cells = slices.DeleteFunc(slices.Clone(cells), func(c bench.Cell) bool { return !hasLatency(c.Series) })
	states := make(map[string]int)
	for i, g := range groupBy(cells, func(c bench.Cell) string { return c.State }) {
		states[g.Key] = i % seriesColours
	}
	groups := groupBy(cells, func(c bench.Cell) int { return c.Clients })
	slices.SortFunc(groups, func(a, b group[int]) int { return cmp.Compare(a.Key, b.Key) })
	for i, g := range groups {
		l := latencies{Clients: counted(g.Key, "client"), Open: i == len(groups)/2}
		e := newExtent()
		for _, c := range g.Cells {
			e.add(c.Series.P50.Seconds(), c.Series.P99.Seconds(), c.Series.P999.Seconds())
		}
		x := logAxis(e.least, e.most, 10, plotLeft, chartWidth-16)
		for _, op := range groupBy(g.Cells, func(c bench.Cell) string { return c.Operation }) {
			l.Panels = append(l.Panels, newLatencyPanel(op.Key, l.Clients, x, op.Cells, states))
		}
		all = append(all, l)
	}
	return all
}

func newLatencyPanel(operation, clients string, x axis, cells []bench.Cell, states map[string]int) latencyPanel {
	const top, apart, between = 18, 15, 8
	p := latencyPanel{
		Title: operation, X: x.powers(10, bench.Seconds),
		About: fmt.Sprintf("Latency of %s with %s: a row for each size and state, from the median by the 99th to the 99.9th percentile. The figures stand in the matrix below.", operation, clients),
	}
	slices.SortStableFunc(cells, func(a, b bench.Cell) int { return cmp.Compare(a.Size, b.Size) })
	y := float64(top)
	for i, c := range cells {
		row := latencyRow{Series: states[c.State]}
		if i == 0 || c.Size != cells[i-1].Size {
			row.Size = sizeText(c)
			if i > 0 {
				y += between
			}
		}
		row.Y, row.High = y, y-4
		y += apart
		place := func(percentile time.Duration) float64 {
			if percentile > 0 {
				return x.at(percentile.Seconds())
			}
			return 0
		}
		row.P50, row.P99, row.P999 = place(c.Series.P50), place(c.Series.P99), place(c.Series.P999)
		row.End = max(row.P50, row.P99, row.P999)
		row.Text = fmt.Sprintf("%s %s, %s, %s: p50 %s, p99 %s, p99.9 %s", operation, sizeText(c), clients, c.State,
			latencyText(c.Series.P50), latencyText(c.Series.P99), latencyText(c.Series.P999))
		p.Rows = append(p.Rows, row)
	}
	for _, g := range groupBy(cells, func(c bench.Cell) string { return c.State }) {
		p.States = append(p.States, latencyState{g.Key, states[g.Key]})
	}
	p.Bottom = y - apart/2
	p.Height = p.Bottom + 24
	return p
}
