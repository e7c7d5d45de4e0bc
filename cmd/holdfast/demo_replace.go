package main

import (
	"context"
	"errors"
	"fmt"
)

// The fourth act: drives are replaced, and after that any two others may be lost.

// replaceLost puts empty directories in the place of the two drives that were lost, and watches the rebuild.
func (d *demo) replaceLost(ctx context.Context) error {
	d.note("Two new disks are put in at the same places, and the rebuild is watched. Typed in %s:", d.dir)
	err := d.timed("replace d2 and d5 by empty directories", func() (string, error) {
		if err := d.makeDirs("d2", "d5"); err != nil {
			return "", err
		}
		if _, err := d.types(ctx, exitDone, "drive", "replace", "2", "d2"); err != nil {
			return "", err
		}
		if _, err := d.types(ctx, exitDone, "drive", "replace", "5", "d5", "--wait"); err != nil {
			return "", err
		}
		return d.wellNow(ctx)
	})
	d.daemon.lost = nil
	return err
}

// wellNow wants a status without any fault, at once.
func (d *demo) wellNow(ctx context.Context) (string, error) {
	r, err := d.ask(ctx)
	if err == nil && !r.well() {
		err = fmt.Errorf("not all is well:\n%s", renderStatus(r))
	}
	return shown(r), err
}

// prove reads every column, those too that the rebuild had no reason to touch. Then status has its proof.
func (d *demo) prove(ctx context.Context) error {
	d.note("The rebuild has verified what it wrote and what it read. A scrub reads the rest: then every column was verified since\nthe loss, which is what `done` means.")
	return d.timed("read every column from the drives (scrub)", func() (string, error) {
		if _, err := d.types(ctx, exitDone, "scrub", "start", "--wait"); err != nil {
			return "", err
		}
		if _, err := d.types(ctx, exitDone, "status"); err != nil {
			return "", err
		}
		return d.provenNow(ctx)
	})
}

// provenNow wants the proof of redundancy.
func (d *demo) provenNow(ctx context.Context) (string, error) {
	r, err := d.ask(ctx)
	switch {
	case err != nil:
		return "", err
	case r.Verified == nil || !r.Verified.Proven:
		return "", errors.New("not every column was verified since the loss")
	default:
		return fmt.Sprintf("every column verified since the loss: %s", size(r.Verified.Bytes)), nil
	}
}

// loseOthers takes away two drives that everything was on all the time; now it is on the new ones. What is written
// meanwhile is unknown to the two.
func (d *demo) loseOthers(ctx context.Context) error {
	d.note("Two other drives are taken away. Everything is compared, and what was left of the second round is written.\n")
	for _, name := range []string{"d1", "d4"} {
		if err := d.move(name, name+".away"); err != nil {
			return err
		}
	}
	_, err := d.await(ctx, "two drives are away", func(r statusReport) bool { return len(r.away()) == 2 })
	if err != nil {
		return err
	}
	if err := d.compareAll(ctx, "compare everything without d1 and d4"); err != nil {
		return err
	}
	return d.timed("write the rest of the second round", func() (string, error) {
		var rest []*demoObject
		for _, o := range d.tree.objects {
			if !o.acked {
				rest = append(rest, o)
			}
		}
		bar := newTracker(d.con.err, "files stored anew", len(rest))
		err := eachObject(ctx, rest, func(ctx context.Context, o *demoObject) error {
			if err := d.storeSecond(ctx, o); err != nil {
				return err
			}
			return bar.add()
		})
		bar.done(err)
		return humanCount(len(rest)) + " acknowledged", err
	})
}

// bringBack gives the two drives back. The daemon finds them by itself.
func (d *demo) bringBack(ctx context.Context) error {
	d.note("They are put back where they were. The daemon finds them, and holds them against what happened meanwhile.\n")
	return d.timed("bring d1 and d4 back", func() (string, error) {
		for _, name := range []string{"d1", "d4"} {
			if err := d.move(name+".away", name); err != nil {
				return "", err
			}
		}
		r, err := d.await(ctx, "all drives are used again and nothing is left to mend", statusReport.well)
		return shown(r), err
	})
}

// failOne takes a drive out of use that is well, and puts an empty directory with another name in its place.
func (d *demo) failOne(ctx context.Context) error {
	d.note("An operator distrusts a drive, and puts another one in its place.")
	return d.timed("fail drive 3, replace it by d7", func() (string, error) {
		if _, err := d.types(ctx, exitDone, "drive", "fail", "3"); err != nil {
			return "", err
		}
		if err := d.makeDirs("d7"); err != nil {
			return "", err
		}
		if _, err := d.types(ctx, exitDone, "drive", "replace", "3", "d7", "--wait"); err != nil {
			return "", err
		}
		d.daemon.exchange("d3", "d7")
		return d.wellNow(ctx)
	})
}
