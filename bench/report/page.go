package report

import (
	_ "embed" // the page's form and style
	"html/template"
	"io"
	"slices"

	"github.com/holdfast-storage/holdfast/bench"
)

//go:embed page.html
var pageForm string

//go:embed page.css
var pageStyle string

// Page writes the result as a page: see the package's comment.
func Page(w io.Writer, r bench.Result) error {
	form, err := template.New("page").Funcs(template.FuncMap{
		"goals": func(head string, rows []goalRow) goalTable { return goalTable{head, rows} },
	}).Parse(pageForm)
	if err != nil {
		return err
	}
	return form.Execute(w, newPage(r))
}

// page is what page.html is filled in with.
type page struct {
	Style     template.CSS
	Result    bench.Result
	Facts     []fact
	Title     string
	Beside    bool   // there is something that Holdfast is measured by
	Rounds    string // of how many rounds the figures are the medians; empty: nothing has rounds
	Met, All  int
	Shares    []goalRow // of what would be possible
	Costs     []goalRow // that are not to be exceeded, and whatever else is held against a bound
	Limits    []limitRow
	Parts     []matrixPart
	Latencies []latencies
	Growth    *chart
	Grown     grownRows
}

// LeastForP99 is how many operations a percentile is said of.
func (page) LeastForP99() string { return number(bench.LeastForP99) }

// LeastForP999 is the same of the 99.9th.
func (page) LeastForP999() string { return number(bench.LeastForP999) }

// goalRow is a goal in words, and its bar.
type goalRow struct {
	Path, Figure, Got, Limit, Of, Value, Spread, Bound, About, Sign, Word string
	Rounds                                                                string
	Bar                                                                   *bar
}

// goalTable is the rows whose bars are on the same paper, which Head names.
type goalTable struct {
	Head string
	Rows []goalRow
}

type limitRow struct{ Name, Value, Spread, About string }

// matrixPart is a layer in a state: an overview, charts, and all of its figures.
type matrixPart struct {
	Name     string
	Overview []overview
	Charts   []*chart
	Rows     []matrixRow
	Folded   bool // shown only when it is asked for
}

func newPage(r bench.Result) page {
	p := page{
		Style: template.CSS(pageStyle), Result: r, Facts: facts(r), Title: title(r), Beside: hasLimits(r), Rounds: roundsText(r),
		Latencies: allLatencies(r.Cells), Growth: growthChart(r.Growth), Grown: growthRows(r.Growth),
	}
	p.Met, p.All = tally(r.Goals)
	for _, g := range r.Goals {
		if isShare(g) {
			p.Shares = append(p.Shares, newGoalRow(g))
		} else {
			p.Costs = append(p.Costs, newGoalRow(g))
		}
	}
	for _, l := range r.Limits {
		p.Limits = append(p.Limits, limitRow{l.Name, value(l.Value, l.Unit), spread(l.Least, l.Most, l.Unit), l.About})
	}
	for i, g := range groupBy(r.Cells, partOf) {
		p.Parts = append(p.Parts, matrixPart{
			Name: g.Key.String(), Overview: overviews(g.Cells), Charts: throughputCharts(g.Key, g.Cells), Rows: matrixRows(g.Cells), Folded: i > 0,
		})
	}
	return p
}

// hasLimits says whether anything was measured beside what the machine does without Holdfast.
func hasLimits(r bench.Result) bool {
	return len(r.Growth) == 0 && len(r.Goals)+len(r.Limits) > 0 || slices.ContainsFunc(r.Cells, func(c bench.Cell) bool { return len(c.Limit.Samples) > 0 })
}

func title(r bench.Result) string {
	switch {
	case hasLimits(r):
		return "Holdfast " + r.Version + " beside what the same machine does without it"
	case len(r.Cells) > 0:
		return "What was measured with Holdfast " + r.Version
	case len(r.Growth) > 0:
		return "What grows with the objects of Holdfast " + r.Version
	}
	return "Holdfast " + r.Version
}

func newGoalRow(g bench.Goal) goalRow {
	unit := goalUnit(g)
	row := goalRow{
		Path: g.Path, Figure: g.Figure, Got: value(g.Got, g.Unit), Of: g.Of, Value: value(g.Value, unit), Spread: spread(g.Least, g.Most, unit),
		Bound: bound(g), About: g.About, Rounds: roundsOf(g), Bar: newBar(g),
	}
	if g.Once {
		row.Spread = ""
	}
	row.Sign, row.Word = verdict(g)
	if g.Of != "" {
		row.Limit = value(g.Limit, g.Unit)
	}
	return row
}
