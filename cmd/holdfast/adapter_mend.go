package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	api "github.com/holdfast-storage/holdfast/fuse-free-api"
	"github.com/holdfast-storage/holdfast/scrubber"
)

// Scrub is the answer to GET /api/v1/scrub.
func (a poolAdmin) Scrub(context.Context) (any, error) { return a.scrubber.Status(), nil }

// StartScrub begins a scrub.
func (a poolAdmin) StartScrub(ctx context.Context, rateBytes int64) (any, error) {
	return a.scrubbed(a.scrubber.Start(ctx, rateBytes))
}

// SteerScrub pauses, resumes or stops the scrub that is on.
func (a poolAdmin) SteerScrub(ctx context.Context, action api.ScrubAction) (any, error) {
	steer := map[api.ScrubAction]func(context.Context) error{
		api.ScrubPause:  a.scrubber.Pause,
		api.ScrubResume: a.scrubber.Resume,
		api.ScrubStop:   a.scrubber.Stop,
	}[action]
	if steer == nil {
		panic(fmt.Sprintf("the admin API has a scrub action %q that the scrubber has not", action))
	}
	return a.scrubbed(steer(ctx))
}

// ScheduleScrub says when scrubs begin by themselves.
func (a poolAdmin) ScheduleScrub(ctx context.Context, cron string) (any, error) {
	return a.scrubbed(a.scrubber.SetSchedule(ctx, cron))
}

// scrubbed is the answer to a change of the scrub: how it stands now.
func (a poolAdmin) scrubbed(err error) (any, error) {
	for _, refusal := range []struct {
		err  error
		form api.AdminError
	}{
		{scrubber.ErrRunning, api.AdminError{Status: http.StatusConflict, Code: "scrub_running"}},
		{scrubber.ErrNotRunning, api.AdminError{Status: http.StatusConflict, Code: "no_scrub"}},
		{scrubber.ErrSchedule, api.AdminError{Status: http.StatusBadRequest, Code: "bad_schedule"}},
		{scrubber.ErrNotReady, api.AdminError{Status: http.StatusServiceUnavailable, Code: "unavailable"}},
	} {
		if errors.Is(err, refusal.err) {
			refusal.form.Message = err.Error()
			return nil, &refusal.form
		}
	}
	if err != nil {
		return nil, toAdmin(err)
	}
	return a.scrubber.Status(), nil
}

// SetRebuildRate limits the rebuild until the daemon ends.
func (a poolAdmin) SetRebuildRate(_ context.Context, rateBytes int64) (any, error) {
	a.rebuilder.SetRate(rateBytes)
	return a.rebuilder.Status(), nil
}
