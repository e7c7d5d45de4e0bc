package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
)

// scriptDaemonKey finds a scenario's daemon in its environment's values.
type scriptDaemonKey struct{}

type scriptDaemon struct {
	ctx   context.Context // of the test
	child *child
}

// scriptDaemonCommand is the command daemon of the scenarios. The daemon's log goes to $WORK/daemon.log.
//
//	daemon start ARGS…         start `holdfast serve ARGS…` and wait until it serves; the environment then leads to it
//	daemon refuses CODE ARGS…  the same, and want it to end by itself with that exit code; the log is begun anew
//	daemon stop                SIGTERM, and want exit code 0
//	daemon kill                SIGKILL
func scriptDaemonCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: daemon start|refuses|stop|kill …")
	}
	d := ts.Value(scriptDaemonKey{}).(*scriptDaemon)
	switch {
	case args[0] == "start":
		ready, c, err := d.start(ts, os.O_APPEND, args[1:])
		if err != nil {
			ts.Fatalf("%v:\n%s", err, ts.ReadFile("daemon.log"))
		}
		ts.Defer(func() { _ = c.end(syscall.SIGKILL) })
		d.child = c
		ts.Setenv("HOLDFAST_ENDPOINT", ready.Endpoint)
		ts.Setenv("HOLDFAST_ADMIN_URL", ready.AdminURL)
	case args[0] == "refuses" && len(args) > 1:
		want, err := strconv.Atoi(args[1])
		ts.Check(err)
		_, c, err := d.start(ts, os.O_TRUNC, args[2:])
		if !errors.Is(err, errNotStarted) {
			ts.Fatalf("it was to be refused: %v", err)
		}
		ts.Logf("%s", ts.ReadFile("daemon.log"))
		if got := c.exitCode(); got != want {
			ts.Fatalf("exit code %d, want %d", got, want)
		}
	case args[0] == "stop" && d.child != nil:
		ts.Check(d.child.stop(d.ctx))
		if code := d.child.exitCode(); code != exitDone {
			ts.Fatalf("exit code %d:\n%s", code, ts.ReadFile("daemon.log"))
		}
	case args[0] == "kill" && d.child != nil:
		ts.Check(d.child.end(syscall.SIGKILL))
	default:
		ts.Fatalf("daemon %q: not possible here", args)
	}
}

func (d *scriptDaemon) start(ts *testscript.TestScript, mode int, args []string) (readyLine, *child, error) {
	log, err := os.OpenFile(ts.MkAbs("daemon.log"), os.O_WRONLY|os.O_CREATE|mode, 0o600)
	ts.Check(err)
	defer log.Close()
	place := childPlace{dir: ts.MkAbs("."), log: log}
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		path := filepath.Join(dir, "holdfast")
		if _, err := os.Stat(path); err == nil && place.executable == "" {
			place.executable = path
		}
	}
	for _, name := range []string{"PATH", "HOME", "TZ", "TMPDIR", "GORACE", envAccess, envSecret, "HOLDFAST_CREDENTIALS", "HOLDFAST_PARITY", "HOLDFAST_SEGMENT_SIZE"} {
		if value := ts.Getenv(name); value != "" {
			place.env = append(place.env, name+"="+value)
		}
	}
	return startChild(d.ctx, place, args...)
}
