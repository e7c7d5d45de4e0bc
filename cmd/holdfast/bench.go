package main

import (
	"github.com/urfave/cli/v2"
)

// benchCommand is the suite, and below it the parts that are of use alone.
func benchCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "bench",
		Usage:     "measure Holdfast beside what the same machine does without it",
		ArgsUsage: "[DIR…]",
		UsageText: "holdfast bench [flags] [DIR…]\n" +
			"holdfast bench COMMAND --help",
		Description: "A DIR is on one of your drives; /mnt/disk{1...6} stands for /mnt/disk1 … /mnt/disk6. In each, a folder of its own\n" +
			"(holdfast-bench-…) is made, and removed at the end and on Ctrl-C. Without a DIR: six folders among the temporary\n" +
			"files (TMPDIR says where), which share a disk, and so do not show what six do.\n\n" +
			"Daemons of this very program are started over them, and measured in turn with what the machine does without it:\n" +
			"copying memory, hashing, writing and syncing the same files, a bare HTTP server. What is said is the share of that\n" +
			"limit, the median of the rounds. What others have left to be written to these disks is waited for, half a minute at most.\n" +
			"The goals' rows and a small matrix of PUT and GET take less than ten minutes; --full takes the whole matrix of\n" +
			"operations, sizes, clients and states, for which an hour and twenty minutes are planned.\n\n" +
			"The goals are set for 4+2 on one disk with 2 cores: elsewhere one may be missed, and more is to be had. Exit code 0\n" +
			"if all was measured, whatever came out; with --strict 3 if a goal is missed.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "full", Usage: "the whole matrix, not only the goals' rows"},
			&cli.StringFlag{Name: "only", Usage: "only what has this `TEXT` in its name, as in: PUT 4 KiB"},
			&cli.IntFlag{Name: "rounds", Usage: "`N` rounds, of which the median counts", DefaultText: "5"},
			&cli.DurationFlag{Name: "span", Usage: "`TIME` that one run of one round takes", DefaultText: "0.3s to 5s, as is best for what is measured"},
			&cli.IntFlag{Name: "parity", Usage: "`M` drives that may fail", DefaultText: "1 for 2-3 drives, 2 for 4-11, 3 from 12"},
			&cli.StringFlag{Name: "html", TakesFile: true, Usage: "write a page with charts to `FILE` too, which needs nothing else"},
			&cli.BoolFlag{Name: "strict", Usage: "exit code 3 if a goal is missed"},
			jsonFlag(),
		},
		Subcommands: []*cli.Command{
			benchS3Command(con),
			benchGrowthCommand(con),
			benchGrowthPoolCommand(con),
			benchBareCommand(con),
			benchGuardCommand(con),
		},
		Action: func(c *cli.Context) error {
			cfg, err := readBench(c)
			if err != nil {
				return err
			}
			return benchAction(c.Context, con, cfg)
		},
	}
}

// readBench reads what bench was asked for.
func readBench(c *cli.Context) (benchConfig, error) {
	cfg, err := readBenchConfig(c, "holdfast bench", "full", "only", "rounds", "span", "parity")
	if err != nil {
		return cfg, err
	}
	cfg.full, cfg.only, cfg.parity = c.Bool("full"), c.String("only"), c.Int("parity")
	drives := len(cfg.dirs)
	if drives == 0 {
		drives = benchDrives
	}
	switch {
	case c.IsSet("parity") && (cfg.parity < 1 || cfg.parity > maxParity):
		return cfg, usagef("--parity %d: 1 to %d is possible", cfg.parity, maxParity)
	case cfg.parity >= drives:
		return cfg, usagef("--parity %d: of %d drives fewer may fail", cfg.parity, drives)
	}
	return cfg, nil
}
