package scrubber

import (
	"errors"
	"math/rand/v2"
	"time"
)

const (
	retryFirst = time.Second
	retryMost  = time.Minute
	// attemptsMost is how often a segment is tried before the run goes without
	// it. One that is in use is given some minutes, for it is not damaged.
	attemptsMost     = 5
	attemptsMostBusy = 12
	// suspectPause is how long a segment that was brought forward is not brought
	// forward again: reading damage that cannot be mended makes it suspect anew.
	suspectPause = 10 * time.Minute
)

// retry is something that failed, and when it is tried again. Its times are of
// the elapsed kind: a clock that is set does not move them.
type retry struct {
	segment  uint64
	attempts int
	next     time.Time
	err      error
}

// failed notes one more failure. The time to wait doubles up to a bound, and all
// of it is random, so that what failed together is not tried together.
func (r *retry) failed(err error) {
	most := min(retryFirst<<min(r.attempts, 20), retryMost)
	r.attempts++
	r.err = err
	r.next = time.Now().Add(rand.N(most) + 1)
}

// exhausted says whether trying again has to end some time, and it has come.
func (r *retry) exhausted() bool {
	if errors.Is(r.err, ErrBusy) {
		return r.attempts >= attemptsMostBusy
	}
	return r.attempts >= attemptsMost
}

// earliest gives the one that is tried next; nil if there is none.
func earliest(list map[uint64]*retry) (first *retry) {
	for _, r := range list {
		if first == nil || r.next.Before(first.next) || r.next.Equal(first.next) && r.segment < first.segment {
			first = r
		}
	}
	return first
}
