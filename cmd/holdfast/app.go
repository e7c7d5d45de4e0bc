package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// run does what argv says and returns the exit code. argv[0] is the program's name.
func run(ctx context.Context, argv []string, con *console) int {
	app := newApp(con)
	ordered, err := reorder(app, argv)
	if err == nil {
		err = app.RunContext(ctx, ordered)
	}
	report(ctx, con, err)
	return exitCode(err)
}

func newApp(con *console) *cli.App {
	app := &cli.App{
		Name:  "holdfast",
		Usage: "keep objects on N drives so that any m of them may fail",
		UsageText: "holdfast COMMAND [flags] [arguments]\n" +
			"holdfast COMMAND --help",
		Description: "To begin: holdfast serve --init DIR DIR DIR… in one terminal; in another\n" +
			"holdfast mb photos, holdfast put cat.jpg photos, holdfast get photos/cat.jpg.\n\n" +
			"HOLDFAST_ENDPOINT and HOLDFAST_ADMIN_URL say where the daemon is; the keys are taken from\n" +
			"HOLDFAST_ACCESS_KEY and HOLDFAST_SECRET_KEY, else from ~/.config/holdfast/credentials.\n\n" +
			"Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the answer is no.",
		Version:   version,
		Reader:    con.in,
		Writer:    con.out,
		ErrWriter: con.err,
		Commands: []*cli.Command{
			serveCommand(con),
			statusCommand(con),
			driveCommand(con),
			scrubCommand(con),
			verifyCommand(con),
			eventsCommand(con),
			mbCommand(con),
			rbCommand(con),
			putCommand(con),
			getCommand(con),
			lsCommand(con),
			rmCommand(con),
			statCommand(con),
			fsckCommand(con),
			inspectCommand(con),
			benchCommand(con),
			demoCommand(con),
			versionCommand(con),
		},
		HideHelpCommand:           true,
		DisableSliceFlagSeparator: true,
		ExitErrHandler:            func(*cli.Context, error) {}, // exit.go decides
		Action: func(c *cli.Context) error {
			return usagef("a command is missing")
		},
	}
	for _, command := range app.Commands {
		prepare("holdfast", command)
	}
	return app
}

// prepare gives a command what all have in common: errors in flags and arguments are wrong usage and name the command.
func prepare(parent string, command *cli.Command) {
	name := parent + " " + command.Name
	command.HideHelpCommand = true
	command.OnUsageError = func(_ *cli.Context, err error, _ bool) error {
		return &usageError{command: name, err: err}
	}
	if action := command.Action; action != nil {
		command.Action = func(c *cli.Context) error {
			err := action(c)
			var usage *usageError
			if errors.As(err, &usage) && usage.command == "" {
				usage.command = name
			}
			return err
		}
	}
	for _, sub := range command.Subcommands {
		prepare(name, sub)
	}
}

// takes checks that a command got between least and most arguments and returns them.
func takes(c *cli.Context, least, most int) ([]string, error) {
	args := c.Args().Slice()
	switch {
	case len(args) < least && len(args) == 0:
		return nil, usagef("%s is missing", strings.Fields(c.Command.ArgsUsage)[0])
	case len(args) < least:
		return nil, usagef("%s is missing", strings.Fields(c.Command.ArgsUsage)[len(args)])
	case len(args) > most:
		return nil, usagef("one argument too many: %q", args[most])
	}
	for _, arg := range args {
		if arg == "" {
			return nil, usagef("an argument is empty")
		}
	}
	return args, nil
}

// splitObject takes BUCKET/KEY apart at its first slash. Everything behind it is the key, as it stands.
func splitObject(arg string) (bucket, key string, err error) {
	bucket, key, _ = strings.Cut(arg, "/")
	if bucket == "" {
		return "", "", usagef("%q names no bucket: BUCKET/KEY is wanted", arg)
	}
	return bucket, key, nil
}

// needKey is splitObject for the commands that are about one object.
func needKey(arg string) (bucket, key string, err error) {
	if bucket, key, err = splitObject(arg); err == nil && key == "" {
		err = usagef("%q names a bucket and no key: BUCKET/KEY is wanted", arg)
	}
	return bucket, key, err
}

// needBucket is for the commands that are about a bucket: BUCKET, and BUCKET/ too.
func needBucket(arg string) (string, error) {
	bucket, key, err := splitObject(arg)
	if err == nil && key != "" {
		err = usagef("%q names an object: a bucket is wanted", arg)
	}
	return bucket, err
}

func versionLine() string { return fmt.Sprintf("holdfast %s", version) }
