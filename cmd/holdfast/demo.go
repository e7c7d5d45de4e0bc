package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/urfave/cli/v2"
)

const (
	demoDrives  = 6
	demoBucket  = "demo"
	demoTarKey  = "src.tar"
	demoWorkers = 32 // clients at once, so that commits are shared as they would be
)

func demoCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:  "demo",
		Usage: "watch drives get lost, the power go and bytes rot, and all of it get mended, on real input",
		Description: "In a temporary folder of its own, which is removed at the end: starts a daemon over six directories (4+2), stores\n" +
			"every file of Go's source tree and a tar of it over HTTP, removes two of the six directories while everything\n" +
			"is read back and compared by SHA-256, kills the daemon (SIGKILL) in the middle of a second round of writes,\n" +
			"starts it again without the two, and compares all that was acknowledged.\n\n" +
			"Then it mends: the two are replaced by empty directories, and two others taken away and given back; one is failed\n" +
			"and replaced; bytes are flipped on two drives and a scrub finds them. Each time everything is compared. What an\n" +
			"operator would type is shown. Exit code 1 if one byte differs or a step does not do what it should.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "keep", EnvVars: []string{"KEEP"}, Usage: "keep the folder, and say how to go on with it"},
			&cli.StringFlag{Name: "source", Usage: "store the files below `DIR`", DefaultText: "Go's own source: $(go env GOROOT)/src"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error {
			if _, err := takes(c, 0, 0); err != nil {
				return err
			}
			return demoAction(c.Context, con, c.String("source"), c.Bool("keep"), c.Bool("json"))
		},
	}
}

func demoAction(ctx context.Context, con *console, source string, keep, asJSON bool) (err error) {
	tree, err := findTree(ctx, source)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "holdfast-demo-")
	if err != nil {
		return err
	}
	if keep {
		defer func() { fmt.Fprintf(con.err, "kept: %s\n", dir) }()
	} else {
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	free, err := freeBytes(dir)
	if err != nil {
		return err
	}
	if need := tree.spaceNeeded(); free < need {
		return &hintError{
			fmt.Errorf("%s has %s free, the demo needs %s", dir, size(int64(free)), size(int64(need))),
			"name a roomier place for temporary files with TMPDIR",
		}
	}
	d := &demo{con: con, dir: dir, tree: tree, asJSON: asJSON}
	if err := d.daemon.prepare(dir); err != nil {
		return err
	}
	defer d.daemon.kill() // whatever happens, no daemon stays behind
	began := time.Now()
	if err := d.run(ctx); err != nil {
		if ctx.Err() == nil {
			fmt.Fprint(con.err, d.daemon.logTail())
		}
		return err
	}
	return d.finish(time.Since(began), keep)
}

// demo is one run: what it works on and what has come out so far.
type demo struct {
	con    *console
	dir    string
	tree   *tree
	daemon demoDaemon
	client *client
	rows   []demoRow
	flips  []flip // bytes that were changed on drives
	asJSON bool
}

// note says what comes next.
func (d *demo) note(format string, args ...any) {
	fmt.Fprintf(d.con.err, "\n"+format+"\n", args...)
}

// timed runs one step and puts it into the table. The step says what came out.
func (d *demo) timed(what string, step func() (result string, err error)) error {
	begin := time.Now()
	result, err := step()
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	d.rows = append(d.rows, demoRow{What: what, Result: result, Seconds: time.Since(begin).Seconds()})
	return nil
}

func (d *demo) run(ctx context.Context) error {
	for _, part := range []func(context.Context) error{
		d.begin, d.storeAll, d.loseTwo, d.askStatus,
		d.pullThePlug, d.again,
		d.replaceLost, d.prove, d.loseOthers, d.bringBack, d.failOne,
		d.flipBytes, d.findAndMend, d.end,
	} {
		if err := part(ctx); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

func (d *demo) begin(ctx context.Context) error {
	d.note("A daemon over %d directories below %s.", demoDrives, d.dir)
	return d.timed("start, a new pool", func() (string, error) {
		ready, err := d.daemon.start(ctx, true)
		if err != nil {
			return "", err
		}
		d.client, err = d.daemon.client(ready.Endpoint)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("%d+%d: any %d of %d drives may fail", ready.Data, ready.Parity, ready.MayFail, ready.Drives),
			d.client.call(ctx, "PUT", "/"+demoBucket)
	})
}

func (d *demo) storeAll(ctx context.Context) error {
	d.note("Storing every file of %s, and a tar of all of them.", d.tree.root)
	what := fmt.Sprintf("store %s, %s", count(len(d.tree.objects), "file"), size(d.tree.bytes))
	err := d.timed(what, func() (string, error) {
		bar := newTracker(d.con.err, "files stored", len(d.tree.objects))
		err := eachObject(ctx, d.tree.objects, func(ctx context.Context, o *demoObject) error {
			if err := d.storeFirst(ctx, o); err != nil {
				return err
			}
			bar.add()
			return nil
		})
		bar.done(err)
		return "all acknowledged", err
	})
	if err != nil {
		return err
	}
	return d.timed("store a tar of them, its length unknown", func() (string, error) {
		length, err := d.storeTar(ctx)
		return size(length) + " acknowledged", err
	})
}
