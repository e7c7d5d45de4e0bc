package main

import (
	"strconv"

	"github.com/urfave/cli/v2"
)

func driveOfflineCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "offline",
		Usage:     "do without a drive for a while",
		ArgsUsage: "DRIVE",
		Description: driveHelp +
			"For work on a disk or its cable: nothing is made anew meanwhile, and it stays so over restarts, until `holdfast\n" +
			"drive online DRIVE`. It is refused (exit code 3) where objects could no longer be read, unless --force is given.",
		Flags: changeFlags(),
		Action: driveAction(con, "offline", true, func(r changeReport) string {
			return r.name() + " is " + r.State + "; `holdfast drive online " + strconv.Itoa(r.Slot) + "` uses it again"
		}),
	}
}
