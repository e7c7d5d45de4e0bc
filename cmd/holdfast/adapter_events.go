package main

import (
	"context"
	"time"

	"github.com/holdfast-storage/holdfast/blockstore"
)

// eventList is the answer to GET /api/v1/events.
type eventList struct {
	Events []blockstore.Event `json:"events"`
}

// Events gives the events after the one with that number, and waits for one if there are none.
func (a poolAdmin) Events(ctx context.Context, after uint64, most int, wait time.Duration) (any, error) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		news := a.pool.EventsChanged() // before the question, so that none is missed
		events, err := a.pool.Events(ctx, after, most)
		switch {
		case err != nil:
			return nil, toAdmin(err)
		case len(events) > 0:
			return eventList{events}, nil
		case wait > 0:
			select {
			case <-news:
				continue
			case <-timer.C:
			case <-ctx.Done():
			}
		}
		return eventList{[]blockstore.Event{}}, nil
	}
}
