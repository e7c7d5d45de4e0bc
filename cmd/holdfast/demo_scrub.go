package main

import (
	"context"
	"encoding/json"
	"fmt"
)

// The fifth act: bytes rot on two drives, and a scrub finds and mends them.

// flipBytes damages two live drives behind the daemon's back.
func (d *demo) flipBytes(ctx context.Context) error {
	d.note("One byte each is flipped in many blocks on d4 and d6, behind the daemon's back.")
	return d.timed("flip bytes on d4 and d6", func() (string, error) {
		sound, err := soundBlocks(ctx, d.daemon.dirs)
		if err != nil {
			return "", err
		}
		d.flips = chooseFlips(sound, d.dir, "d4", "d6")
		if len(d.flips) == 0 {
			return "", fmt.Errorf("there are no blocks on d4 and d6")
		}
		for i := range d.flips {
			if err := d.flips[i].do(); err != nil {
				return "", err
			}
		}
		return count(len(d.flips), "byte") + " in as many blocks", nil
	})
}

// findAndMend scrubs. Every flipped byte must be what it was, a second scrub finds nothing, and everything is equal.
func (d *demo) findAndMend(ctx context.Context) error {
	err := d.timed("scrub", func() (string, error) {
		if _, err := d.types(ctx, exitDone, "scrub", "start", "--wait"); err != nil {
			return "", err
		}
		mended, err := d.scrubFound(ctx)
		if err != nil {
			return "", err
		}
		if mended == 0 {
			return "", fmt.Errorf("it found nothing, and %s were flipped", count(len(d.flips), "byte"))
		}
		for _, f := range d.flips {
			if err := f.check(); err != nil {
				return "", err
			}
		}
		return fmt.Sprintf("%s mended, every flipped byte is what it was", count(mended, "block")), nil
	})
	if err != nil {
		return err
	}
	err = d.timed("scrub again", func() (string, error) {
		if _, err := d.types(ctx, exitDone, "scrub", "start", "--wait"); err != nil {
			return "", err
		}
		mended, err := d.scrubFound(ctx)
		if err == nil && mended > 0 {
			err = fmt.Errorf("it mended %s more", count(mended, "block"))
		}
		return "nothing found", err
	})
	if err != nil {
		return err
	}
	if err := d.compareAll(ctx, "compare everything"); err != nil {
		return err
	}
	return d.timed("verify every column of the objects", func() (string, error) {
		_, err := d.types(ctx, exitDone, "verify", demoBucket)
		return "yes", err
	})
}

// scrubFound says how many blocks the last scrub mended. If something remains, that is an error.
func (d *demo) scrubFound(ctx context.Context) (mended int64, err error) {
	admin, err := d.daemon.client(d.daemon.adminAt)
	if err != nil {
		return 0, err
	}
	defer admin.close()
	r, raw, err := admin.scrub(ctx, "GET", "", nil)
	if err == nil && r.remains() {
		err = fmt.Errorf("something remains: %s", json.RawMessage(raw))
	}
	return r.Mended, err
}

// end has the operator forget the errors that were counted, look once more, and stop the daemon.
func (d *demo) end(ctx context.Context) error {
	d.note("The checksum errors are counted until somebody has looked at the disks and says so.")
	err := d.timed("forget the errors, status", func() (string, error) {
		for _, slot := range []string{"4", "6"} {
			if _, err := d.types(ctx, exitDone, "drive", "clear", slot); err != nil {
				return "", err
			}
		}
		if _, err := d.types(ctx, exitDone, "status"); err != nil {
			return "", err
		}
		state, err := d.wellNow(ctx)
		if err == nil {
			_, err = d.provenNow(ctx)
		}
		return state + ", all verified; exit code 0", err
	})
	if err != nil {
		return err
	}
	return d.timed("stop (SIGTERM)", func() (string, error) {
		d.client.close() // else the daemon gives the idle connections time to say something
		return "exit code 0", d.daemon.stop(ctx)
	})
}
