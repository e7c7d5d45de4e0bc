package main

import (
	"fmt"
	"math"
	"time"

	"github.com/urfave/cli/v2"
)

// benchConfig is what bench and bench growth were asked for.
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

// readBenchConfig reads what both have: directories, rounds, and where the result goes. The command that does the same
// again is line, with those of the named flags that were given.
func readBenchConfig(c *cli.Context, line string, flags ...string) (benchConfig, error) {
	cfg := benchConfig{
		rounds: c.Int("rounds"), span: c.Duration("span"), html: c.String("html"), strict: c.Bool("strict"), json: c.Bool("json"),
		command: line,
	}
	args, err := takes(c, 0, math.MaxInt)
	if err != nil {
		return cfg, err
	}
	for _, name := range flags {
		switch given := c.Value(name); {
		case !c.IsSet(name):
		case given == true:
			cfg.command += " --" + name
		default:
			cfg.command += " --" + name + " " + shellQuote(fmt.Sprint(given))
		}
	}
	for _, arg := range args {
		dirs, err := expandBraces(arg)
		if err != nil {
			return cfg, &usageError{err: err}
		}
		cfg.dirs = append(cfg.dirs, dirs...)
		cfg.command += " " + shellQuote(arg)
	}
	switch {
	case c.IsSet("rounds") && cfg.rounds < 1:
		return cfg, usagef("--rounds %d: at least one is wanted, better five", cfg.rounds)
	case c.IsSet("span") && cfg.span <= 0:
		return cfg, usagef("--span %s: a time such as 1s is wanted", cfg.span)
	case len(cfg.dirs) == 1:
		return cfg, usagef("one DIR: at least two are wanted, one on each drive")
	case c.IsSet("html") && cfg.html == "":
		return cfg, usagef("--html: a FILE is wanted")
	}
	return cfg, nil
}
