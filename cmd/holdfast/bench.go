package main

import (
	"errors"

	"github.com/urfave/cli/v2"
)

// benchCommand is the suite, and below it the parts that are of use alone.
func benchCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "bench",
		Usage:     "measure Holdfast beside what the same machine does without it",
		ArgsUsage: "[DIR…]",
		Flags:     []cli.Flag{jsonFlag()},
		Subcommands: []*cli.Command{
			benchBareCommand(con),
			// a row each: s3, growth
		},
		Action: func(c *cli.Context) error {
			return errors.New("the suite is not part of this build")
		},
	}
}
