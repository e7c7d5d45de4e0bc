package drive

import (
	"errors"

	"golang.org/x/sys/unix"
)

// prepareCached has reads of a descriptor not note when they were: the note of a
// first read would be a change of the file system, which may wait for the disk.
func prepareCached(fd uintptr) error {
	flags, err := unix.FcntlInt(fd, unix.F_GETFL, 0)
	if err == nil {
		_, err = unix.FcntlInt(fd, unix.F_SETFL, flags|unix.O_NOATIME)
	}
	return err
}

// readCached reads what is in the page cache, up to what is not.
func readCached(fd uintptr, p []byte, off int64) (int, error) {
	for {
		n, err := unix.Preadv2(int(fd), [][]byte{p}, off, unix.RWF_NOWAIT)
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}
