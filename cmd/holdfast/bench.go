package main

import (
	"fmt"
	"math"
	"time"

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
			"limit, the median of the rounds. The goals' rows take some minutes; --full takes the whole matrix of operations,\n" +
			"sizes, clients and states, and hours.\n\n" +
			"The goals are set for 4+2 on one disk with 2 cores: elsewhere one may be missed, and more is to be had. Exit code 0\n" +
			"if all was measured, whatever came out; with --strict 3 if a goal is missed.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "full", Usage: "the whole matrix, not only the goals' rows"},
			&cli.StringFlag{Name: "only", Usage: "only what has this `TEXT` in its name, as in: PUT 4 KiB"},
			&cli.IntFlag{Name: "rounds", Usage: "`N` rounds, of which the median counts", DefaultText: "5, and 3 in the matrix"},
			&cli.DurationFlag{Name: "span", Usage: "`TIME` that one run of one round takes", DefaultText: "0.3s to 1s, as is best for what is measured"},
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
			cfg, err := readBenchConfig(c)
			if err != nil {
				return err
			}
			return benchAction(c.Context, con, cfg)
		},
	}
}

// benchConfig is what bench was asked for.
type benchConfig struct {
	dirs    []string // empty: temporary ones
	full    bool
	only    string
	rounds  int           // 0: not said
	span    time.Duration // 0: not said
	parity  int           // 0: not said
	html    string
	strict  bool
	json    bool
	command string // that does the same
}

func readBenchConfig(c *cli.Context) (benchConfig, error) {
	cfg := benchConfig{
		full: c.Bool("full"), only: c.String("only"), rounds: c.Int("rounds"), span: c.Duration("span"), parity: c.Int("parity"),
		html: c.String("html"), strict: c.Bool("strict"), json: c.Bool("json"),
	}
	args, err := takes(c, 0, math.MaxInt)
	if err != nil {
		return cfg, err
	}
	for _, arg := range args {
		dirs, err := expandBraces(arg)
		if err != nil {
			return cfg, &usageError{err: err}
		}
		cfg.dirs = append(cfg.dirs, dirs...)
	}
	drives := len(cfg.dirs)
	if drives == 0 {
		drives = benchDrives
	}
	switch {
	case c.IsSet("rounds") && cfg.rounds < 1:
		return cfg, usagef("--rounds %d: at least one is wanted, better five", cfg.rounds)
	case c.IsSet("span") && cfg.span <= 0:
		return cfg, usagef("--span %s: a time such as 1s is wanted", cfg.span)
	case c.IsSet("parity") && (cfg.parity < 1 || cfg.parity > maxParity):
		return cfg, usagef("--parity %d: 1 to %d is possible", cfg.parity, maxParity)
	case drives < 2:
		return cfg, usagef("one DIR: at least two are wanted, one on each drive")
	case cfg.parity >= drives:
		return cfg, usagef("--parity %d: of %d drives fewer may fail", cfg.parity, drives)
	case c.IsSet("html") && cfg.html == "":
		return cfg, usagef("--html: a FILE is wanted")
	}
	cfg.command = benchCommandLine(c, args)
	return cfg, nil
}

// benchCommandLine is the command that measures the same again.
func benchCommandLine(c *cli.Context, args []string) string {
	line := "holdfast bench"
	for _, name := range []string{"full", "only", "rounds", "span", "parity"} {
		switch {
		case !c.IsSet(name):
		case name == "full":
			line += " --full"
		default:
			line += " --" + name + " " + shellQuote(fmt.Sprint(c.Value(name)))
		}
	}
	for _, arg := range args {
		line += " " + shellQuote(arg)
	}
	return line
}
