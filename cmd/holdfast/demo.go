package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
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
		Usage: "watch two of six drives get lost and the power go, on real input",
		Description: "In a temporary folder of its own, which is removed at the end: starts a daemon over six directories (4+2), stores\n" +
			"every file of Go's source tree and a tar of it over HTTP, removes two of the six directories while everything\n" +
			"is read back and compared by SHA-256, kills the daemon (SIGKILL) in the middle of a second round of writes,\n" +
			"starts it again without the two, and compares all that was acknowledged. Exit code 1 if one byte differs.",
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
	for _, part := range []func(context.Context) error{d.begin, d.storeAll, d.loseTwo, d.askStatus, d.pullThePlug, d.again} {
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

// loseTwo removes two drives while everything is read back: one after a quarter of it, one after a half.
func (d *demo) loseTwo(ctx context.Context) error {
	lost := []string{d.daemon.dirs[1], d.daemon.dirs[4]}
	d.note("Reading everything back, and removing two drives meanwhile: %s and %s.", filepath.Base(lost[0]), filepath.Base(lost[1]))
	all := d.tree.all()
	return d.timed("read back and compare, losing two drives", func() (string, error) {
		bar := newTracker(d.con.err, "objects compared", len(all))
		bar.at(len(all)/4, func() error { return d.daemon.loseDrive(lost[0]) })
		bar.at(len(all)/2, func() error { return d.daemon.loseDrive(lost[1]) })
		err := eachObject(ctx, all, func(ctx context.Context, o *demoObject) error {
			if _, err := d.compare(ctx, o); err != nil {
				return err
			}
			return bar.add()
		})
		bar.done(err)
		d.daemon.lost = lost
		return fmt.Sprintf("%s equal", count(len(all), "object")), err
	})
}

// askStatus runs `holdfast status` as a person would. It must name both drives and answer no.
func (d *demo) askStatus(ctx context.Context) error {
	d.note("What `holdfast status` says now:\n")
	return d.timed("status", func() (string, error) {
		deadline := time.Now().Add(10 * time.Second)
		for {
			text, code, err := d.daemon.runStatus(ctx)
			if err != nil {
				return "", err
			}
			if code == exitNo && namesLost(text, d.daemon.lost) {
				fmt.Fprint(d.con.err, text)
				return "names both drives, exit code 3", nil
			}
			if time.Now().After(deadline) {
				return "", fmt.Errorf("after 10 s it does not say that %s are lost (exit code %d):\n%s", strings.Join(d.daemon.lost, " and "), code, text)
			}
			time.Sleep(100 * time.Millisecond)
		}
	})
}

// checkStatus wants the daemon to know what was just seen: that everything can be read.
func (d *demo) checkStatus(ctx context.Context) (string, error) {
	admin, err := d.daemon.client(d.daemon.adminAt)
	if err != nil {
		return "", err
	}
	defer admin.close()
	r, _, err := admin.status(ctx)
	if err != nil {
		return "", err
	}
	if r.worst() > r.Pool.Parity {
		return "", fmt.Errorf("everything was read, and yet it says: %s", safetyText(r))
	}
	return fmt.Sprintf("%s, no stripe lacks more than %s", r.Pool.State, count(r.worst(), "column")), nil
}

// namesLost says whether the report has a line for each of the drives that is not ONLINE.
func namesLost(text string, lost []string) bool {
	named := 0
	for line := range strings.Lines(text) {
		for _, dir := range lost {
			if strings.HasSuffix(strings.TrimSpace(line), dir) && !strings.Contains(line, " "+stateOnline+" ") {
				named++
			}
		}
	}
	return named >= len(lost)
}

// pullThePlug writes every file anew, changed, and kills the daemon when half of them are acknowledged.
func (d *demo) pullThePlug(ctx context.Context) error {
	d.note("Writing every file again, changed, onto the four drives left; SIGKILL half-way.")
	return d.timed("second round of writes, SIGKILL in the middle", func() (string, error) {
		bar := newTracker(d.con.err, "files stored anew", len(d.tree.objects))
		killed := make(chan struct{})
		bar.at(len(d.tree.objects)/2, func() error {
			close(killed) // before the kill: an error from here on is expected
			defer d.client.close()
			return d.daemon.kill()
		})
		err := eachObject(ctx, d.tree.objects, func(ctx context.Context, o *demoObject) error {
			if err := d.storeSecond(ctx, o); err != nil {
				select {
				case <-killed:
					return errPlugPulled
				default:
					return err
				}
			}
			return bar.add()
		})
		if errors.Is(err, errPlugPulled) {
			err = nil
		}
		bar.stop()
		acked, open := d.tree.second()
		return fmt.Sprintf("%s acknowledged, %d under way", humanCount(acked), open), err
	})
}

var errPlugPulled = errors.New("the daemon was killed, as planned")

// again starts the daemon without the two drives and compares everything.
func (d *demo) again(ctx context.Context) error {
	d.note("Starting it again without the two, and comparing everything that was ever acknowledged.")
	err := d.timed("start without the two drives", func() (string, error) {
		ready, err := d.daemon.start(ctx, false)
		if err != nil {
			return "", err
		}
		d.client, err = d.daemon.client(ready.Endpoint)
		return fmt.Sprintf("serving, %s", ready.State), err
	})
	if err != nil {
		return err
	}
	all := d.tree.all()
	err = d.timed("compare everything acknowledged", func() (string, error) {
		bar := newTracker(d.con.err, "objects compared", len(all))
		var versions [3]counter
		err := eachObject(ctx, all, func(ctx context.Context, o *demoObject) error {
			version, err := d.compare(ctx, o)
			if err != nil {
				return err
			}
			versions[version].add()
			return bar.add()
		})
		bar.done(err)
		return fmt.Sprintf("%s equal: %s of the second round, %s of the first", count(len(all), "object"),
			humanCount(versions[2].get()), humanCount(versions[1].get())), err
	})
	if err != nil {
		return err
	}
	err = d.timed("status again", func() (string, error) { return d.checkStatus(ctx) })
	if err != nil {
		return err
	}
	err = d.timed("list the bucket", func() (string, error) { return d.compareListing(ctx, all) })
	if err != nil {
		return err
	}
	return d.timed("stop (SIGTERM)", func() (string, error) {
		d.client.close() // else the daemon gives the idle connections time to say something
		return "exit code 0", d.daemon.stop(ctx)
	})
}
