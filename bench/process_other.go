//go:build !linux

package bench

import (
	"errors"
	"fmt"
	"time"
)

var errProcess = fmt.Errorf("what another process takes is measured on Linux only (%w): leave out its process id", errors.ErrUnsupported)

// ProcessCPU is measured on Linux only.
func ProcessCPU(int) (time.Duration, error) { return 0, errProcess }

// PeakBytes is measured on Linux only.
func PeakBytes(int) (int64, error) { return 0, errProcess }
