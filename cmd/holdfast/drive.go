package main

import "github.com/urfave/cli/v2"

func driveCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:        "drive",
		Usage:       "look at the pool's drives, take one out of use",
		UsageText:   "holdfast drive list\nholdfast drive fail DRIVE",
		Subcommands: []*cli.Command{driveListCommand(con), driveFailCommand(con)},
	}
}
