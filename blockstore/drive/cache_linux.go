package drive

import "golang.org/x/sys/unix"

// dropCache forgets the clean pages of a whole file.
func dropCache(fd uintptr) error {
	return unix.Fadvise(int(fd), 0, 0, unix.FADV_DONTNEED)
}
