package blockstore

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A request that waits for its client, which may take for ever, must not keep
// buffers that others wait for (R21). So what it gives to a Read or a Write that may
// wait is memory of its own, and its buffers are its own only while it works on them,
// under its lock. While it waits for its client they are on loan: when others
// wait for memory, those that have stood still the longest give theirs back, an
// upload by writing a short stripe, a download by reading again later.

const (
	// lendAfter is how long a client may stand still before it counts as idle.
	lendAfter = 50 * time.Millisecond
	// ownBytes is the memory of its own that a request has at most.
	ownBytes = 32 << 10
)

// getOwn gets a request memory of its own, ownBytes of it.
func (mem *memory) getOwn() []byte {
	if b := mem.own.get(); b != nil {
		return b[:]
	}
	return make([]byte, ownBytes)
}

// putOwn takes it back.
func (mem *memory) putOwn(b []byte) { mem.own.put((*[ownBytes]byte)(b[:ownBytes])) }

// borrower is a request that may hold buffers while it waits for its client.
type borrower interface {
	// pause tells how the request waits for its client.
	pause() *pause
	// yield gives back the buffers that it holds, if it does wait.
	yield()
}

// pause is a request's account of waiting for its client.
type pause struct {
	since atomic.Int64 // when the wait under way began; 0: none is
	held  atomic.Int64 // buffers held
}

func (p *pause) begin() { p.since.Store(time.Now().UnixNano()) }
func (p *pause) end()   { p.since.Store(0) }

// idle says whether the wait under way is a long one.
func (p *pause) idle() bool {
	since := p.since.Load()
	return since > 0 && time.Now().UnixNano()-since > int64(lendAfter)
}

// lending is the borrowers of one share.
type lending struct {
	mu        sync.Mutex
	borrowers map[borrower]struct{}
	wanted    chan struct{} // one token: somebody waits
}

func newLending() *lending {
	return &lending{borrowers: make(map[borrower]struct{}), wanted: make(chan struct{}, 1)}
}

func (l *lending) add(b borrower) {
	l.mu.Lock()
	l.borrowers[b] = struct{}{}
	l.mu.Unlock()
}

func (l *lending) remove(b borrower) {
	l.mu.Lock()
	delete(l.borrowers, b)
	l.mu.Unlock()
}

// want is called by who begins to wait.
func (l *lending) want() {
	select {
	case l.wanted <- struct{}{}:
	default:
	}
}

// reclaim has idle borrowers of a share give buffers back whenever others wait
// for some, until the pool closes. Each does so on a goroutine of its own, since
// it may have to wait for a drive.
func (p *Pool) reclaim(s *share) {
	for {
		select {
		case <-s.lending.wanted:
		case <-p.stopped:
			return
		}
		for s.pressed() {
			for _, b := range s.lending.idle(s.waiting.Load()) {
				p.wg.Go(b.yield)
			}
			select {
			case <-time.After(lendAfter / 2):
			case <-p.stopped:
				return
			}
		}
	}
}

// idle picks the borrowers that have been idle the longest and hold n buffers
// together, or all there are.
func (l *lending) idle(n int64) (list []borrower) {
	type candidate struct {
		b     borrower
		since int64
	}
	var all []candidate
	before := time.Now().Add(-lendAfter).UnixNano()
	l.mu.Lock()
	for b := range l.borrowers {
		if since := b.pause().since.Load(); since > 0 && since < before && b.pause().held.Load() > 0 {
			all = append(all, candidate{b, since})
		}
	}
	l.mu.Unlock()
	slices.SortFunc(all, func(a, b candidate) int { return cmp.Compare(a.since, b.since) })
	for _, c := range all {
		if n <= 0 {
			break
		}
		list, n = append(list, c.b), n-c.b.pause().held.Load()
	}
	return list
}
