package main

import (
	"context"
	"errors"
	"net/http"

	"github.com/holdfast-storage/holdfast/blockstore"
	api "github.com/holdfast-storage/holdfast/fuse-free-api"
)

// poolAdmin shows to the admin API the pool and what works beside it. As poolStore it decides nothing.
type poolAdmin struct {
	poolStore
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

// Status is the answer to GET /api/v1/status.
func (a poolAdmin) Status(ctx context.Context) (any, error) {
	status, err := a.pool.Status(ctx)
	return status, toEdge(err)
}

func (a poolAdmin) Scrub(ctx context.Context) (any, error)                  { return nil, notYet() }
func (a poolAdmin) StartScrub(ctx context.Context, rate int64) (any, error) { return nil, notYet() }
func (a poolAdmin) SteerScrub(ctx context.Context, s api.ScrubAction) (any, error) {
	return nil, notYet()
}
func (a poolAdmin) ScheduleScrub(ctx context.Context, cron string) (any, error) { return nil, notYet() }
func (a poolAdmin) SetRebuildRate(ctx context.Context, rate int64) (any, error) { return nil, notYet() }
func (a poolAdmin) Verify(ctx context.Context, bucket, prefix string, progress func(any)) (any, error) {
	return nil, notYet()
}
func notYet() error {
	return &api.AdminError{Status: http.StatusNotImplemented, Code: "not_yet", Message: "This daemon cannot do that yet."}
}
