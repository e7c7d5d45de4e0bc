package yield

import (
	"sync"
	"time"
)

// meterSeconds is the time over which a rate is measured.
const meterSeconds = 30

// Meter measures bytes per second over the last 30 s. The zero value has measured
// nothing; Restart begins.
type Meter struct {
	mu     sync.Mutex
	start  time.Time
	second [meterSeconds]int64 // which second since start the sum beside it is of
	bytes  [meterSeconds]int64
}

// Restart forgets what was measured.
func (m *Meter) Restart() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.start, m.second, m.bytes = time.Now(), [meterSeconds]int64{}, [meterSeconds]int64{}
}

// Add counts bytes that were moved just now.
func (m *Meter) Add(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := int64(time.Since(m.start) / time.Second)
	i := now % meterSeconds
	if m.second[i] != now {
		m.second[i], m.bytes[i] = now, 0
	}
	m.bytes[i] += bytes
}

// BytesPerSecond is the rate since Restart, or of the last 30 s.
func (m *Meter) BytesPerSecond() int64 {
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
