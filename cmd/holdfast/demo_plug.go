package main

import (
	"context"
	"errors"
	"fmt"
)

// The third act: the power goes in the middle of writing, and what was acknowledged is there.

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
	if err := d.compareAll(ctx, "compare everything acknowledged"); err != nil {
		return err
	}
	err = d.timed("status again", func() (string, error) { return d.checkStatus(ctx) })
	if err != nil {
		return err
	}
	return d.timed("list the bucket", func() (string, error) { return d.compareListing(ctx, d.tree.all()) })
}

// compareAll reads everything and compares it, as a step of its own.
func (d *demo) compareAll(ctx context.Context, what string) error {
	all := d.tree.all()
	return d.timed(what, func() (string, error) {
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
}
