package growth

import (
	"fmt"
	"os"
	"runtime"
)

// resident is what this process has in memory, bytes: as Linux says, elsewhere
// what the Go runtime has taken of the system.
func resident() int64 {
	var size, pages int64
	if text, err := os.ReadFile("/proc/self/statm"); err == nil {
		if _, err := fmt.Sscan(string(text), &size, &pages); err == nil {
			return pages * int64(os.Getpagesize())
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.Sys - m.HeapReleased)
}
