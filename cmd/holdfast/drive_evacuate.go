package main

import (
	"fmt"

	"github.com/urfave/cli/v2"
)

func driveEvacuateCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "evacuate",
		Usage:     "move all that a drive holds to other drives, then take it out of the pool",
		ArgsUsage: "DRIVE",
		Description: driveHelp +
			"It is copied, not reconstructed, so nothing is less safe meanwhile. At the end the drive forgets that it was\n" +
			"part of the pool, and can be taken away. Refused if the other drives could not take it all: add one first.",
		Flags: changeFlags(),
		Action: driveAction(con, "evacuate", true, func(r changeReport) string {
			return fmt.Sprintf("%s is %s: %s are moved to other drives", r.name(), r.State, size(r.BytesToMove))
		}),
	}
}
