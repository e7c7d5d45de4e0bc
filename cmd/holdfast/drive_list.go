package main

import (
	"strings"

	"github.com/urfave/cli/v2"
)

func driveListCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:        "list",
		Usage:       "list the pool's drives",
		Description: "Slot, state, errors and path of every drive; --json prints one drive a line, with its id.",
		Flags:       adminFlags(),
		Action: plainAdmin(func(c *cli.Context, cl *client) error {
			report, _, err := cl.status(c.Context)
			if err != nil {
				return err
			}
			if !c.Bool("json") {
				var b strings.Builder
				renderDrives(&b, report.Drives)
				_, err := con.out.Write([]byte(b.String()))
				return err
			}
			for _, d := range report.Drives {
				if err := con.writeJSON(d); err != nil {
					return err
				}
			}
			return nil
		}),
	}
}
