// Command holdfast is the daemon and its command line in one binary.
//
// It composes what the other packages offer and holds no storage logic of its own: `serve` opens a pool
// and puts the HTTP edge in front of it; every other command is a client of those two listeners and works
// the same from another process. A file per command; the words are those of DESIGN.md and of S3.
//
// What a user or a script may rely on:
//   - results go to standard output, everything else to standard error; --json changes the form, not the place;
//   - exit codes: 0 done, 1 failed, 2 wrong usage, 3 the answer is no (exit.go is the only place that maps them);
//   - flags stand before or after the arguments, `--` ends them;
//   - secrets are in the environment or in the credentials file, never in an argument, a log or a message
//     (but for the one time that serve shows the keys it has just made);
//   - progress bars and notes for the eye appear on a terminal only.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// version is stamped by the linker (see the Makefile); nothing assigns it while the program runs.
var version = "devel"

func main() {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	context.AfterFunc(ctx, stop) // the first signal asks, the second one ends the process
	os.Exit(run(ctx, os.Args, &console{in: os.Stdin, out: os.Stdout, err: os.Stderr}))
}
