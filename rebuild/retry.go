package rebuild

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"
)

const (
	retryFirst = time.Second
	retryMost  = 5 * time.Minute
)

// backoff is how long to wait after so many failures in a row: at random between
// nothing and a time that doubles up to a bound. All of it is random (full
// jitter), so that what failed together is not tried together.
func backoff(attempts int) time.Duration {
	most := retryFirst << min(attempts-1, 20)
	return rand.N(min(most, retryMost)) + 1
}

// retries are the segments that failed and are still due. One that fails holds
// up no other, and never makes the whole start over (R16).
type retries map[uint64]*Retry

// failed notes one more failure of a segment.
func (list retries) failed(segment uint64, err error, now time.Time) *Retry {
	r := list[segment]
	if r == nil {
		r = &Retry{Segment: segment}
		list[segment] = r
	}
	r.Attempts++
	r.Error = err.Error()
	r.Next = now.Add(backoff(r.Attempts))
	return r
}

// waits says whether it is too early to try a segment.
func (list retries) waits(segment uint64, now time.Time) bool {
	r := list[segment]
	return r != nil && now.Before(r.Next)
}

// keep forgets the segments that are not due any more, or not to be done now: if
// they are again, something has changed.
func (list retries) keep(due []Work) {
	still := make(map[uint64]bool, len(due))
	for _, w := range due {
		still[w.Segment] = w.Blocked == ""
	}
	for segment := range list {
		if !still[segment] {
			delete(list, segment)
		}
	}
}

// sorted lists them, the next one first.
func (list retries) sorted() []Retry {
	all := make([]Retry, 0, len(list))
	for _, r := range list {
		all = append(all, *r)
	}
	slices.SortFunc(all, func(a, b Retry) int {
		return cmp.Or(a.Next.Compare(b.Next), cmp.Compare(a.Segment, b.Segment))
	})
	return all
}
