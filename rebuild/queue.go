package rebuild

import (
	"cmp"
	"errors"
	"slices"
	"sync/atomic"
	"time"
)

// errStillDue is why a segment that was mended without an error is not mended
// again at once: that could go on for ever.
var errStillDue = errors.New("it was mended without an error, and is due all the same")

// job is a segment that is being mended.
type job struct {
	work    Work
	written atomic.Int64
}

// queue is what is due, and what is being done about it. The Rebuilder's lock
// guards it.
type queue struct {
	due    []Work          // as the pool listed it last, in the order in which it is to be done
	active map[uint64]*job // by segment
	retry  retries
	mended map[uint64]bool // without an error, since the pool was last asked
}

func newQueue() *queue {
	return &queue{active: make(map[uint64]*job), retry: make(retries), mended: make(map[uint64]bool)}
}

// refill takes what the pool says is due now: those segments first that have the
// fewest columns left, the older first among equals.
func (q *queue) refill(due []Work, now time.Time) {
	q.due = slices.SortedFunc(slices.Values(due), func(a, b Work) int {
		return cmp.Or(cmp.Compare(a.Remaining, b.Remaining), cmp.Compare(a.Segment, b.Segment))
	})
	for _, w := range q.due {
		if q.mended[w.Segment] && w.Blocked == "" {
			q.retry.failed(w.Segment, errStillDue, now)
		}
	}
	clear(q.mended)
	q.retry.keep(q.due)
}

// take gives the first segment that can be mended now.
func (q *queue) take(now time.Time) (*job, bool) {
	for _, w := range q.due {
		if q.ready(w, now) {
			j := &job{work: w}
			q.active[w.Segment] = j
			return j, true
		}
	}
	return nil, false
}

func (q *queue) ready(w Work, now time.Time) bool {
	return w.Blocked == "" && q.active[w.Segment] == nil && !q.retry.waits(w.Segment, now)
}

func (q *queue) anyReady(now time.Time) bool {
	return slices.ContainsFunc(q.due, func(w Work) bool { return q.ready(w, now) })
}

// succeeded takes a segment off. Whether it was enough, the pool's next list says.
func (q *queue) succeeded(segment uint64) {
	delete(q.active, segment)
	q.mended[segment] = true
	q.due = slices.DeleteFunc(q.due, func(w Work) bool { return w.Segment == segment })
}

// failed puts a segment on the retry list.
func (q *queue) failed(segment uint64, err error, now time.Time) *Retry {
	delete(q.active, segment)
	return q.retry.failed(segment, err, now)
}

// bytesLeft is what has to be written at most.
func (q *queue) bytesLeft() (left int64) {
	for _, w := range q.due {
		left += w.Bytes
		if j := q.active[w.Segment]; j != nil {
			left -= min(w.Bytes, j.written.Load())
		}
	}
	return left
}

// blocked gives the reason of the first segment that cannot be done, and how
// many there are.
func (q *queue) blocked() (why string, segments int) {
	for _, w := range q.due {
		if w.Blocked == "" {
			continue
		}
		if segments == 0 {
			why = w.Blocked
		}
		segments++
	}
	return why, segments
}
