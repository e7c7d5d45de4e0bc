package main

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/urfave/cli/v2"
)

func scrubStartCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:  "start",
		Usage: "begin a scrub now",
		Description: "If one is on already, that is an error. With --wait the command ends with it: exit code 0 if all is good or was mended, 3 if\n" +
			"something remains, with the names of the objects that are hit.",
		Flags: adminFlags(
			&cli.StringFlag{Name: "rate", Usage: "read at most so many `MB/s` in all; 50, or with a unit: 50MiB", DefaultText: "as fast as the drives go"},
			&cli.BoolFlag{Name: "wait", Usage: "wait for its end, and show how far it is"},
		),
		Action: action(adminClient, 0, 0, readRateFlag, func(c *cli.Context, cl *client, rate int64) error {
			return scrubStart(c, con, cl, rate)
		}),
	}
}

func scrubStart(c *cli.Context, con *console, cl *client, rate int64) error {
	r, raw, err := cl.scrub(c.Context, http.MethodPost, "start", map[string]int64{"rate_bytes": rate})
	if err != nil {
		return err
	}
	if !c.Bool("wait") {
		return con.scrubResult(c, r, raw)
	}
	bar := newGauge(con.err, "scrub")
	defer bar.end()
	err = poll(c.Context, func() (bool, error) {
		r, raw, err = cl.scrub(c.Context, http.MethodGet, "", nil)
		if err == nil && r.Running {
			bar.show(r.standing())
		}
		return !r.Running, err
	})
	bar.end()
	if err != nil {
		return err
	}
	return con.scrubOutcome(c, r, raw)
}

func readRateFlag(c *cli.Context, _ []string) (int64, error) {
	rate, err := readRate(c.String("rate"))
	if err != nil {
		return 0, usagef("--rate %q: %w", c.String("rate"), err)
	}
	return rate, nil
}

// readRate reads a rate: megabytes per second, or a size with its unit. Empty, 0 and off are no limit, which is 0.
func readRate(text string) (int64, error) {
	text = strings.TrimSuffix(strings.TrimSpace(text), "/s")
	if text == "" || text == "off" {
		return 0, nil
	}
	const megabyte = 1e6
	if number, err := strconv.ParseFloat(text, 64); err == nil {
		if number >= 0 && number <= 1e9 { // which excludes NaN, too
			return int64(number * megabyte), nil
		}
	} else if bytes, err := humanize.ParseBytes(text); err == nil && bytes <= 1e9*megabyte {
		return int64(bytes), nil
	}
	return 0, errRate
}

var errRate = errors.New("a rate such as 50 (MB/s) or 50MiB is wanted")
