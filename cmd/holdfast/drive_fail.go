package main

import (
	"fmt"
	"net/http"
	"path/filepath"
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
			&cli.BoolFlag{Name: "force", Usage: "even if objects become unreadable or the pool takes no writes afterwards"},
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
	if strings.ContainsRune(ref, '/') || strings.HasPrefix(ref, ".") {
		if ref, err = filepath.Abs(ref); err != nil { // the daemon's working directory is another one
			return err
		}
	}
	cl, err := adminClient(c)
	if err != nil {
		return err
	}
	defer cl.close()

	report, err := cl.failDrive(c.Context, ref, true, c.Bool("force"))
	if err == nil && !c.Bool("dry-run") {
		if !c.Bool("json") {
			fmt.Fprintf(con.out, "afterwards: %s\n", afterFailing(report))
		}
		report, err = cl.failDrive(c.Context, ref, false, c.Bool("force"))
	}
	switch {
	case isStatus(err, http.StatusConflict):
		return &noError{strings.TrimSuffix(err.Error(), " (409)") + "; --force does it all the same"}
	case err != nil:
		return err
	case c.Bool("json"):
		return con.writeJSON(report)
	case report.DryRun:
		_, err = fmt.Fprintf(con.out, "afterwards: %s\nnothing was done (--dry-run)\n", afterFailing(report))
		return err
	default:
		_, err = fmt.Fprintf(con.out, "slot %d (%s) is %s and no longer used\n", report.Drive.Slot, printable(report.Drive.Path), report.Drive.State)
		return err
	}
}

// afterFailing says what may fail once the drive is out of use.
func afterFailing(r failReport) string {
	var text string
	switch {
	case r.MayFail < 0:
		text = "some objects cannot be read"
	case r.MayFail == 0:
		text = "no further drive may fail"
	case r.MayFail == 1:
		text = "one more drive may fail"
	default:
		text = fmt.Sprintf("any %d more drives may fail", r.MayFail)
	}
	if !r.Writes {
		text += ", and the pool takes no writes"
	}
	return text
}
