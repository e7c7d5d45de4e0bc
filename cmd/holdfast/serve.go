package main

import (
	"log/slog"
	"math"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/urfave/cli/v2"

	api "github.com/holdfast-storage/holdfast/fuse-free-api"
)

// Up to here an error of the command line; beyond it the pool has its own word.
const maxParity = 8

func serveCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "serve",
		Usage:     "serve the objects on these drives",
		ArgsUsage: "DIR…",
		Description: "A DIR is one drive, meant to be one disk; /data{1...6} stands for /data1 … /data6. The order does not\n" +
			"matter: drives are known by their labels. Up to M of them may be missing.\n\n" +
			"With --init, empty or absent directories become a new pool if none of them belongs to one; without it,\n" +
			"and wherever a pool is, nothing is created.\n\n" +
			"Keys come from HOLDFAST_ACCESS_KEY and HOLDFAST_SECRET_KEY; without them they are made at the first\n" +
			"start, shown once, and kept in the credentials file, where the other commands find them.\n\n" +
			"Ctrl-C or SIGTERM: stop accepting, finish what runs (30 s), flush, exit 0.",
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "init", EnvVars: []string{"HOLDFAST_INIT"}, Usage: "make a new pool of empty or absent directories"},
			&cli.StringFlag{Name: "listen", EnvVars: []string{"HOLDFAST_LISTEN"}, Value: defaultListen, Usage: "`ADDRESS` of the object listener; loopback only, without TLS"},
			&cli.StringFlag{Name: "admin", EnvVars: []string{"HOLDFAST_ADMIN"}, Value: defaultAdmin, Usage: "`ADDRESS` of the admin listener (status, health, metrics); loopback only, without TLS"},
			&cli.IntFlag{Name: "parity", EnvVars: []string{"HOLDFAST_PARITY"}, Usage: "`M` drives that may fail", DefaultText: "1 for 2-3 drives, 2 for 4-11, 3 from 12"},
			&cli.StringFlag{Name: "segment-size", EnvVars: []string{"HOLDFAST_SEGMENT_SIZE"}, Usage: "`SIZE` at which a segment is closed, of a new pool", DefaultText: "256MiB"},
			&cli.StringFlag{Name: "memory", EnvVars: []string{"HOLDFAST_MEMORY"}, Value: "128MiB", Usage: "`SIZE` of all buffers for objects on their way"},
			&cli.StringFlag{Name: "rebuild-after", EnvVars: []string{"HOLDFAST_REBUILD_AFTER"}, Value: "15s", Usage: "`TIME` after which a spare, or room elsewhere, is used for a drive that is away; never"},
			&cli.StringFlag{Name: "rebuild-rate", EnvVars: []string{"HOLDFAST_REBUILD_RATE"}, Usage: "`MB/s` that rebuilding reads and writes at most; 50, or with a unit: 50MiB", DefaultText: "as fast as the drives go"},
			&cli.StringFlag{Name: "etag", EnvVars: []string{"HOLDFAST_ETAG"}, Value: "md5", Usage: "what ETags are `MADE` of: md5, or fast, which spends no time on them and is random"},
			&cli.StringFlag{Name: "log-level", EnvVars: []string{"HOLDFAST_LOG_LEVEL"}, Value: "info", Usage: "`LEVEL` from which on to log: debug, info, warn, error"},
			credentialsFlag(),
			&cli.BoolFlag{Name: "json", Usage: "print one line of JSON when ready, and log JSON"},
		}, edgeFlags()...),
		Action: func(c *cli.Context) error {
			cfg, err := readServeConfig(c)
			if err != nil {
				return err
			}
			return serve(c.Context, con, cfg)
		},
	}
}

// serveConfig is what serve was asked for, checked as far as it can be without touching a drive.
type serveConfig struct {
	dirs         []string
	init         bool
	parity       int   // 0: not said
	segmentBytes int64 // 0: not said
	memoryBytes  int64
	rebuildAfter time.Duration // below 0: never by itself
	rebuildRate  int64         // bytes per second; 0: no cap
	listen       string
	admin        string
	credentials  string
	etag         api.ETagMode
	logLevel     slog.Level
	json         bool
	edge         edgeConfig
}

func readServeConfig(c *cli.Context) (serveConfig, error) {
	cfg := serveConfig{
		init: c.Bool("init"), parity: c.Int("parity"), listen: c.String("listen"), admin: c.String("admin"),
		credentials: c.String("credentials"), json: c.Bool("json"),
	}
	args, err := takes(c, 1, math.MaxInt)
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
	if c.IsSet("parity") && (cfg.parity < 1 || cfg.parity > maxParity) {
		return cfg, usagef("--parity %d: 1 to %d is possible", cfg.parity, maxParity)
	}
	if cfg.segmentBytes, err = readSize(c, "segment-size"); err != nil {
		return cfg, err
	}
	if cfg.memoryBytes, err = readSize(c, "memory"); err != nil {
		return cfg, err
	}
	if cfg.rebuildAfter, err = readRebuildAfter(c.String("rebuild-after")); err != nil {
		return cfg, err
	}
	if cfg.rebuildRate, err = readRate(c.String("rebuild-rate")); err != nil {
		return cfg, usagef("--rebuild-rate %q: %w", c.String("rebuild-rate"), err)
	}
	if cfg.etag, err = api.ParseETagMode(c.String("etag")); err != nil {
		return cfg, usagef("--etag %q: md5 or fast is wanted", c.String("etag"))
	}
	if err := cfg.logLevel.UnmarshalText([]byte(c.String("log-level"))); err != nil {
		return cfg, usagef("--log-level %q: debug, info, warn or error is wanted", c.String("log-level"))
	}
	cfg.edge, err = readEdgeConfig(c)
	return cfg, err
}

// readRebuildAfter reads a time such as 15s, or never, which is below 0.
func readRebuildAfter(text string) (time.Duration, error) {
	if text == "never" {
		return -1, nil
	}
	after, err := time.ParseDuration(text)
	if err != nil || after < 0 {
		return 0, usagef("--rebuild-after %q: a time such as 15s or 2m is wanted, or never", text)
	}
	return max(after, 1), nil // 0 would be the pool's own word for its default
}

// readSize reads a flag such as 256MiB; 0 if it is not set and has no default.
func readSize(c *cli.Context, flag string) (int64, error) {
	text := c.String(flag)
	if text == "" {
		return 0, nil
	}
	bytes, err := humanize.ParseBytes(text)
	if err != nil || bytes == 0 || bytes > math.MaxInt64 {
		return 0, usagef("--%s %q: a size such as 256MiB is wanted", flag, text)
	}
	return int64(bytes), nil
}
