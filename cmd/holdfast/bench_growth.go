package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/holdfast-storage/holdfast/bench"
	"github.com/holdfast-storage/holdfast/bench/growth"
)

// growthToMost bounds --to: of more objects no time and no room can be foreseen.
const growthToMost = 1_000_000_000

func benchGrowthCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "growth",
		Usage:     "measure what grows with the number of objects: operations, starts, memory, bytes on the drives",
		ArgsUsage: "[DIR…]",
		Description: "Pools of 10,000, 100,000 … objects of 100 bytes are made one after the other, without HTTP, in a folder in each DIR\n" +
			"(holdfast-growth-…) that is removed at the end and on Ctrl-C. The same operations run on each, in turn with the\n" +
			"smallest; they are to cost at most 1.5 times as much on the largest. Then each pool is killed while it stores, is\n" +
			"started again, and makes its catalog anew from the journal; what a pool does but once is held against new small\n" +
			"ones. Without a DIR: six folders among the temporary files.\n\n" +
			"A million objects take some minutes and up to 2 GiB on all drives together, ten millions ten times as much.\n" +
			"Exit code 0 if all was measured, whatever came out; with --strict 3 if something has grown too much.",
		Flags: []cli.Flag{
			&cli.Int64Flag{Name: "to", Value: 1_000_000, Usage: "`N` objects in the largest pool, from 10000"},
			&cli.IntFlag{Name: "rounds", Value: 5, Usage: "`N` rounds, of which the median counts"},
			&cli.DurationFlag{Name: "span", Value: time.Second, Usage: "`TIME` that one run of one round takes"},
			&cli.StringFlag{Name: "html", TakesFile: true, Usage: "write a page with charts to `FILE` too, which needs nothing else"},
			&cli.BoolFlag{Name: "strict", Usage: "exit code 3 if something has grown too much"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error {
			to := c.Int64("to")
			if to < growth.From || to > growthToMost {
				return usagef("--to %d: from %d to %d objects can be measured", to, growth.From, growthToMost)
			}
			cfg, err := readBenchConfig(c, "holdfast bench growth", "to", "rounds", "span")
			if err != nil {
				return err
			}
			return growthAction(c.Context, con, cfg, to)
		},
	}
}

// growthAction measures, and prints what was complete even if it could not go on to the end.
func growthAction(ctx context.Context, con *console, cfg benchConfig, to int64) (err error) {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	var notes []string
	if len(cfg.dirs) == 0 {
		home, err := os.MkdirTemp("", "holdfast-bench-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(home)
		notes = append(notes, "No directory was named: the drives were folders among the temporary files, on one disk.")
		if cfg.dirs, err = benchFolders(home); err != nil {
			return err
		}
	}
	page, err := newPageFile(cfg.html)
	if err != nil {
		return err
	}
	defer page.drop()
	fmt.Fprintf(con.err, "up to %s will be written in %s\n", size(growth.Room(to)), count(int64(len(cfg.dirs)), "folder"))
	began := time.Now()
	result, err := growthRun(ctx, con, growth.Options{
		Dirs: cfg.dirs, To: to, Turns: bench.Turns{Rounds: cfg.rounds, Span: cfg.span},
		Start: func(ctx context.Context, dirs []string) *exec.Cmd {
			command := exec.CommandContext(ctx, self, append([]string{"bench", "growth-pool", "--"}, dirs...)...)
			command.Stderr = os.Stderr
			return command
		},
	})
	result.Version, result.Command, result.Began, result.Machine = version, cfg.command, began, bench.ThisMachine(cfg.dirs)
	result.Took, result.Notes = time.Since(began), append(notes, result.Notes...)
	if err != nil {
		if len(result.Growth) == 0 {
			return err
		}
		result.Notes = append(result.Notes, cutShort(err))
	}
	return errors.Join(err, con.benchResult(cfg, result, page))
}

func growthRun(ctx context.Context, con *console, o growth.Options) (bench.Result, error) {
	gauge, began := newGauge(con.err, "growth"), time.Now()
	defer gauge.end()
	o.Told = func(doing string, share float64) { gauge.show(standingSince(began, share, doing)) }
	return growth.Run(ctx, o)
}

// benchGrowthPoolCommand is the process that holds a pool while it is measured, so that it can be killed.
func benchGrowthPoolCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:        "growth-pool",
		Hidden:      true,
		Usage:       "hold a pool and do with it what comes in on standard input",
		ArgsUsage:   "DIR…",
		Description: "This is a part of holdfast bench growth, which starts it. It ends when its standard input does.",
		Action: func(c *cli.Context) error {
			dirs, err := takes(c, 1, math.MaxInt)
			if err != nil {
				return err
			}
			return growth.Serve(c.Context, con.in, con.out, dirs)
		},
	}
}
