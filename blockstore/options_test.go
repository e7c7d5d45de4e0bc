package blockstore

import (
	"testing"
	"time"
)

// TestPresencePeriod: a drive that is gone is REMOVED within a second (R13), which is two looks at most.
func TestPresencePeriod(t *testing.T) {
	o, err := Options{Dirs: []string{"/d1"}}.withDefaults()
	must(t, err)
	if o.PresencePeriod <= 0 || o.PresencePeriod > time.Second/2 {
		t.Errorf("drives are looked at every %v", o.PresencePeriod)
	}
}
