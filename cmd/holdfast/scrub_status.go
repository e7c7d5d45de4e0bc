package main

import (
	"net/http"

	"github.com/urfave/cli/v2"
)

func scrubStatusCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:  "status",
		Usage: "say how far the scrub is, what it found, and when the next one is",
		Description: "Exit code 3 if the last one left something that could not be mended, or was stopped. --json prints all findings, with the names of the\n" +
			"objects that are hit.",
		Flags: adminFlags(),
		Action: plainAdmin(func(c *cli.Context, cl *client) error {
			r, raw, err := cl.scrub(c.Context, http.MethodGet, "", nil)
			if err != nil {
				return err
			}
			return con.scrubOutcome(c, r, raw)
		}),
	}
}
