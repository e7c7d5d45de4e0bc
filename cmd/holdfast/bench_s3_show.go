package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/urfave/cli/v2"
)

// show prints the rows as a table, or with --json as one line, which has the error too that ended it early.
func (p benchS3Plan) show(c *cli.Context, con *console, measured []benchS3Measured, early error) error {
	rows := make([]benchS3Row, len(measured))
	for i, m := range measured {
		rows[i] = m.benchS3Row
	}
	if c.Bool("json") {
		doc := map[string]any{"version": version, "rows": rows}
		if early != nil {
			doc["cut_short"] = early.Error()
		}
		return con.writeJSON(doc)
	}
	_, err := fmt.Fprint(con.out, benchS3Text(rows))
	return err
}

// benchS3Text is the table for a person. It is a pure function of the rows.
func benchS3Text(rows []benchS3Row) string {
	if len(rows) == 0 {
		return ""
	}
	var b strings.Builder
	two := len(rows[0].Servers) > 1
	if two {
		for i, s := range rows[0].Servers {
			fmt.Fprintf(&b, "%d  %s\n", i+1, s.Endpoint)
		}
		b.WriteString("\n")
	}
	cpu, refused := false, int64(0)
	for _, row := range rows {
		for _, s := range row.Servers {
			cpu = cpu || s.CPUOp > 0
			refused += s.Refused
		}
	}
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := func(cells ...string) { fmt.Fprintln(table, strings.Join(cells, "\t")+"\t") }
	heads := []string{"OPERATION", "SIZE", "CLIENTS"}
	if two {
		heads = append(heads, "")
	}
	heads = append(heads, "OPS/S", "BYTES/S", "P50", "P99", "P99.9")
	if cpu {
		heads = append(heads, "CPU/OP", "CPU S/GIB")
	}
	if two {
		heads = append(heads, "1 TO 2")
	}
	line(heads...)
	for _, row := range rows {
		for i, s := range row.Servers {
			cells := []string{row.Operation, size(row.Size), fmt.Sprint(row.Clients)}
			if i > 0 {
				cells = []string{"", "", ""}
			}
			if two {
				cells = append(cells, fmt.Sprint(i+1))
			}
			cells = append(cells, s.cells(cpu)...)
			if two && i == 0 {
				cells = append(cells, fmt.Sprintf("%.2f×", row.Ratio))
			} else if two {
				cells = append(cells, "")
			}
			line(cells...)
		}
	}
	_ = table.Flush() // into memory
	if refused > 0 {
		fmt.Fprintf(&b, "%s answered 503 and do not count\n", count(refused, "request"))
	}
	return b.String()
}

// cells are the figures of one server in the table.
func (s benchS3Server) cells(cpu bool) []string {
	bytes, gib := "", ""
	if s.Bytes > 0 {
		bytes = size(int64(s.Bytes))
	}
	cells := []string{humanize.Comma(int64(s.Rate + 0.5)), bytes, shortTime(s.P50), shortTime(s.P99), shortTime(s.P999)}
	if s.Rate < 10 {
		cells[0] = fmt.Sprintf("%.2f", s.Rate)
	}
	if !cpu {
		return cells
	}
	if s.CPUGiB > 0 {
		gib = fmt.Sprintf("%.2f", s.CPUGiB)
	}
	if s.CPUOp == 0 {
		return append(cells, "", "")
	}
	return append(cells, shortTime(s.CPUOp), gib)
}

// shortTime is a time with three digits or so; 0 is one that is not known.
func shortTime(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case seconds == 0:
		return "-"
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", d.Microseconds())
	case d < 100*time.Millisecond:
		return fmt.Sprintf("%.1f ms", seconds*1e3)
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", seconds)
}
