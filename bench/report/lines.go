package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// The paper of a chart of lines. It is narrow, so that it can be read on a telephone.
const (
	chartWidth  = 460
	chartHeight = 280
	plotLeft    = 66
	plotRight   = chartWidth - 78
	plotTop     = 14
	plotBottom  = chartHeight - 40
)

// chart is a chart of lines, ready to be drawn.
type chart struct {
	Title, About string // About: what a listener is told instead
	XName, YName string
	X, Y         []tick
	Lines        []chartLine
	Bound        *tick // a line across that is not to be passed
}

// chartLine is one line. Series picks its colour and its mark.
type chartLine struct {
	Name    string
	Series  int
	Dashed  bool // a limit: no marks
	Path    string
	Points  []chartPoint
	LabelAt float64
}

// chartPoint is a median, with the rounds from Low to High.
type chartPoint struct {
	X, Y, Low, High float64
	Text            string
}

// datum is a point before it is drawn.
type datum struct {
	x, median, least, most float64
	text                   string
}

// line draws data; those without a value are left out.
func (c *chart) line(name string, series int, dashed bool, x, y axis, data []datum) {
	l := chartLine{Name: name, Series: series % seriesColours, Dashed: dashed}
	var path strings.Builder
	for _, d := range data {
		if math.IsNaN(d.median) || math.IsInf(d.median, 0) || y.log && d.median <= 0 {
			continue
		}
		p := chartPoint{X: x.at(d.x), Y: y.at(d.median), Low: y.at(d.least), High: y.at(d.most), Text: d.text}
		step := "L"
		if len(l.Points) == 0 {
			step = "M"
		}
		fmt.Fprintf(&path, "%s%g %g", step, p.X, p.Y)
		l.Points = append(l.Points, p)
	}
	if len(l.Points) == 0 {
		return
	}
	l.Path = path.String()
	l.LabelAt = l.Points[len(l.Points)-1].Y
	c.Lines = append(c.Lines, l)
}

// seriesColours is how many colours page.css has.
const seriesColours = 6

// spreadLabels moves the names at the lines' ends apart.
func (c *chart) spreadLabels() {
	const apart = 13
	var named []*chartLine
	for i := range c.Lines {
		if !c.Lines[i].Dashed {
			named = append(named, &c.Lines[i])
		}
	}
	slices.SortStableFunc(named, func(a, b *chartLine) int {
		return int(math.Copysign(1, a.LabelAt-b.LabelAt))
	})
	for i := 1; i < len(named); i++ {
		named[i].LabelAt = max(named[i].LabelAt, named[i-1].LabelAt+apart)
	}
	for i := len(named) - 1; i >= 0; i-- {
		limit := float64(plotBottom)
		if i < len(named)-1 {
			limit = named[i+1].LabelAt - apart
		}
		named[i].LabelAt = round(min(named[i].LabelAt, limit))
	}
}

// HasLimits says whether dashed lines have to be explained.
func (c *chart) HasLimits() bool {
	return slices.ContainsFunc(c.Lines, func(l chartLine) bool { return l.Dashed })
}
