package bench

import (
	"time"

	"golang.org/x/sys/unix"
)

// OwnCPU is what this process has taken of the processors, in user and system
// mode; 0 if the system does not say.
func OwnCPU() time.Duration {
	var used unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &used) != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
