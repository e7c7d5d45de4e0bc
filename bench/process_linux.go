package bench

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ProcessCPU is the user and system time that a process has taken so far, all
// its threads together, those that have ended too.
//
// It reads the process's CPU clock as clock_getcpuclockid(3) names it, which is
// what the scheduler has counted, in nanoseconds. /proc/PID/stat has the same
// sum in steps of 10 ms, and the schedstat of the tasks forgets ended threads.
func ProcessCPU(pid int) (time.Duration, error) {
	const scheduler = 2 // CPUCLOCK_SCHED
	var at unix.Timespec
	if err := unix.ClockGettime(int32(^pid)<<3|scheduler, &at); err != nil {
		return 0, fmt.Errorf("CPU time of process %d (is it still running?): %w", pid, err)
	}
	return time.Duration(at.Nano()), nil
}

// PeakBytes is the most memory of a process that has been in RAM since it began: VmHWM of
// proc_pid_status(5).
func PeakBytes(pid int) (int64, error) {
	const name = "VmHWM:"
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		value, found := strings.CutPrefix(line, name)
		if !found {
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		return kib << 10, err
	}
	return 0, fmt.Errorf("/proc/%d/status has no %s", pid, name)
}
