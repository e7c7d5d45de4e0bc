package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"
)

const (
	envAccess2 = "HOLDFAST_ACCESS_KEY_2"
	envSecret2 = "HOLDFAST_SECRET_KEY_2"
)

// benchS3Command puts the same load on any S3 server, or on two in turn. --compare is a flag without a value and the URLs are
// arguments, so that it is typed as it is said, with other flags before or behind.
func benchS3Command(con *console) *cli.Command {
	return &cli.Command{
		Name:      "s3",
		Usage:     "measure any S3 server, or two in turn",
		ArgsUsage: "[--compare URL1 URL2]",
		Description: "Every operation runs for each size and number of clients, round after round; the table has the medians, --json every\n" +
			"round. With --compare the servers take turns (A B A B …) and the ratio is the median of the turns' ratios, since what else\n" +
			"the machine does hits both alike. Latency is of a whole request, of all that ran or a fair million of them.\n\n" +
			"It works in a bucket of its own, or in --bucket below a prefix of its own, and removes what it stored, after an error or\n" +
			"Ctrl-C too. How much that is at most, it says before it begins. A server that keeps for a while what was overwritten\n" +
			"or deleted holds more: PUT writes for as long as it is measured.\n\n" +
			"The keys are those of the other commands; for URL2 " + envAccess2 + " and " + envSecret2 + ", if they are set.",
		Flags: []cli.Flag{
			&cli.StringFlag{
				Name: "endpoint", Usage: "`URL` of the server", DefaultText: "HOLDFAST_ENDPOINT, else http://" + defaultListen,
			},
			&cli.BoolFlag{Name: "compare", Usage: "measure the servers at URL1 and URL2 in turn"},
			&cli.StringSliceFlag{Name: "op", Usage: "`OPERATION`: put, get, range (4 KiB out of an object), head, list (pages of 1,000), delete, mix (70 % get, 30 % put); may be given again",
				DefaultText: "put, get, head, list, delete"},
			&cli.StringSliceFlag{Name: "size", Usage: "`SIZE` of the objects, as in 4KiB or 64MiB; may be given again", DefaultText: "4KiB, 1MiB"},
			&cli.IntSliceFlag{Name: "clients", Usage: "`N` clients, each with a connection; may be given again", DefaultText: "8"},
			&cli.DurationFlag{Name: "duration", Value: time.Second, Usage: "`TIME` of each run"},
			&cli.IntFlag{Name: "rounds", Value: 5, Usage: "`N` runs of each, in turn"},
			&cli.StringFlag{Name: "payload", Value: "unsigned", Usage: "how bodies are signed, `HOW`: unsigned, signed (SHA-256), streaming (in pieces of 64 KiB)"},
			&cli.StringFlag{Name: "stored", Value: "256MiB", Usage: "`SIZE` that is kept on a server at a time, at most, but for one object"},
			&cli.StringFlag{Name: "bucket", Usage: "`BUCKET` to work in; it is made, and then removed, if it is not there", DefaultText: "one of its own"},
			&cli.StringFlag{Name: "region", Usage: "`REGION` that signatures name", Value: "us-east-1"},
			&cli.IntFlag{Name: "pid", Usage: "process `ID` of the (first) server, if it runs here: its CPU time is measured", DefaultText: "not measured"},
			&cli.IntFlag{Name: "pid2", Usage: "process `ID` of the second one", DefaultText: "not measured"},
			&cli.StringFlag{Name: "html", Usage: "write a page with charts to `FILE`"},
			authorityFlag(), credentialsFlag(), jsonFlag(),
		},
		Action: func(c *cli.Context) error {
			plan, err := readBenchS3(c)
			if err != nil {
				return err
			}
			page, err := newPageFile(c.String("html"))
			if err != nil {
				return err
			}
			defer page.drop()
			began := time.Now()
			rows, err := plan.run(c.Context, con)
			if err = explainBenchS3(err); len(rows) == 0 {
				return err
			}
			result := plan.result(c, rows, began)
			if err != nil { // what was measured by then is shown all the same
				result.Notes = append(result.Notes, cutShort(err))
			}
			return errors.Join(err, page.write(result), plan.show(c, con, rows, err))
		},
	}
}

// benchS3Row is one operation with one size and one number of clients.
type benchS3Row struct {
	Operation string          `json:"operation"`
	Size      int64           `json:"size"`
	Clients   int             `json:"clients"`
	Payload   string          `json:"payload"`
	Servers   []benchS3Server `json:"servers"`
	Ratio     float64         `json:"ratio,omitempty"` // operations per second of the first to the second's
}

// benchS3Server is what one server did. What is not known of it is missing.
type benchS3Server struct {
	Endpoint string          `json:"endpoint"`
	Rate     float64         `json:"operations_per_second"`
	Bytes    float64         `json:"bytes_per_second"`
	P50      float64         `json:"p50_seconds"`
	P99      float64         `json:"p99_seconds,omitempty"`  // of 100 operations and more in all runs
	P999     float64         `json:"p999_seconds,omitempty"` // of 1,000
	CPUOp    float64         `json:"cpu_seconds_per_operation,omitempty"`
	CPUGiB   float64         `json:"cpu_seconds_per_gib,omitempty"`
	Refused  int64           `json:"refused"` // answers 503
	Rounds   []benchS3Sample `json:"rounds"`
}

// benchS3Sample is one run.
type benchS3Sample struct {
	Operations int64   `json:"operations"`
	Bytes      int64   `json:"bytes"`
	Seconds    float64 `json:"seconds"`
	CPU        float64 `json:"cpu_seconds,omitempty"`
}

// cell is the name of a row, as it is told while it is measured.
func (r benchS3Row) String() string {
	return fmt.Sprintf("%s %s, %s", r.Operation, size(r.Size), count(r.Clients, "client"))
}
