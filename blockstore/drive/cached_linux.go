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

// readCached reads what is in the page cache, up to what is not. It asks first: since
// Linux 6.12 a read that must not wait begins to read ahead from the disk all the same
// where something is missing, and to begin may wait. Where nobody can be asked, before
// 6.5, it does not.
func readCached(fd uintptr, p []byte, off int64) (int, error) {
	first, last := off/PageBytes, (off+int64(len(p))-1)/PageBytes
	var there unix.Cachestat_t
	err := unix.Cachestat(uint(fd), &unix.CachestatRange{Off: uint64(off), Len: uint64(len(p))}, &there, 0)
	switch {
	case err == nil && there.Cache < uint64(last-first+1):
		return 0, nil
	case err != nil && !errors.Is(err, unix.ENOSYS):
		return 0, err
	}
	for {
		n, err := unix.Preadv2(int(fd), [][]byte{p}, off, unix.RWF_NOWAIT)
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}
