package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/holdfast-storage/holdfast/bench"
)

// overview is one operation at a glance: a row for each size, a column for each number of clients.
type overview struct {
	Operation string
	Clients   []string
	Rows      []overviewRow
}

type overviewRow struct {
	Size  string
	Cells []overviewCell
}

// overviewCell is a rate, and its share of the limit, whose tenths are its shade.
type overviewCell struct {
	Rate, Share string
	Shade       int // 0 to 10; below 0: no limit is known
}

func overviews(cells []bench.Cell) (all []overview) {
	for _, g := range groupBy(cells, func(c bench.Cell) string { return c.Operation }) {
		o := overview{Operation: g.Key}
		clients := groupBy(g.Cells, func(c bench.Cell) int { return c.Clients })
		slices.SortFunc(clients, func(a, b group[int]) int { return cmp.Compare(a.Key, b.Key) })
		for _, n := range clients {
			o.Clients = append(o.Clients, fmt.Sprint(n.Key))
		}
		sizes := groupBy(g.Cells, func(c bench.Cell) int64 { return c.Size })
		slices.SortFunc(sizes, func(a, b group[int64]) int { return cmp.Compare(a.Key, b.Key) })
		for _, size := range sizes {
			row := overviewRow{Size: sizeText(size.Cells[0]), Cells: make([]overviewCell, len(clients))}
			for i, n := range clients {
				row.Cells[i] = overviewCell{Rate: none, Shade: -1}
				for _, c := range size.Cells {
					if c.Clients == n.Key {
						row.Cells[i] = newOverviewCell(c)
					}
				}
			}
			o.Rows = append(o.Rows, row)
		}
		all = append(all, o)
	}
	return all
}

func newOverviewCell(c bench.Cell) overviewCell {
	f, unit := rate(c)
	cell := overviewCell{Rate: value(c.Series.Median(f), unit), Shade: -1}
	if share := ofLimit(c); !math.IsNaN(share) {
		cell.Share, cell.Shade = percent(share), int(min(10, max(0, share*10)))
	}
	return cell
}
