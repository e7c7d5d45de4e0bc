package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/holdfast-storage/holdfast/bench"
	"github.com/holdfast-storage/holdfast/bench/guard"
	"github.com/holdfast-storage/holdfast/bench/s3"
)

// benchGuardCommand is for those who change Holdfast: .ci/guard calls it.
func benchGuardCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "guard",
		Hidden:    true,
		Usage:     "compare what this build takes per operation with another build, in counts",
		ArgsUsage: "BINARY",
		Description: "BINARY is the other holdfast, that of the base. Both serve six drives each among the temporary files (TMPDIR says\n" +
			"where), and are given the same PUTs and GETs in turn. Allocations, system calls and bytes written are compared.\n" +
			"Exit code 3 if one of them has grown by more than a twentieth. It needs Linux, and strace for the system calls.",
		Flags: []cli.Flag{jsonFlag()},
		Action: func(c *cli.Context) error {
			args, err := takes(c, 1, 1)
			if err != nil {
				return err
			}
			return benchGuardAction(c.Context, con, args[0], c.Bool("json"))
		},
	}
}

func benchGuardAction(ctx context.Context, con *console, base string, asJSON bool) (err error) {
	base, err = filepath.Abs(base)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "holdfast-guard-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := bench.Room(dir, guard.Room); err != nil {
		return err
	}
	var sides [2]guard.Side
	for i, binary := range []string{base, ""} {
		side, end, err := startGuarded(ctx, filepath.Join(dir, fmt.Sprint(i)), binary)
		defer end()
		if err != nil {
			return err
		}
		sides[i] = side
	}
	report, err := guard.Compare(ctx, sides[0], sides[1], func(what string, done, all int) {
		if isTerminal(con.err) {
			fmt.Fprintf(con.err, "%d/%d %s\n", done+1, all, what)
		}
	})
	if err != nil {
		return err
	}
	if asJSON {
		err = con.writeJSON(report)
	} else {
		_, err = fmt.Fprint(con.out, report)
	}
	if err == nil && report.Worse() {
		err = &noError{"this build takes more than the base"}
	}
	return err
}

// startGuarded starts a daemon of that binary, or of this very one if it is empty, over six new drives.
func startGuarded(ctx context.Context, dir, binary string) (guard.Side, func(), error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return guard.Side{}, func() {}, err
	}
	l, err := newBenchLauncher(dir, 0)
	if err != nil {
		return guard.Side{}, func() {}, err
	}
	if binary != "" {
		l.self = binary
	}
	// What the collector does depends on when it comes: it empties the pools of buffers, and they are allocated anew. So it
	// stays away, unless a build makes so much garbage that the machine would suffer.
	l.env = append(l.env, "GOGC=off", "GOMEMLIMIT="+guard.MemoryLimit)
	end := func() { _ = l.end() } // it has nothing that is to be kept
	var drives []string
	for n := range benchDrives {
		drives = append(drives, filepath.Join(dir, fmt.Sprintf("d%d", n+1)))
	}
	server, err := l.StartDaemon(ctx, drives, "--init")
	heap, parseErr := url.Parse(server.AdminURL + "/debug/pprof/heap?debug=1")
	if err = errors.Join(err, parseErr); err != nil {
		return guard.Side{}, end, err
	}
	heap.User = url.UserPassword(server.AccessKey, server.SecretKey)
	return guard.Side{
		Target: s3.Target{Endpoint: server.Endpoint, AccessKey: server.AccessKey, SecretKey: server.SecretKey},
		Server: guard.Server{Heap: heap.String(), PID: server.PID},
	}, end, nil
}
