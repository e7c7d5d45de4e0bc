package limits

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const directFlag = unix.O_DIRECT

// syncData makes a file's data durable, and of its metadata what is needed to read them.
func syncData(f *os.File) error { return unix.Fdatasync(int(f.Fd())) }

func dropPages(f *os.File) error { return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED) }

// threadTime is the processor time of the calling thread.
func threadTime() time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}
