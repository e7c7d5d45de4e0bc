package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
)

// verifyReport is what a verification came to, and what its progress is told with.
type verifyReport struct {
	Objects    int64           `json:"objects"`
	Bytes      int64           `json:"bytes"` // of the objects
	TotalBytes int64           `json:"total_bytes"`
	Columns    int64           `json:"columns"`
	Bad        int64           `json:"bad"`
	Missing    int64           `json:"missing"`
	Findings   []findingReport `json:"findings"`
}

// well is the answer to the question.
func (r verifyReport) well() bool { return r.Bad == 0 && r.Missing == 0 && len(r.Findings) == 0 }

func verifyCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "verify",
		Usage:     "read every stored column of these objects from the drives, and answer yes or no",
		ArgsUsage: "BUCKET[/PREFIX]",
		Description: "The question is: are all columns of all stripes of all these objects on the drives, and good? It is answered by\n" +
			"reading them, past the page cache, and each object against its own checksum. Exit code 0 is yes, 3 is no, 1 that it\n" +
			"could not be found out. What is found bad is mended by the daemon afterwards, as far as it can be.\n\n" +
			"--json prints the report: objects, bytes, columns, bad, missing, findings.",
		Flags: adminFlags(),
		Action: action(adminClient, 1, 1, readObject(splitObject), func(c *cli.Context, cl *client, o objectName) error {
			return verifyAction(c, con, cl, o)
		}),
	}
}

func verifyAction(c *cli.Context, con *console, cl *client, o objectName) error {
	bar := newGauge(con.err, "verify")
	defer bar.end()
	began := time.Now()
	r, raw, err := cl.verify(c, o, func(r verifyReport) {
		s := standing{done: r.Bytes, total: r.TotalBytes, note: count(r.Objects, "object")}
		if passed := time.Since(began).Seconds(); passed > 1 {
			s.rate = int64(float64(r.Bytes) / passed)
			if s.rate > 0 && s.total > 0 {
				s.left = time.Duration(float64(s.total-s.done) / float64(s.rate) * float64(time.Second))
			}
		}
		bar.show(s)
	})
	bar.end()
	switch {
	case isCode(err, "no_such_bucket"):
		return missing(err, o.bucket)
	case err != nil:
		return err
	case c.Bool("json"):
		err = con.writeRaw(raw)
	default:
		_, err = io.WriteString(con.out, renderVerify(r))
	}
	if err == nil && !r.well() {
		err = &noError{} // what is not well stands in the output
	}
	return err
}

func renderVerify(r verifyReport) string {
	var b strings.Builder
	what := fmt.Sprintf("%s of %s, %s", count(r.Columns, "column"), count(r.Objects, "object"), size(r.Bytes))
	if r.well() {
		return "yes: " + what + ": all are on the drives and good\n"
	}
	fmt.Fprintf(&b, "no: of %s, %d are bad and %d are missing\n", what, r.Bad, r.Missing)
	renderFindings(&b, r.Findings)
	return b.String()
}

// renderFindings lists findings, a line each; there may be very many, and --json has all.
func renderFindings(b *strings.Builder, findings []findingReport) {
	const most = 20
	for i, f := range findings {
		if i == most {
			fmt.Fprintf(b, "  and %d more; --json lists them\n", len(findings)-most)
			break
		}
		text := "  " + printable(f.Text)
		if f.Mended {
			text += " (mended)"
		}
		if len(f.Objects) > 0 {
			text += "; " + objectList(f.Objects, f.ObjectsMore)
		}
		b.WriteString(text + "\n")
	}
}

// verify asks for a verification and reads how far it is until the report comes.
func (c *client) verify(ctx *cli.Context, o objectName, progress func(verifyReport)) (report verifyReport, raw json.RawMessage, err error) {
	r, err := adminRequest(http.MethodPost, "verify").with(map[string]string{"bucket": o.bucket, "prefix": o.key})
	if err != nil {
		return report, nil, err
	}
	resp, err := c.do(ctx.Context, r)
	if err != nil {
		return report, nil, err
	}
	defer resp.Body.Close()
	for lines := json.NewDecoder(resp.Body); ; {
		var line struct {
			Progress *verifyReport   `json:"progress"`
			Report   json.RawMessage `json:"report"`
			Error    *struct{ Code, Message, Hint string }
		}
		switch err := lines.Decode(&line); {
		case ctx.Context.Err() != nil:
			return report, nil, ctx.Context.Err()
		case errors.Is(err, io.EOF):
			return report, nil, errors.New("the daemon stopped before it had an answer")
		case err != nil:
			return report, nil, fmt.Errorf("the daemon's answer: %w", err)
		case line.Error != nil:
			return report, nil, &apiError{Status: http.StatusOK, Code: line.Error.Code, Message: strings.TrimSuffix(line.Error.Message, ".")}
		case line.Report != nil:
			return report, line.Report, json.Unmarshal(line.Report, &report)
		case line.Progress != nil:
			progress(*line.Progress)
		}
	}
}
