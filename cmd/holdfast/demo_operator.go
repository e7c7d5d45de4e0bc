package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// What the demo does as an operator would: it types commands, and waits until the daemon says that something is so.

// types runs `holdfast …` in the demo's folder, where the drives are. The command, what it prints and its progress bar
// are shown. It must end with the exit code want.
func (d *demo) types(ctx context.Context, want int, args ...string) (output string, err error) {
	fmt.Fprintf(d.con.err, "\n$ holdfast %s\n", strings.Join(args, " "))
	var printed bytes.Buffer
	code, err := d.daemon.run(ctx, io.MultiWriter(d.con.err, &printed), d.con.err, args...)
	if err == nil && code != want {
		err = fmt.Errorf("`holdfast %s` gave exit code %d, not %d", strings.Join(args, " "), code, want)
	}
	return printed.String(), err
}

// run runs this very binary with the daemon's address and keys, in the demo's folder, and returns its exit code.
func (d *demoDaemon) run(ctx context.Context, stdout, stderr io.Writer, args ...string) (code int, err error) {
	command := exec.CommandContext(ctx, d.self, args...)
	command.Dir, command.Env = d.dir, d.environment()
	command.Stdout, command.Stderr = stdout, stderr // a terminal is handed on as it is: then bars are drawn
	err = command.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), ctx.Err()
	}
	return exitDone, err
}

// makeDirs are the new disks, empty.
func (d *demo) makeDirs(names ...string) error {
	fmt.Fprintf(d.con.err, "\n$ mkdir %s\n", strings.Join(names, " "))
	for _, name := range names {
		if err := os.Mkdir(filepath.Join(d.dir, name), 0o700); err != nil {
			return err
		}
	}
	return nil
}

// move takes a drive away from under the daemon, or puts it back.
func (d *demo) move(from, to string) error {
	fmt.Fprintf(d.con.err, "$ mv %s %s\n", from, to)
	return os.Rename(filepath.Join(d.dir, from), filepath.Join(d.dir, to))
}

// ask gets the status, as `holdfast status --json` does.
func (d *demo) ask(ctx context.Context) (statusReport, error) {
	admin, err := d.daemon.client(d.daemon.adminAt)
	if err != nil {
		return statusReport{}, err
	}
	defer admin.close()
	r, _, err := admin.status(ctx)
	return r, err
}

// await asks until the status is as it should be, for a minute at most.
func (d *demo) await(ctx context.Context, what string, is func(statusReport) bool) (r statusReport, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, errDemoLate)
	defer cancel()
	err = poll(ctx, func() (bool, error) {
		r, err = d.ask(ctx)
		return err == nil && is(r), err
	})
	if context.Cause(ctx) == errDemoLate {
		err = fmt.Errorf("after a minute it is not so that %s:\n%s", what, renderStatus(r))
	}
	return r, err
}

var errDemoLate = errors.New("the demo waits no longer")

// shown is a sentence about the pool for the table: everything is as it should be.
func shown(r statusReport) string {
	return fmt.Sprintf("%s, none of %s lacks a column", r.Pool.State, count(r.Redundancy.Stripes, "stripe"))
}
