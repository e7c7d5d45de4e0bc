package main

import (
	"errors"
	"math"

	"github.com/urfave/cli/v2"

	"github.com/holdfast-storage/holdfast/blockstore"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

func inspectCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "inspect",
		Usage:     "show what lies in a drive's directory or in a single file of it",
		ArgsUsage: "FILE|DIR…",
		Description: "Labels, the catalog's summary, and of every segment file its first page, every block, and what is none;\n" +
			"then the batches and records that the files given hold. What is damaged is shown as such and ends nothing.\n" +
			"Several drives, or several files of one segment, are read together: a batch of d data columns takes d files.\n\n" +
			"Nothing is written. A DIR must not be in use by a daemon; a FILE may be a copy of one.\n\n" +
			"--json prints one document a line; its type is one of label, catalog, file, block, hole, damage,\n" +
			"unreadable, sum, batch, record, entry and other.",
		Flags:  []cli.Flag{jsonFlag()},
		Action: func(c *cli.Context) error { return inspectAction(c, con) },
	}
}

func inspectAction(c *cli.Context, con *console) error {
	args, err := takes(c, 1, math.MaxInt)
	if err != nil {
		return err
	}
	var paths []string
	for _, arg := range args {
		expanded, err := expandBraces(arg)
		if err != nil {
			return &usageError{err: err}
		}
		paths = append(paths, expanded...)
	}
	see := func(doc any) error { return con.writeJSON(doc) }
	if !c.Bool("json") {
		page := &inspectPage{}
		see = func(doc any) error {
			_, err := con.out.Write([]byte(page.text(doc)))
			return err
		}
	}
	err = blockstore.Inspect(c.Context, nil, paths, see)
	if errors.Is(err, drive.ErrLocked) {
		return &hintError{err, "a daemon has it open: stop that one first, or copy the file and inspect the copy"}
	}
	return err
}
