package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// The second act: two drives are lost while everything is read.

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
	r, err := d.ask(ctx)
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
