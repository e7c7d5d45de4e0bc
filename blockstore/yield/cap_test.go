package yield

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestCapBounds: nothing is saved up for a burst.
func TestCapBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewCap(1_000_000)
		time.Sleep(time.Hour) // nothing is saved up
		start := time.Now()
		for range 20 {
			if err := c.Wait(t.Context(), 100_000); err != nil {
				t.Fatal(err)
			}
		}
		if d := time.Since(start); d < 1750*time.Millisecond {
			t.Errorf("2 MB at 1 MB/s took %v", d)
		}
	})
}

// TestCapOfAFewBytes: what is more than a burst comes in parts, and the wait for it ends with its context.
func TestCapOfAFewBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewCap(3)
		start := time.Now()
		if err := c.Wait(t.Context(), 10); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d < 2*time.Second || d > 4*time.Second {
			t.Errorf("10 bytes at 3 bytes/s took %v", d)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Minute, cancel)
		if err := c.Wait(ctx, 1<<30); !errors.Is(err, context.Canceled) {
			t.Errorf("wait gives %v", err)
		}
		c.Set(0)
		if err := c.Wait(ctx, 1); !errors.Is(err, context.Canceled) {
			t.Errorf("wait without a cap gives %v", err)
		}
	})
}
