package yield

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestMeter: a rate is that of the last half minute.
func TestMeter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &Meter{}
		if r := m.BytesPerSecond(); r != 0 {
			t.Errorf("before anything: %d", r)
		}
		m.Restart()
		for range 1000 {
			time.Sleep(100 * time.Millisecond)
			m.Add(50)
			if r := m.BytesPerSecond(); time.Since(m.start) > 2*time.Second && (r < 450 || r > 530) {
				t.Fatalf("after %v: %d bytes/s, want about 500", time.Since(m.start), r)
			}
		}
		time.Sleep(31 * time.Second)
		if r := m.BytesPerSecond(); r != 0 {
			t.Errorf("half a minute later: %d", r)
		}
	})
}
