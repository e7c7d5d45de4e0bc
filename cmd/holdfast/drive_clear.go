package main

import "github.com/urfave/cli/v2"

func driveClearCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "clear",
		Usage:     "forget the errors of a drive, and use it again if it was FAULTED",
		ArgsUsage: "DRIVE",
		Description: driveHelp +
			"For when the cause has been found and mended: a cable, a controller. What the drive missed is mended; everything\n" +
			"on it is verified before it is relied upon.",
		Flags: changeFlags(),
		Action: driveAction(con, "clear", false, func(r changeReport) string {
			return r.name() + " is " + r.State + ", its errors are forgotten"
		}),
	}
}
