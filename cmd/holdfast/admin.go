package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// readAdminError takes the admin API's JSON apart. What is not that gives nothing: the status says enough.
func readAdminError(body []byte) (code, message, hint string) {
	var answer struct {
		Error struct{ Code, Message, Hint string }
	}
	if json.Unmarshal(body, &answer) != nil {
		return "", "", ""
	}
	e := answer.Error
	return e.Code, strings.TrimSuffix(e.Message, "."), strings.TrimSuffix(e.Hint, ".")
}

// status asks the daemon how it is. raw is the answer as it came, for --json: fields that this client does not know
// are passed on.
func (c *client) status(ctx context.Context) (report statusReport, raw []byte, err error) {
	resp, err := c.do(ctx, request{method: http.MethodGet, path: "/api/v1/status"})
	if err != nil {
		return statusReport{}, nil, err
	}
	defer resp.Body.Close()
	raw, err = io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		return statusReport{}, nil, err
	}
	if err := json.Unmarshal(raw, &report); err != nil {
		return statusReport{}, nil, fmt.Errorf("the daemon's status: %w", err)
	}
	return report, bytes.TrimSpace(raw), nil
}

// failReport is the admin API's answer to a drive's failing: what is, or in a dry run would be, afterwards.
type failReport struct {
	Slot         int    `json:"slot"`
	ID           string `json:"id"`
	Path         string `json:"path"`
	State        string `json:"state"`
	MayStillFail int    `json:"may_still_fail"` // further drives that may fail with every object still readable
	DryRun       bool   `json:"dry_run"`
}

// failDrive stops the use of the drive that ref (slot, id or path) names, or only says what would be.
func (c *client) failDrive(ctx context.Context, ref string, dryRun, force bool) (failReport, error) {
	body, err := json.Marshal(map[string]bool{"dry_run": dryRun, "force": force})
	if err != nil {
		return failReport{}, err
	}
	resp, err := c.do(ctx, request{
		method: http.MethodPost,
		path:   "/api/v1/drives/" + ref + "/fail",
		raw:    "/api/v1/drives/" + strings.ReplaceAll(escapePath(ref), "/", "%2F") + "/fail",
		header: http.Header{"Content-Type": {"application/json"}},
		body:   bytes.NewReader(body),
		length: int64(len(body)),
	})
	if err != nil {
		return failReport{}, err
	}
	defer resp.Body.Close()
	var report failReport
	err = json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&report)
	return report, err
}
