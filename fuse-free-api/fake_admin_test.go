package api

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// fakeAdmin answers what it is told to, and keeps in words what it was asked.
type fakeAdmin struct {
	mu     sync.Mutex
	status any
	err    error
	ready  error
	asked  string // the last call that was no Status and no Ready

	verify func(ctx context.Context, progress func(any)) // what Verify does, if set
	events func(ctx context.Context)                     // what Events does, if set
}

func (a *fakeAdmin) Status(context.Context) (any, error) { return a.status, a.err }

func (a *fakeAdmin) Ready(context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.ready
}

func (a *fakeAdmin) note(format string, args ...any) (any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = fmt.Sprintf(format, args...)
	return map[string]string{"asked": a.asked}, a.err
}

func (a *fakeAdmin) ChangeDrive(_ context.Context, action DriveAction, ref, dir string, opts ChangeOptions) (any, error) {
	return a.note("%s %q %q %+v", action, ref, dir, opts)
}

func (a *fakeAdmin) AddDrives(_ context.Context, dirs []string, spare bool, opts ChangeOptions) (any, error) {
	return a.note("add %q %v %+v", dirs, spare, opts)
}

func (a *fakeAdmin) Scrub(context.Context) (any, error) { return a.note("scrub") }

func (a *fakeAdmin) StartScrub(_ context.Context, rate int64) (any, error) {
	return a.note("start %d", rate)
}

func (a *fakeAdmin) SteerScrub(_ context.Context, action ScrubAction) (any, error) {
	return a.note("%s", action)
}

func (a *fakeAdmin) ScheduleScrub(_ context.Context, cron string) (any, error) {
	return a.note("schedule %q", cron)
}

func (a *fakeAdmin) SetRebuildRate(_ context.Context, rate int64) (any, error) {
	return a.note("rebuild %d", rate)
}

func (a *fakeAdmin) Verify(ctx context.Context, bucket, prefix string, progress func(any)) (any, error) {
	if a.verify != nil {
		a.verify(ctx, progress)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return a.note("verify %q %q", bucket, prefix)
}

func (a *fakeAdmin) Events(ctx context.Context, after uint64, most int, wait time.Duration) (any, error) {
	if a.events != nil {
		a.events(ctx)
	}
	return a.note("events %d %d %v", after, most, wait)
}
