//go:build !linux

package limits

import (
	"os"
	"time"
)

// directFlag is none: only Linux has the flag.
const directFlag = 0

func syncData(f *os.File) error { return f.Sync() }

// dropPages does nothing: there is no portable call for it, and reads may come from memory.
func dropPages(*os.File) error { return nil }

// threadTime is not known here.
func threadTime() time.Duration { return 0 }
