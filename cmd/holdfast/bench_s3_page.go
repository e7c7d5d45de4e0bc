package main

import (
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/holdfast-storage/holdfast/bench"
)

// result is what was measured as the page has it: a table for each server, and how they compare in the notes.
func (p benchS3Plan) result(c *cli.Context, measured []benchS3Measured, began time.Time) bench.Result {
	r := bench.Result{
		Version: version, Command: benchS3CommandLine(c), Began: began, Took: time.Since(began), Machine: bench.ThisMachine(nil),
		Notes: []string{"The machine is the one that the clients ran on."},
	}
	for i, target := range p.targets {
		for _, m := range measured {
			r.Cells = append(r.Cells, bench.Cell{
				Layer: "S3", State: target.Endpoint, Operation: m.Operation, Size: m.Size, Clients: m.Clients, Series: m.series[i],
			})
		}
	}
	if len(p.targets) == 1 {
		return r
	}
	for _, m := range measured {
		r.Notes = append(r.Notes, fmt.Sprintf("%s: %s does %.2f times the operations of %s.", m.benchS3Row, m.Servers[0].Endpoint, m.Ratio, m.Servers[1].Endpoint))
	}
	return r
}

// benchS3CommandLine is the command that measures the same again.
func benchS3CommandLine(c *cli.Context) string {
	line := "holdfast bench s3"
	for _, name := range []string{"endpoint", "op", "size", "clients", "duration", "rounds", "payload", "stored", "bucket", "region"} {
		if !c.IsSet(name) {
			continue
		}
		switch values := c.Value(name).(type) {
		case cli.StringSlice:
			for _, value := range values.Value() {
				line += " --" + name + " " + shellQuote(value)
			}
		case cli.IntSlice:
			for _, value := range values.Value() {
				line += fmt.Sprintf(" --%s %d", name, value)
			}
		default:
			line += " --" + name + " " + shellQuote(fmt.Sprint(values))
		}
	}
	if c.Bool("compare") {
		line += " --compare " + shellQuote(c.Args().Get(0)) + " " + shellQuote(c.Args().Get(1))
	}
	return line
}
