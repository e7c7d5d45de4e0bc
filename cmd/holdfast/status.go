package main

import (
	"fmt"

	"github.com/urfave/cli/v2"
)

func statusCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:  "status",
		Usage: "say how the pool and its drives are, and what to do",
		Description: "Exit code 0 if all is well, 3 if not, 1 if the daemon cannot be asked.\n\n" +
			"The line mend tells how far a rebuild is, scan the same of a scrub, retry what could not be done and is tried again,\n" +
			"proof how much of what is stored was read from the drives and verified, and when.\n\n" +
			"--json prints the daemon's answer: pool (id, state, epoch, data, parity, objects, logical_bytes,\n" +
			"capacity_bytes, free_bytes), drives (slot, id, path, state, read_errors, write_errors, checksum_errors),\n" +
			"redundancy (segments, stripes, and in missing the number of stripes by the number of their columns that\n" +
			"should be stored and are not known good), rebuild, scrub, verified.",
		Flags: adminFlags(),
		Action: plainAdmin(func(c *cli.Context, cl *client) error {
			report, raw, err := cl.status(c.Context)
			if err != nil {
				return err
			}
			if c.Bool("json") {
				_, err = fmt.Fprintf(con.out, "%s\n", raw)
			} else {
				_, err = con.out.Write([]byte(renderStatus(report)))
			}
			if err == nil && !report.well() {
				err = &noError{} // what is not well stands in the output
			}
			return err
		}),
	}
}
