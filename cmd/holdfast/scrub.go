package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/urfave/cli/v2"
)

func scrubCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:  "scrub",
		Usage: "read everything on the drives, and mend what is damaged",
		UsageText: "holdfast scrub start [--wait] [--rate MB/s]\n" +
			"holdfast scrub pause|resume|stop\n" +
			"holdfast scrub status\n" +
			`holdfast scrub schedule "0 3 * * SUN"|off`,
		Description: "A scrub reads the drives, not the page cache: every block, parity against data, records against the catalog, the\n" +
			"catalog's replicas against each other. What is damaged is made good from the rest; what cannot be is reported with\n" +
			"the objects' names, and never turned into something else. Where it stands is kept in the pool: it goes on after a\n" +
			"restart, and a run that was missed is made up.",
		Subcommands: []*cli.Command{
			scrubStartCommand(con),
			scrubSteerCommand(con, "pause", "hold a scrub where it is", "`holdfast scrub resume` goes on from there, after a restart too."),
			scrubSteerCommand(con, "resume", "go on with a scrub that was paused", ""),
			scrubSteerCommand(con, "stop", "end a scrub, and forget how far it was", "What was verified and mended counts all the same."),
			scrubStatusCommand(con),
			scrubScheduleCommand(con),
		},
	}
}

// scrub asks for something about scrubs; the answer to all of it is how the scrub stands.
func (c *client) scrub(ctx context.Context, method, action string, doc any) (report scrubReport, raw json.RawMessage, err error) {
	parts := []string{"scrub"}
	if action != "" {
		parts = append(parts, action)
	}
	raw, err = c.ask(ctx, adminRequest(method, parts...), doc, &report)
	return report, raw, err
}

// scrubSteerCommand makes pause, resume and stop.
func scrubSteerCommand(con *console, name, usage, description string) *cli.Command {
	return &cli.Command{
		Name: name, Usage: usage, Description: description, Flags: adminFlags(),
		Action: plainAdmin(func(c *cli.Context, cl *client) error {
			report, raw, err := cl.scrub(c.Context, http.MethodPost, name, nil)
			if err != nil {
				return err
			}
			return con.scrubResult(c, report, raw)
		}),
	}
}

// scrubResult prints how the scrub stands.
func (con *console) scrubResult(c *cli.Context, r scrubReport, raw []byte) error {
	if c.Bool("json") {
		return con.writeRaw(raw)
	}
	_, err := fmt.Fprintln(con.out, wrap(scanText(r), "", statusWidth))
	return err
}

// scrubOutcome is scrubResult with the findings, and with the answer no if something remains.
func (con *console) scrubOutcome(c *cli.Context, r scrubReport, raw []byte) error {
	if err := con.scrubResult(c, r, raw); err != nil {
		return err
	}
	if !c.Bool("json") {
		var b strings.Builder
		renderFindings(&b, r.Findings)
		if _, err := con.out.Write([]byte(b.String())); err != nil {
			return err
		}
	}
	if r.Remaining > 0 || !r.Running && r.Finished != nil && r.remains() {
		return &noError{} // what remains stands in the output
	}
	return nil
}
