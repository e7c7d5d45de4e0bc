package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"
)

func driveFailCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "fail",
		Usage:     "stop using a drive at once",
		ArgsUsage: "DRIVE",
		Description: "DRIVE is a slot, an id or a path, as `holdfast status` shows them. It is said first what may still fail afterwards.\n" +
			"What would go below safety is refused (exit code 3), unless --force is given.",
		Flags: adminFlags(
			&cli.BoolFlag{Name: "dry-run", Usage: "only say what may still fail afterwards"},
			&cli.BoolFlag{Name: "force", Usage: "even if objects cannot be read afterwards"},
		),
		Action: func(c *cli.Context) error { return driveFailAction(c, con) },
	}
}

func driveFailAction(c *cli.Context, con *console) error {
	args, err := takes(c, 1, 1)
	if err != nil {
		return err
	}
	ref := args[0]
	if _, err := strconv.Atoi(ref); err != nil {
		// A path: the daemon's working directory is another one.
		if _, err := os.Stat(ref); err == nil || strings.ContainsRune(ref, '/') {
			if ref, err = filepath.Abs(ref); err != nil {
				return err
			}
		}
	}
	cl, err := adminClient(c)
	if err != nil {
		return err
	}
	defer cl.close()

	// First what may fail afterwards (R24), asked without force, so that a refusal is heard even if it is overruled.
	report, err := cl.failDrive(c.Context, ref, true, false)
	switch {
	case isStatus(err, http.StatusConflict) && c.Bool("force"):
		fmt.Fprintf(con.err, "warning: %v; going on, as --force says\n", err)
	case isStatus(err, http.StatusConflict):
		return &noError{err.Error()}
	case err != nil:
		return err
	case !c.Bool("json"):
		if _, err := fmt.Fprintf(con.out, "afterwards: %s\n", afterFailing(report.MayStillFail)); err != nil {
			return err
		}
	}
	if !c.Bool("dry-run") {
		if report, err = cl.failDrive(c.Context, ref, false, c.Bool("force")); err != nil {
			return err
		}
	}
	switch {
	case c.Bool("json"):
		return con.writeJSON(report)
	case c.Bool("dry-run"):
		_, err = fmt.Fprintln(con.out, "nothing was done (--dry-run)")
	default:
		_, err = fmt.Fprintf(con.out, "slot %d (%s) is %s and no longer used\n", report.Slot, printable(report.Path), report.State)
	}
	return err
}

// afterFailing says what may fail once the drive is out of use.
func afterFailing(may int) string {
	switch may {
	case 0:
		return "no further drive may fail"
	case 1:
		return "one more drive may fail"
	default:
		return fmt.Sprintf("any %d more drives may fail", may)
	}
}
