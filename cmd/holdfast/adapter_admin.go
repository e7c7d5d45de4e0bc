package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/holdfast-storage/holdfast/blockstore"
	api "github.com/holdfast-storage/holdfast/fuse-free-api"
	"github.com/holdfast-storage/holdfast/rebuild"
	"github.com/holdfast-storage/holdfast/scrubber"
)

// poolAdmin shows to the admin API the pool and what works beside it. As poolStore it decides nothing.
type poolAdmin struct {
	poolStore
	*mending
}

// refusals are the engine's errors about drives, with the status and the code that the admin API has for them.
func refusals() []struct {
	err  error
	form api.AdminError
} {
	return []struct {
		err  error
		form api.AdminError
	}{
		{blockstore.ErrUnsafe, api.AdminError{Status: http.StatusConflict, Code: "below_safety"}},
		{blockstore.ErrDirInUse, api.AdminError{Status: http.StatusConflict, Code: "directory_in_use"}},
		{blockstore.ErrTooSmall, api.AdminError{Status: http.StatusConflict, Code: "too_small"}},
		{blockstore.ErrNowhere, api.AdminError{Status: http.StatusConflict, Code: "nowhere_to_go", Hint: "add a drive first: `holdfast drive add DIR`"}},
		{blockstore.ErrHoldsColumns, api.AdminError{Status: http.StatusConflict, Code: "holds_columns", Hint: "move what it holds to other drives first: `holdfast drive evacuate DRIVE`"}},
		{blockstore.ErrDriveState, api.AdminError{Status: http.StatusConflict, Code: "drive_state"}},
		{blockstore.ErrNoDrive, api.AdminError{Status: http.StatusNotFound, Code: "no_such_drive", Hint: "`holdfast drive list` shows the drives; DRIVE is a slot, an id or a path"}},
	}
}

// toAdmin is toEdge for what only the admin API is asked.
func toAdmin(err error) error {
	for _, r := range refusals() {
		if errors.Is(err, r.err) {
			form := r.form
			form.Message = err.Error()
			return &form
		}
	}
	switch {
	case errors.Is(err, blockstore.ErrNoSuchBucket):
		return &api.AdminError{Status: http.StatusNotFound, Code: "no_such_bucket", Message: err.Error()}
	case errors.Is(err, blockstore.ErrInvalidName), errors.Is(err, blockstore.ErrKeyTooLong), errors.Is(err, blockstore.ErrOptions):
		return &api.AdminError{Status: http.StatusBadRequest, Code: "bad_request", Message: err.Error()}
	}
	return toEdge(err)
}

// daemonStatus is the answer to GET /api/v1/status: the pool's and what mends it.
type daemonStatus struct {
	blockstore.Status
	Rebuild rebuild.Status  `json:"rebuild"`
	Scrub   scrubber.Status `json:"scrub"`
}

func (a poolAdmin) status(ctx context.Context) (daemonStatus, error) {
	status, err := a.pool.Status(ctx)
	s := daemonStatus{Status: status, Rebuild: a.rebuilder.Status(), Scrub: a.scrubber.Status()}
	s.Scrub.Findings = nil // there may be very many: GET /api/v1/scrub gives them
	return s, err
}

// Status is the answer to GET /api/v1/status.
func (a poolAdmin) Status(ctx context.Context) (any, error) {
	status, err := a.status(ctx)
	return status, toEdge(err)
}

// report is the status as the command line reads it: through the same JSON.
func (a poolAdmin) report(ctx context.Context) (report statusReport, err error) {
	status, err := a.status(ctx)
	if err != nil {
		return report, err
	}
	text, err := json.Marshal(status)
	if err != nil {
		return report, err
	}
	return report, json.Unmarshal(text, &report)
}

// Verify reads every stored column of a bucket's objects below prefix.
func (a poolAdmin) Verify(ctx context.Context, bucket, prefix string, progress func(any)) (any, error) {
	report, err := a.pool.Verify(ctx, bucket, prefix, func(v blockstore.VerifyProgress) { progress(v) })
	for i, f := range report.Findings {
		report.Findings[i].Text = placedText(f)
	}
	return report, toAdmin(err)
}
