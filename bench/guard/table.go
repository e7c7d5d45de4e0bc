package guard

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// String is the table, and below it what could not be compared.
func (r Report) String() string {
	var out strings.Builder
	table := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "LOAD\tFIGURE\tBASE\tHEAD\tCHANGE\t")
	for _, row := range r.Rows {
		verdict := ""
		if row.Worse {
			verdict = "WORSE"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", row.Load, row.Figure, number(row.Base), number(row.Head), row.change(), verdict)
	}
	_ = table.Flush() // a strings.Builder takes everything
	for _, note := range r.Notes {
		out.WriteString(note + "\n")
	}
	return out.String()
}

func (r Row) change() string {
	if r.Base == 0 {
		return ""
	}
	return fmt.Sprintf("%+.1f %%", 100*(r.Head/r.Base-1))
}

func number(value float64) string {
	if value >= 1000 {
		return fmt.Sprintf("%.0f", value)
	}
	return fmt.Sprintf("%.2f", value)
}
