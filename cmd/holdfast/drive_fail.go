package main

import "github.com/urfave/cli/v2"

func driveFailCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "fail",
		Usage:     "stop using a drive at once",
		ArgsUsage: "DRIVE",
		Description: driveHelp +
			"It is said first what may still fail afterwards. What would go below safety is refused (exit code 3), unless\n" +
			"--force is given.\n\n" +
			"What the drive held is made anew on a spare, or on drives with room for it; with --wait the command ends when\n" +
			"that is done. `holdfast drive clear DRIVE` takes the drive back, `holdfast drive replace DRIVE DIR` puts another\n" +
			"in its place.",
		Flags: changeFlags(),
		Action: driveAction(con, "fail", true, func(r changeReport) string {
			return r.name() + " is " + r.State + " and no longer used"
		}),
	}
}
