package main

import "github.com/urfave/cli/v2"

func driveCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:  "drive",
		Usage: "look at the pool's drives, and change which it uses",
		UsageText: "holdfast drive list\n" +
			"holdfast drive replace DRIVE DIR              a disk is broken: put another one in its place\n" +
			"holdfast drive add|spare DIR…                 more room, or a disk that waits for another's loss\n" +
			"holdfast drive offline|online DRIVE           do without a disk for a while\n" +
			"holdfast drive fail|clear DRIVE               stop using a disk, or forget its errors\n" +
			"holdfast drive evacuate|remove DRIVE          take a disk out of the pool",
		Description: "Each of them but list says first what may fail afterwards, and has --dry-run, --json, --wait, and --force where\n" +
			"safety refuses. A refusal because of safety is exit code 3.",
		Subcommands: []*cli.Command{
			driveListCommand(con),
			driveReplaceCommand(con),
			driveFailCommand(con),
			driveOfflineCommand(con),
			driveOnlineCommand(con),
			driveClearCommand(con),
			driveAddCommand(con),
			driveSpareCommand(con),
			driveRemoveCommand(con),
			driveEvacuateCommand(con),
		},
	}
}
