package main

import "github.com/urfave/cli/v2"

func driveRemoveCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "remove",
		Usage:     "forget a drive that holds nothing",
		ArgsUsage: "DRIVE",
		Description: driveHelp +
			"For a spare, and for a drive whose data has all been made anew elsewhere. One that still holds columns is\n" +
			"refused: `holdfast drive evacuate DRIVE` moves them away first.",
		Flags: changeFlags(),
		Action: driveAction(con, "remove", true, func(r changeReport) string {
			return r.name() + " is no longer part of the pool"
		}),
	}
}
