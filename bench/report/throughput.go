package report

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/holdfast-storage/holdfast/bench"
)

// throughputCharts are those of one part of the matrix: for each operation that
// moves bytes, these by size with a line for each number of clients; for the
// others, operations by clients with a line for each operation.
func throughputCharts(p part, cells []bench.Cell) (charts []*chart) {
	var others []bench.Cell
	for _, g := range groupBy(cells, func(c bench.Cell) string { return c.Operation }) {
		if len(groupBy(g.Cells, func(c bench.Cell) int64 { return c.Size })) > 1 && movesBytes(g.Cells[0]) {
			charts = append(charts, bySize(p, g.Key, g.Cells))
		} else {
			others = append(others, g.Cells...)
		}
	}
	if len(groupBy(others, func(c bench.Cell) int { return c.Clients })) > 1 {
		charts = append(charts, byClients(p, others))
	}
	return slices.DeleteFunc(charts, func(c *chart) bool { return c == nil })
}

func bySize(p part, operation string, cells []bench.Cell) *chart {
	x, y, ok := axes(cells, bench.ByteRate, base(bench.BytesPerSecond), func(c bench.Cell) float64 { return float64(c.Size) })
	if !ok {
		return nil
	}
	c := &chart{
		Title: operation, XName: "size of an object", YName: "bytes a second",
		About: fmt.Sprintf("%s of %s: bytes a second by size, a line for each number of clients. The figures stand in the matrix below.", operation, p),
		Y:     y.powers(base(bench.BytesPerSecond), bench.BytesPerSecond),
	}
	for _, g := range groupBy(cells, func(c bench.Cell) int64 { return c.Size }) {
		c.X = append(c.X, tick{x.at(float64(g.Key)), bytes(float64(g.Key))})
	}
	groups := groupBy(cells, func(c bench.Cell) int { return c.Clients })
	slices.SortFunc(groups, func(a, b group[int]) int { return cmp.Compare(a.Key, b.Key) })
	for i, g := range groups {
		sorted := slices.SortedStableFunc(slices.Values(g.Cells), func(a, b bench.Cell) int { return cmp.Compare(a.Size, b.Size) })
		c.pair(counted(g.Key, "client"), i, x, y, sorted, bench.ByteRate, bench.BytesPerSecond, func(c bench.Cell) float64 { return float64(c.Size) }, sizeText)
	}
	c.spreadLabels()
	return c
}

func byClients(p part, cells []bench.Cell) *chart {
	at := func(c bench.Cell) float64 { return float64(c.Clients) }
	x, y, ok := axes(cells, bench.OpsRate, base(bench.OpsPerSecond), at)
	if !ok {
		return nil
	}
	c := &chart{
		Title: "by clients", XName: "clients", YName: "operations a second",
		About: fmt.Sprintf("Operations of %s a second by clients, a line for each operation. The figures stand in the matrix below.", p),
		Y:     y.powers(base(bench.OpsPerSecond), bench.OpsPerSecond),
	}
	for _, g := range groupBy(cells, func(c bench.Cell) int { return c.Clients }) {
		c.X = append(c.X, tick{x.at(float64(g.Key)), fmt.Sprint(g.Key)})
	}
	type kind struct {
		operation string
		size      int64
	}
	for i, g := range groupBy(cells, func(c bench.Cell) kind { return kind{c.Operation, c.Size} }) {
		sorted := slices.SortedStableFunc(slices.Values(g.Cells), func(a, b bench.Cell) int { return cmp.Compare(a.Clients, b.Clients) })
		c.pair(g.Key.operation, i, x, y, sorted, bench.OpsRate, bench.OpsPerSecond, at, func(c bench.Cell) string { return counted(c.Clients, "client") })
	}
	c.spreadLabels()
	return c
}

// axes fit the cells and their limits.
func axes(cells []bench.Cell, f bench.Figure, base float64, at func(bench.Cell) float64) (x, y axis, ok bool) {
	xs, ys := newExtent(), newExtent()
	for _, c := range cells {
		xs.add(at(c))
		for _, s := range []bench.Series{c.Series, c.Limit} {
			least, most := reach(s, f)
			ys.add(least, most)
		}
	}
	if xs.empty() || ys.empty() {
		return x, y, false
	}
	x = axis{from: xs.least, to: xs.most, start: plotLeft + 10, end: plotRight - 10, log: true}
	return x, logAxis(ys.least, ys.most, base, plotBottom, plotTop), true
}

// pair draws the line of the cells, and dashed that of their limits.
func (c *chart) pair(name string, series int, x, y axis, cells []bench.Cell, f bench.Figure, unit bench.Unit, at func(bench.Cell) float64, where func(bench.Cell) string) {
	var data, limits []datum
	for _, cell := range cells {
		data = append(data, newDatum(at(cell), name+", "+where(cell), cell.Series, f, unit))
		if len(cell.Limit.Samples) > 0 {
			limits = append(limits, newDatum(at(cell), "limit of "+name+", "+where(cell), cell.Limit, f, unit))
		}
	}
	c.line(name, series, true, x, y, limits)
	c.line(name, series, false, x, y, data)
}

func newDatum(x float64, where string, s bench.Series, f bench.Figure, unit bench.Unit) datum {
	least, most := reach(s, f)
	median := s.Median(f)
	return datum{x, median, least, most, fmt.Sprintf("%s: %s (%s)", where, value(median, unit), spread(least, most, unit))}
}
