package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"
)

// changeRequest is what the admin API is sent for a change of the pool's drives. Dir is for replace, Dirs and Spare are
// for add.
type changeRequest struct {
	Dir    string   `json:"dir,omitempty"`
	Dirs   []string `json:"dirs,omitempty"`
	Spare  bool     `json:"spare,omitempty"`
	DryRun bool     `json:"dry_run"`
	Force  bool     `json:"force"`
}

// changeReport is its answer: what is, or in a dry run would be, afterwards.
type changeReport struct {
	Slot         int    `json:"slot"`
	ID           string `json:"id"`
	Path         string `json:"path"`
	State        string `json:"state"`
	MayStillFail int    `json:"may_still_fail"` // further drives that may fail with every object still readable
	BytesToMove  int64  `json:"bytes_to_move"`
	DryRun       bool   `json:"dry_run"`
	Note         string `json:"note"`
}

func (r changeReport) name() string {
	if r.Path == "" {
		return fmt.Sprintf("slot %d", r.Slot)
	}
	return fmt.Sprintf("slot %d (%s)", r.Slot, printable(r.Path))
}

// changed is an answer to a change, and what --json prints of it: a line for each drive.
type changed struct {
	drives []changeReport
	raw    [][]byte
}

// change is one of the commands that change the pool's drives. All of them first ask what would be (R24), without
// force, so that a refusal is heard even if it is overruled.
type change struct {
	con  *console
	send func(ctx context.Context, cl *client, doc changeRequest) (changed, error)
	// warns says that redundancy shrinks: what may still fail afterwards is told before.
	warns bool
	// done says in words what has been done with one drive.
	done func(changeReport) string
}

func (ch change) run(c *cli.Context, cl *client, doc changeRequest) error {
	force := c.Bool("force")
	doc.DryRun = true
	got, err := ch.send(c.Context, cl, doc)
	switch refused := isStatus(err, http.StatusConflict); {
	case refused && force:
		fmt.Fprintf(ch.con.err, "warning: %v; going on, as --force says\n", err)
		if c.Bool("dry-run") {
			doc.Force = true
			if got, err = ch.send(c.Context, cl, doc); err != nil {
				return err
			}
		}
	case isCode(err, "below_safety"):
		return &noError{err.Error()}
	case err != nil:
		return err
	}
	if ch.warns && !c.Bool("json") && len(got.drives) > 0 {
		if _, err := fmt.Fprintf(ch.con.out, "afterwards: %s\n", afterFailing(got.drives[0].MayStillFail)); err != nil {
			return err
		}
	}
	if !c.Bool("dry-run") {
		doc.DryRun, doc.Force = false, force
		if got, err = ch.send(c.Context, cl, doc); err != nil {
			return err
		}
	}
	if err := ch.print(c, got); err != nil || c.Bool("dry-run") || !c.Bool("wait") {
		return err
	}
	return waitMended(c.Context, ch.con, cl)
}

func (ch change) print(c *cli.Context, got changed) error {
	if c.Bool("json") {
		for _, raw := range got.raw {
			if err := ch.con.writeRaw(raw); err != nil {
				return err
			}
		}
		return nil
	}
	for _, r := range got.drives {
		text := ch.done(r)
		if c.Bool("dry-run") {
			text = fmt.Sprintf("%s would be %s", r.name(), r.State)
			if r.BytesToMove > 0 {
				text += fmt.Sprintf(", and %s would have to be moved", size(r.BytesToMove))
			}
		}
		if _, err := fmt.Fprintln(ch.con.out, text); err != nil {
			return err
		}
		if r.Note != "" {
			if _, err := fmt.Fprintf(ch.con.out, "note: %s\n", printable(r.Note)); err != nil {
				return err
			}
		}
	}
	if c.Bool("dry-run") {
		_, err := fmt.Fprintln(ch.con.out, "nothing was done (--dry-run)")
		return err
	}
	return nil
}

// changeDrive asks for a change of the drive that ref (slot, id or path) names.
func (c *client) changeDrive(ctx context.Context, action, ref string, doc changeRequest) (changed, error) {
	var report changeReport
	raw, err := c.ask(ctx, adminRequest(http.MethodPost, "drives", ref, action), doc, &report)
	return changed{[]changeReport{report}, [][]byte{raw}}, err
}

// changeFlags are those of every command that changes drives.
func changeFlags(more ...cli.Flag) []cli.Flag {
	return adminFlags(append(more,
		&cli.BoolFlag{Name: "dry-run", Usage: "only say what would be afterwards, and do nothing"},
		&cli.BoolFlag{Name: "force", Usage: "even where it is refused because it is not safe"},
		&cli.BoolFlag{Name: "wait", Usage: "wait until nothing is left to mend or move, and show how far it is; exit code 3 if something cannot be"},
	)...)
}

const driveHelp = "DRIVE is a slot, an id or a path, as `holdfast drive list` shows them.\n"

// driveAction is the action of the commands that are about one drive and take nothing else.
func driveAction(con *console, name string, warns bool, done func(changeReport) string) cli.ActionFunc {
	read := func(_ *cli.Context, args []string) (string, error) { return driveRef(args[0]) }
	return action(adminClient, 1, 1, read, func(c *cli.Context, cl *client, ref string) error {
		return change{
			con: con, warns: warns, done: done,
			send: func(ctx context.Context, cl *client, doc changeRequest) (changed, error) {
				return cl.changeDrive(ctx, name, ref, doc)
			},
		}.run(c, cl, changeRequest{})
	})
}

// driveRef is how the daemon is to be told of a drive. A path is made absolute: the daemon's working directory is
// another one.
func driveRef(arg string) (string, error) {
	if _, err := strconv.Atoi(arg); err == nil {
		return arg, nil
	}
	if _, err := os.Stat(arg); err == nil || strings.ContainsRune(arg, '/') {
		return filepath.Abs(arg)
	}
	return arg, nil
}

// driveDirs reads arguments that are directories as serve does: /data{7...9} are three.
func driveDirs(args []string) (dirs []string, err error) {
	for _, arg := range args {
		expanded, err := expandBraces(arg)
		if err != nil {
			return nil, &usageError{err: err}
		}
		for _, dir := range expanded {
			if dir, err = filepath.Abs(dir); err != nil {
				return nil, err
			}
			dirs = append(dirs, dir)
		}
	}
	return dirs, nil
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
