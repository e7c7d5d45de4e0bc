package suite

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/holdfast-storage/holdfast/bench"
)

// heap is a server's, whose allocations are counted.
type heap struct {
	server *admin
	pid    int
	// doubt is how far the last count may be off, in bytes for each operation: asking does not cost the same each time.
	doubt float64
}

// heapAsks is how often it is asked, one after the other, to know what that allocates itself.
const heapAsks = 5

// counted is the side with the bytes that the server allocates from when it has come to rest until it has again: what
// others have left to be done is not counted, and what this side leaves is. What asking costs is taken off.
func (h *heap) counted(side bench.Side) bench.Side {
	run := func(ctx context.Context, span time.Duration) (bench.Sample, error) {
		if err := h.rest(ctx); err != nil {
			return bench.Sample{}, err
		}
		var at [heapAsks]int64
		var err error
		for i := range at {
			if at[i], err = h.server.allocated(ctx); err != nil {
				return bench.Sample{}, err
			}
		}
		sample, err := side.Run(ctx, span)
		if err != nil {
			return sample, err
		}
		if err := h.rest(ctx); err != nil {
			return sample, err
		}
		after, err := h.server.allocated(ctx)
		cost, doubt := asking(at[:])
		sample.Bytes = after - at[heapAsks-1] - cost
		h.doubt = float64(doubt) / float64(max(1, sample.Ops))
		return sample, err
	}
	return bench.Side{Name: side.Name, Run: run}
}

// asking is what it costs to ask, the median, and how far from that it may be.
func asking(at []int64) (cost, doubt int64) {
	var costs []int64
	for i := range at[1:] {
		costs = append(costs, at[i+1]-at[i])
	}
	slices.Sort(costs)
	cost = costs[len(costs)/2]
	return cost, max(cost-costs[0], costs[len(costs)-1]-cost)
}

const (
	// restPeriod is how long a server is looked at, restBusy what it may take of a processor meanwhile if it rests, which
	// is to be so restPeriods times in a row.
	restPeriod  = 50 * time.Millisecond
	restBusy    = restPeriod / 20
	restPeriods = 2
	// restAtMost is how long it is waited for. A server that never rests is counted with what it does.
	restAtMost = 2 * time.Second
)

// rest waits until the server does next to nothing. Its processor time tells without asking it, which would allocate.
func (h *heap) rest(ctx context.Context) error {
	if h.pid == 0 {
		return nil
	}
	quiet, last := 0, time.Duration(-1)
	for end := time.Now().Add(restAtMost); quiet < restPeriods && time.Now().Before(end); {
		took, err := bench.ProcessCPU(h.pid)
		if errors.Is(err, errors.ErrUnsupported) {
			return pause(ctx, restPeriods*restPeriod)
		}
		if err != nil {
			return err
		}
		if quiet++; last < 0 || took-last > restBusy {
			quiet = 0
		}
		last = took
		if err := pause(ctx, restPeriod); err != nil {
			return err
		}
	}
	return nil
}
