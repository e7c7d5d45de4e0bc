package scrubber

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// pacer is the cap on bytes per second, reads and writes
// together (R18).
type pacer struct {
	limit *rate.Limiter
}

func newPacer(bytesPerSecond int64) *pacer {
	p := &pacer{limit: rate.NewLimiter(rate.Inf, 0)}
	p.set(bytesPerSecond)
	return p
}

// set changes the cap; 0 or less is none. A burst is a quarter of a second's
// bytes, so that clients never wait for long behind one, and nobody who waits
// already holds on to an older cap for longer.
func (p *pacer) set(bytesPerSecond int64) {
	if bytesPerSecond <= 0 {
		p.limit.SetLimit(rate.Inf)
		return
	}
	p.limit.SetBurst(int(max(1, bytesPerSecond/4)))
	p.limit.SetLimit(rate.Limit(bytesPerSecond))
}

// cap is the bytes per second that were set; 0: none.
func (p *pacer) cap() int64 {
	if l := p.limit.Limit(); l != rate.Inf {
		return int64(l)
	}
	return 0
}

// wait returns when so many bytes may be read or written, or ctx has ended. More
// than a burst is waited for in parts.
func (p *pacer) wait(ctx context.Context, bytes int) error {
	for bytes > 0 {
		if p.limit.Limit() == rate.Inf {
			return ctx.Err()
		}
		n := min(bytes, p.limit.Burst())
		if err := p.limit.WaitN(ctx, n); err != nil {
			if n > p.limit.Burst() { // the cap has just been lowered
				continue
			}
			return err
		}
		bytes -= n
	}
	return ctx.Err()
}

// meterSeconds is the time over which a rate is measured.
const meterSeconds = 30

// meter measures bytes per second over the last 30 s.
type meter struct {
	mu     sync.Mutex
	start  time.Time
	second [meterSeconds]int64 // which second since start the sum beside it is of
	bytes  [meterSeconds]int64
}

// restart forgets what was measured.
func (m *meter) restart() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.start, m.second, m.bytes = time.Now(), [meterSeconds]int64{}, [meterSeconds]int64{}
}

func (m *meter) add(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := int64(time.Since(m.start) / time.Second)
	i := now % meterSeconds
	if m.second[i] != now {
		m.second[i], m.bytes[i] = now, 0
	}
	m.bytes[i] += bytes
}

// rate is the bytes per second since restart, or of the last 30 s.
func (m *meter) rate() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	elapsed := time.Since(m.start)
	now := int64(elapsed / time.Second)
	var sum int64
	for i, n := range m.bytes {
		if now-m.second[i] < meterSeconds {
			sum += n
		}
	}
	// The second that has begun counts for what it is, so that the rate does not
	// drop whenever one begins.
	over := min(elapsed, (meterSeconds-1)*time.Second+elapsed%time.Second)
	return int64(float64(sum) / max(over, time.Second).Seconds())
}
