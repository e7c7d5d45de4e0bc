package report

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// columns is a table for a terminal. A heading that begins with > is that of a column of numbers, which are set flush right.
type columns struct {
	heads []string
	rows  [][]string
}

func newColumns(heads ...string) *columns { return &columns{heads: heads} }

func (t *columns) add(cells ...string) { t.rows = append(t.rows, cells) }

// write leaves out the columns in which no row has anything.
func (t *columns) write(w io.Writer) error {
	width := make([]int, len(t.heads))
	for _, row := range t.rows {
		for i, cell := range row {
			if cell != "" {
				width[i] = max(width[i], utf8.RuneCountInString(cell), utf8.RuneCountInString(strings.TrimPrefix(t.heads[i], ">")))
			}
		}
	}
	heads := make([]string, len(t.heads))
	for i, head := range t.heads {
		heads[i] = strings.TrimPrefix(head, ">")
	}
	for _, row := range append([][]string{heads}, t.rows...) {
		var b strings.Builder
		for i, cell := range row {
			if width[i] == 0 {
				continue
			}
			gap := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
			if strings.HasPrefix(t.heads[i], ">") {
				b.WriteString("  " + gap + cell)
			} else {
				b.WriteString("  " + cell + gap)
			}
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(b.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}
