package drive

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// openDirect opens the file of a descriptor again. Not by its path: whatever lies
// there by now, this is the same file.
func openDirect(fd uintptr) (int, error) {
	return unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), unix.O_WRONLY|unix.O_DIRECT|unix.O_CLOEXEC, 0)
}

// openDirectRead is openDirect for reading.
func openDirectRead(fd uintptr) (int, error) {
	return unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), unix.O_RDONLY|unix.O_DIRECT|unix.O_CLOEXEC, 0)
}

// writeDirect writes pages one behind the other, and says how many bytes of them.
func writeDirect(fd int, pages [][]byte, off int64) (int, error) {
	for {
		n, err := unix.Pwritev(fd, pages, off)
		if !errors.Is(err, unix.EINTR) {
			return max(0, n), err
		}
	}
}
