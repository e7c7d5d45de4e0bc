package main

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/holdfast-storage/holdfast/blockstore"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

func fsckCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "fsck",
		Usage:     "examine a pool that no daemon serves, and repair it",
		ArgsUsage: "DIR…",
		Description: "Reads every block of every segment and holds all against each other: labels, parity and data, records and\n" +
			"catalog, extents and segments, the catalog's replicas; and looks for files that belong to nobody. Give all the\n" +
			"directories that `holdfast serve` is given.\n\n" +
			"Without --repair and --rebuild-catalog not one byte is written. A repair opens the pool as a daemon does, and makes\n" +
			"good what can be; what is lost is named and left as it is. A pool that is served is examined with\n" +
			"`holdfast scrub start`.\n\n" +
			"Exit code 0 if all is well or was repaired, 3 if something remains, 1 if it could not be found out.\n\n" +
			"--json prints one document a line, whose type is finding, note or, at the end, report.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "repair", Usage: "make good what can be"},
			&cli.BoolFlag{Name: "rebuild-catalog", Usage: "throw the catalog away and make it again from the journal; say whether it was right"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error { return fsckAction(c, con) },
	}
}

func fsckAction(c *cli.Context, con *console) error {
	args, err := takes(c, 1, math.MaxInt)
	if err != nil {
		return err
	}
	o := blockstore.FsckOptions{Repair: c.Bool("repair"), RebuildCatalog: c.Bool("rebuild-catalog")}
	for _, arg := range args {
		dirs, err := expandBraces(arg)
		if err != nil {
			return &usageError{err: err}
		}
		o.Dirs = append(o.Dirs, dirs...)
	}
	// What the pool has to say of itself stands in the report; what is left is worth a line.
	o.Logger = slog.New(slog.NewTextHandler(con.err, &slog.HandlerOptions{Level: slog.LevelError}))
	if isTerminal(con.err) {
		o.Logger = slog.New(slog.DiscardHandler) // it would tear the bar
	}
	report, err := runFsck(c.Context, con, o)
	if err != nil {
		return fsckError(err)
	}
	if c.Bool("json") {
		err = fsckJSON(con, report)
	} else {
		_, err = con.out.Write([]byte(fsckText(report)))
	}
	if err == nil && !report.Well() {
		err = &noError{} // what remains stands in the output
	}
	return err
}

// runFsck shows progress on a terminal.
func runFsck(ctx context.Context, con *console, o blockstore.FsckOptions) (blockstore.FsckReport, error) {
	if !isTerminal(con.err) {
		return blockstore.Fsck(ctx, o)
	}
	bar, began := newGauge(con.err, "fsck"), time.Time{}
	defer bar.end()
	o.Progress = func(p blockstore.FsckProgress) {
		s := standing{done: p.ReadBytes, total: p.TotalBytes, note: p.Stage}
		if began.IsZero() && p.ReadBytes > 0 {
			began = time.Now()
		}
		if passed := time.Since(began).Seconds(); !began.IsZero() && passed > 1 && p.ReadBytes < p.TotalBytes {
			s.rate = int64(float64(p.ReadBytes) / passed)
			s.left = time.Duration(float64(p.TotalBytes-p.ReadBytes) / float64(p.ReadBytes) * passed * float64(time.Second))
		}
		bar.show(s)
	}
	return blockstore.Fsck(ctx, o)
}

// fsckError says what to do where nothing could be found out.
func fsckError(err error) error {
	switch {
	case errors.Is(err, drive.ErrLocked):
		return &hintError{err, "a daemon serves this pool: `holdfast scrub start` examines it while it runs; fsck needs it stopped"}
	case errors.Is(err, blockstore.ErrOptions):
		return &usageError{err: err}
	case errors.Is(err, blockstore.ErrNoPool):
		return &hintError{err, "look whether the disks are mounted"}
	case errors.Is(err, blockstore.ErrQuorum):
		return &hintError{err, "with fewer drives nothing can be said; `holdfast inspect DIR` shows what lies on a single one"}
	}
	return err
}
