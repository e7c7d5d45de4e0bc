package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
)

// eventReport is one event as this client reads it.
type eventReport struct {
	Seq      uint64    `json:"seq"`
	Time     time.Time `json:"time"`
	Stage    string    `json:"stage"`
	Severity string    `json:"severity"`
	Drive    *struct {
		Slot int    `json:"slot"`
		Path string `json:"path"`
	} `json:"drive"`
	Segment string   `json:"segment"`
	Objects []string `json:"objects"`
	Text    string   `json:"text"`
	Done    string   `json:"done"`
	Count   int      `json:"count"`
}

const (
	// eventsWait is how long one question waits for news; the daemon's most is a minute.
	eventsWait = 30 * time.Second
	// eventsPage is how many events one answer has at most.
	eventsPage = 1000
)

func eventsCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:  "events",
		Usage: "say what happened to the pool: which drive, which objects, what was done",
		Description: "The last 10,000 events, the oldest first; they are kept in the pool. A line has the time, the severity (info,\n" +
			"warning, error) and the stage: failure, masked, reduced, recovering, recovered, running.\n\n" +
			"--follow goes on with what happens from now on, until Ctrl-C. --json prints one event a line (seq, time, kind,\n" +
			"stage, severity, drive, segment, objects, text, done, count).",
		Flags: adminFlags(&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "go on with what happens from now on"}),
		Action: plainAdmin(func(c *cli.Context, cl *client) error {
			for after, wait := uint64(0), time.Duration(0); ; {
				events, err := cl.events(c, after, wait)
				if err != nil {
					if c.Bool("follow") && c.Context.Err() != nil {
						return nil // Ctrl-C is how it ends
					}
					return err
				}
				for _, e := range events {
					if err := con.printEvent(c, e); err != nil {
						return err
					}
					after = e.report.Seq
				}
				if len(events) == eventsPage {
					continue // there may be more
				}
				if !c.Bool("follow") {
					return nil
				}
				wait = eventsWait
			}
		}),
	}
}

// event is an event read, and as it came.
type event struct {
	report eventReport
	raw    json.RawMessage
}

// events asks for those after the one with this number, and lets the daemon wait for one if there are none.
func (c *client) events(ctx *cli.Context, after uint64, wait time.Duration) ([]event, error) {
	r := adminRequest(http.MethodGet, "events")
	r.query = url.Values{
		"after": {strconv.FormatUint(after, 10)}, "max": {strconv.Itoa(eventsPage)},
		"wait_seconds": {strconv.Itoa(int(wait / time.Second))},
	}
	var answer struct {
		Events []json.RawMessage `json:"events"`
	}
	if _, err := c.ask(ctx.Context, r, nil, &answer); err != nil {
		return nil, err
	}
	list := make([]event, len(answer.Events))
	for i, raw := range answer.Events {
		list[i].raw = raw
		if err := json.Unmarshal(raw, &list[i].report); err != nil {
			return nil, fmt.Errorf("the daemon's events: %w", err)
		}
		if list[i].report.Seq <= after {
			return nil, errors.New("the daemon's events do not ascend")
		}
	}
	return list, nil
}

func (con *console) printEvent(c *cli.Context, e event) error {
	if c.Bool("json") {
		return con.writeRaw(e.raw)
	}
	_, err := fmt.Fprintln(con.out, e.report)
	return err
}

// String is the event on one line.
func (e eventReport) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %-7s  %-10s  ", e.Time.Local().Format("2006-01-02 15:04:05"), printable(e.Severity), printable(e.Stage))
	if e.Drive != nil && !strings.Contains(e.Text, fmt.Sprintf("drive %d ", e.Drive.Slot)) { // else it is named already
		fmt.Fprintf(&b, "slot %d", e.Drive.Slot)
		if e.Drive.Path != "" {
			fmt.Fprintf(&b, " (%s)", printable(e.Drive.Path))
		}
		b.WriteString(": ")
	}
	b.WriteString(printable(e.Text))
	if e.Done != "" {
		b.WriteString("; " + printable(e.Done))
	}
	if e.Count > 1 {
		fmt.Fprintf(&b, " (%d times)", e.Count)
	}
	if len(e.Objects) > 0 {
		b.WriteString("; " + objectList(e.Objects, 0))
	}
	return b.String()
}

// objectList names a few objects for the eye; --json has them all.
func objectList(objects []string, unnamed int) string {
	const most = 3
	var names []string
	for _, o := range objects[:min(most, len(objects))] {
		names = append(names, printable(o))
	}
	text := "objects: " + strings.Join(names, ", ")
	if more := unnamed + max(len(objects)-most, 0); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
