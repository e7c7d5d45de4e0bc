package api

import (
	"context"
	"strconv"
	"time"
)

const (
	eventsDefault = 1000
	eventsMost    = 1000
	// eventsWaitMost is below what proxies and clients wait for headers.
	eventsWaitMost = time.Minute
)

// Events is what happened to the pool.
type Events interface {
	// Events gives those that came after the one with this number, oldest first
	// and at most so many. If there are none it waits for one, for so long; none
	// in that time is no error.
	Events(ctx context.Context, after uint64, most int, wait time.Duration) (any, error)
}

func (c *adminCall) events() (any, error) {
	query, err := c.readQuery("after", "max", "wait_seconds")
	if err != nil {
		return nil, err
	}
	after, most, wait := uint64(0), uint64(eventsDefault), uint64(0)
	for _, p := range []struct {
		name string
		to   *uint64
		most uint64
	}{
		{"after", &after, 1<<63 - 1},
		{"max", &most, eventsMost},
		{"wait_seconds", &wait, uint64(eventsWaitMost / time.Second)},
	} {
		text, given := query[p.name]
		if !given {
			continue
		}
		if *p.to, err = strconv.ParseUint(text, 10, 64); err != nil || *p.to > p.most {
			return nil, badRequest(p.name+" is to be a number from 0 to "+strconv.FormatUint(p.most, 10)+".", "")
		}
	}
	if most == 0 {
		return nil, badRequest("max is to be above 0.", "")
	}
	ctx, cancel := c.untilDraining()
	defer cancel()
	return c.s.opts.Admin.Events(ctx, after, int(most), time.Duration(wait)*time.Second)
}
