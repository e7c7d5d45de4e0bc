package report

import (
	"math"

	"github.com/holdfast-storage/holdfast/bench"
)

// growthLine is one cost over the numbers of objects.
type growthLine struct {
	name, about string
	unit        bench.Unit
	points      []bench.Line // with a NaN where that many objects have none
}

// growthLines turns what stands per number of objects into what stands per name, in the order of appearance.
func growthLines(growth []bench.Grown, of func(bench.Grown) []bench.Line) []growthLine {
	var lines []growthLine
	at := make(map[string]int)
	for column, g := range growth {
		for _, l := range of(g) {
			i, known := at[l.Name]
			if !known {
				i = len(lines)
				at[l.Name] = i
				lines = append(lines, growthLine{name: l.Name, about: l.About, unit: l.Unit, points: absent(len(growth))})
			}
			lines[i].points[column] = l
		}
	}
	return lines
}

func absent(n int) []bench.Line {
	points := make([]bench.Line, n)
	for i := range points {
		nan := math.NaN()
		points[i] = bench.Line{Value: nan, Least: nan, Most: nan}
	}
	return points
}

// relative is a point over the first one.
func (l growthLine) relative(column int) float64 { return l.points[column].Value / l.points[0].Value }

// most is the largest of the later points over the first; NaN if there is none.
func (l growthLine) most() float64 {
	most := math.NaN()
	for column := 1; column < len(l.points); column++ {
		if v := l.relative(column); !math.IsNaN(v) && !(v <= most) {
			most = v
		}
	}
	return most
}

func (l growthLine) row() grownRow {
	row := grownRow{Name: l.name, About: l.about}
	for _, p := range l.points {
		row.Values = append(row.Values, value(p.Value, l.unit))
	}
	return row
}
