package report

import (
	"fmt"
	"math"

	"github.com/holdfast-storage/holdfast/bench"
)

// growthChart draws each cost over its first figure; nil if there is nothing to compare.
func growthChart(growth []bench.Grown) *chart {
	lines := growthLines(growth, func(g bench.Grown) []bench.Line { return g.Costs })
	if len(growth) < 2 || len(lines) == 0 {
		return nil
	}
	most := 2.0
	for _, l := range lines {
		if m := l.most(); m > most {
			most = math.Ceil(m*2) / 2
		}
	}
	x := axis{from: float64(growth[0].Objects), to: float64(growth[len(growth)-1].Objects), start: plotLeft + 10, end: plotRight - 10, log: true}
	y := axis{from: 0, to: most, start: plotBottom, end: plotTop}
	c := &chart{
		Title: "cost of an operation over that with the fewest objects", XName: "objects in the pool", YName: "times the first",
		About: "A line for each operation: its cost over its cost with the fewest objects. The figures stand in the table beside it.",
		Bound: &tick{y.at(growthBound), fmt.Sprintf("at most %s is wanted", value(growthBound, bench.Times))},
	}
	for v := 0.0; v <= most; v += math.Ceil(most/4) / 2 {
		c.Y = append(c.Y, tick{y.at(v), value(v, bench.Times)})
	}
	for _, g := range growth {
		c.X = append(c.X, tick{x.at(float64(g.Objects)), powerOfTen(g.Objects)})
	}
	for i, l := range lines {
		var data []datum
		first := l.points[0].Value
		for column, p := range l.points {
			data = append(data, datum{
				x: float64(growth[column].Objects), median: p.Value / first, least: p.Least / first, most: p.Most / first,
				text: fmt.Sprintf("%s, %s: %s", l.name, counted(growth[column].Objects, "object"), value(p.Value, l.unit)),
			})
			if p.Most == 0 { // not known
				data[column].least, data[column].most = data[column].median, data[column].median
			}
		}
		c.line(l.name, i, false, x, y, data)
	}
	c.spreadLabels()
	return c
}

// powerOfTen writes 10000 as 10⁴.
func powerOfTen(n int64) string {
	digits := 0
	for n >= 10 && n%10 == 0 {
		n, digits = n/10, digits+1
	}
	text := number(float64(n))
	if digits < 4 {
		return number(float64(n) * math.Pow10(digits))
	}
	raised := []rune("⁰¹²³⁴⁵⁶⁷⁸⁹")
	power := ""
	for _, d := range fmt.Sprint(digits) {
		power += string(raised[d-'0'])
	}
	if n == 1 {
		return "10" + power
	}
	return text + "·10" + power
}
