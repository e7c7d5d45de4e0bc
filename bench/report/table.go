package report

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/holdfast-storage/holdfast/bench"
)

// Table writes the result for a terminal: what it was taken on, then the goals,
// the limits, the matrix, growth, and what a reader has to know besides.
func Table(w io.Writer, r bench.Result) error {
	var b strings.Builder
	for _, f := range facts(r) {
		fmt.Fprintf(&b, "%9s: %s\n", f.Name, f.Text)
	}
	for _, write := range []func(io.Writer, bench.Result) error{goalsTable, limitsTable, matrixTable, growthTable, notesTable} {
		if err := write(&b, r); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// fact is a line about the run.
type fact struct{ Name, Text string }

func facts(r bench.Result) []fact {
	m := r.Machine
	list := []fact{
		{"version", "Holdfast " + r.Version},
		{"machine", fmt.Sprintf("%s, %s, %s of memory", m.CPU, counted(m.Cores, "core"), bytes(float64(m.Memory)))},
		{"system", strings.TrimPrefix(m.System+", "+m.Go, ", ")},
	}
	if m.SIMD != "" {
		list = append(list, fact{"SIMD", m.SIMD})
	}
	if r.Data > 0 {
		list = append(list, fact{"drives", fmt.Sprintf("%d+%d: any %d of %d may fail", r.Data, r.Parity, r.Parity, r.Data+r.Parity)})
	}
	if m.Places != "" {
		list = append(list, fact{"places", m.Places})
	}
	if text := roundsText(r); text != "" {
		list = append(list, fact{"figures", text})
	}
	return append(list,
		fact{"taken", r.Began.UTC().Format("2 January 2006, 15:04 UTC") + ", in " + r.Took.Round(time.Second).String()},
		fact{"command", r.Command})
}

func goalsTable(w io.Writer, r bench.Result) error {
	if len(r.Goals) == 0 {
		return nil
	}
	fmt.Fprintf(w, "\nGoals: %s\n\n", tallyText(r.Goals))
	t := newColumns("", "GOAL", "PATH", "FIGURE", ">GOT", ">LIMIT", "WHICH IS", ">SHARE", "ROUNDS")
	for _, g := range r.Goals {
		sign, word := verdict(g)
		limit, of, unit := "", "", goalUnit(g)
		if g.Of != "" {
			limit, of = value(g.Limit, g.Unit), g.Of
		}
		t.add(sign+" "+word, bound(g), g.Path, g.Figure, value(g.Got, g.Unit), limit, of,
			value(g.Value, unit), roundsAndSpread(g))
	}
	return t.write(w)
}

func tallyText(goals []bench.Goal) string {
	met, all := tally(goals)
	return fmt.Sprintf("%d of %d met.", met, all)
}

func limitsTable(w io.Writer, r bench.Result) error {
	if len(r.Limits) == 0 {
		return nil
	}
	fmt.Fprint(w, "\nWhat the machine does without Holdfast:\n\n")
	t := newColumns("LIMIT", ">MEDIAN", "LEAST TO MOST", "WHAT IS DONE")
	for _, l := range r.Limits {
		t.add(l.Name, value(l.Value, l.Unit), spread(l.Least, l.Most, l.Unit), l.About)
	}
	return t.write(w)
}

func matrixTable(w io.Writer, r bench.Result) error {
	for _, g := range groupBy(r.Cells, partOf) {
		fmt.Fprintf(w, "\n%s:\n\n", g.Key)
		t := newColumns("OPERATION", ">SIZE", ">CLIENTS", ">RATE", "LEAST TO MOST", ">OF LIMIT", ">P50", ">P99", ">P99.9", ">CPU/OP", ">CPU/GIB", ">OF LIMIT")
		before := ""
		for _, row := range matrixRows(g.Cells) {
			operation := row.Operation
			if operation == before {
				operation = ""
			}
			before = row.Operation
			t.add(operation, row.Size, row.Clients, row.Rate, row.Spread, row.Share, row.P50, row.P99, row.P999, row.CPUOp, row.CPUGiB, row.CPUTimes)
		}
		if err := t.write(w); err != nil {
			return err
		}
	}
	return nil
}

// matrixRow is a cell in words.
type matrixRow struct {
	Operation, Size, Clients, Rate, Spread, Share, P50, P99, P999, CPUOp, CPUGiB, CPUTimes, Rounds string
}

func matrixRows(cells []bench.Cell) []matrixRow {
	var rows []matrixRow
	for _, c := range inOrder(cells) {
		f, unit := rate(c)
		least, most := reach(c.Series, f)
		row := matrixRow{
			Operation: c.Operation, Size: sizeText(c), Clients: number(float64(c.Clients)),
			Rate: value(c.Series.Median(f), unit), Spread: spread(least, most, unit),
			Share: value(ofLimit(c), bench.Share), Rounds: fmt.Sprint(len(c.Series.Samples)),
			P50: latencyText(c.Series.P50), P99: latencyText(c.Series.P99), P999: latencyText(c.Series.P999),
		}
		row.CPUOp, row.CPUGiB, row.CPUTimes = cpuTexts(c)
		rows = append(rows, row)
	}
	return rows
}

func growthTable(w io.Writer, r bench.Result) error {
	table := growthRows(r.Growth)
	if len(table.Rows) == 0 {
		return nil
	}
	fmt.Fprint(w, "\nGrowth: the last column is the most over the first (at most 1.5× is wanted):\n\n")
	heads := []string{"COST"}
	for _, objects := range table.Objects {
		heads = append(heads, ">"+objects)
	}
	t := newColumns(append(heads, ">AT MOST")...)
	for _, row := range table.Rows {
		t.add(append(append([]string{row.Name}, row.Values...), row.Times)...)
	}
	return t.write(w)
}

// grownRows is growth as a table: a row for each cost and total, a column for each number of objects.
type grownRows struct {
	Objects []string
	Rows    []grownRow
}

type grownRow struct {
	Name, About string
	Values      []string
	Times       string // the most of all over the first; of totals none
	Over        bool   // more than is wanted
}

// growthBound is by how much a cost may grow from the fewest objects to the most.
const growthBound = 1.5

func growthRows(growth []bench.Grown) (table grownRows) {
	for _, g := range growth {
		table.Objects = append(table.Objects, counted(g.Objects, "object"))
	}
	for _, line := range growthLines(growth, func(g bench.Grown) []bench.Line { return g.Costs }) {
		row := line.row()
		if times := line.most(); !math.IsNaN(times) {
			row.Times, row.Over = value(times, bench.Times), times > growthBound
		}
		table.Rows = append(table.Rows, row)
	}
	for _, line := range growthLines(growth, func(g bench.Grown) []bench.Line { return g.Totals }) {
		table.Rows = append(table.Rows, line.row())
	}
	return table
}

func notesTable(w io.Writer, r bench.Result) error {
	if len(r.Notes) == 0 {
		return nil
	}
	fmt.Fprint(w, "\nTo know:\n\n")
	for _, note := range r.Notes {
		fmt.Fprintf(w, "  - %s\n", note)
	}
	return nil
}
