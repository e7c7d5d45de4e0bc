package main

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"
)

// replacement is what `drive replace` was told.
type replacement struct{ ref, dir string }

func driveReplaceCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "replace",
		Usage:     "put another disk in a drive's place",
		ArgsUsage: "DRIVE DIR",
		Description: driveHelp +
			"DIR is an empty or absent directory on the new disk; it may be the drive's own path, once the new disk is\n" +
			"mounted there. What the drive held is made anew from the others, or copied if the drive can still be read; with\n" +
			"--wait the command ends when every column of it has been written, read back and verified.\n\n" +
			"Refused: a directory that is in use or belongs to another pool, one with less room than the drive's data needs,\n" +
			"and without --force one that shares a device with another drive where the pool's drives have one each.",
		Flags: changeFlags(),
		Action: action(adminClient, 2, 2, readReplacement, func(c *cli.Context, cl *client, with replacement) error {
			return change{
				con: con, warns: true,
				send: func(ctx context.Context, cl *client, doc changeRequest) (changed, error) {
					doc.Dir = with.dir
					return cl.changeDrive(ctx, "replace", with.ref, doc)
				},
				done: func(r changeReport) string {
					return fmt.Sprintf("%s is %s: %s are to be made; `holdfast status` shows how far it is", r.name(), r.State, size(r.BytesToMove))
				},
			}.run(c, cl, changeRequest{})
		}),
	}
}

func readReplacement(_ *cli.Context, args []string) (with replacement, err error) {
	if with.ref, err = driveRef(args[0]); err != nil {
		return with, err
	}
	dirs, err := driveDirs(args[1:])
	if err != nil {
		return with, err
	}
	if len(dirs) != 1 {
		return with, usagef("%q are %d directories: one is wanted", args[1], len(dirs))
	}
	with.dir = dirs[0]
	return with, nil
}
