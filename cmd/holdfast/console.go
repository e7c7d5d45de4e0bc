package main

import (
	"encoding/json"
	"io"
	"os"

	"golang.org/x/term"
)

// console is where a command reads and writes. Results go to out, everything for the eye to err.
type console struct {
	in  io.Reader
	out io.Writer
	err io.Writer
}

// writeJSON prints v as one line of JSON. HTML escaping is off: keys are to be read as they are.
func (c *console) writeJSON(v any) error {
	enc := json.NewEncoder(c.out)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// isTerminal says whether w goes to a person's terminal, which is where bars may be drawn.
func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
