//go:build !linux

package blockstore

import "time"

// processCPU is not known here.
func processCPU() time.Duration { return 0 }
