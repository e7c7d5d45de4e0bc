package main

import "github.com/urfave/cli/v2"

func driveSpareCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "spare",
		Usage:     "add disks that wait for the loss of another",
		ArgsUsage: "DIR…",
		Description: "A DIR is an empty or absent directory, as for `holdfast drive add`. A spare holds no data until a drive is lost; then it is\n" +
			"used by itself, after the time that `holdfast serve --rebuild-after` says (15 s). One loss takes one spare.",
		Flags: changeFlags(),
		Action: addAction(con, true, func(r changeReport) string {
			return r.name() + " is a " + r.State + ": it is used by itself when a drive is lost"
		}),
	}
}
