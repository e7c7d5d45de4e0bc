package main

import (
	"testing"

	"github.com/holdfast-storage/holdfast/bench/limits"
)

// TestPlaces: there are never fewer places than processors, and the commit limit has as many as the daemon.
func TestPlaces(t *testing.T) {
	for processors, want := range map[int]int{1: 2, 2: 4, 3: 6, 4: 8, 6: 8, 8: 8, 64: 64} {
		if got := places(processors); got != want {
			t.Errorf("%d processors: %d places, want %d", processors, got, want)
		}
		if got := limits.Places(processors); got != want {
			t.Errorf("%d processors: the commit limit has %d places, the daemon %d", processors, got, want)
		}
	}
}
