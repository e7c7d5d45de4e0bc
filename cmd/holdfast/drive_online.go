package main

import "github.com/urfave/cli/v2"

func driveOnlineCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "online",
		Usage:     "use a drive again that was taken offline",
		ArgsUsage: "DRIVE",
		Description: driveHelp +
			"Only what was written while it was away has to be mended, and what was deleted or made anew elsewhere meanwhile\n" +
			"is dropped from it.",
		Flags: changeFlags(),
		Action: driveAction(con, "online", false, func(r changeReport) string {
			return r.name() + " is " + r.State + " and used again"
		}),
	}
}
