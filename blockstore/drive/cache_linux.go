package drive

import "golang.org/x/sys/unix"

// dropCache forgets the clean pages of a whole file.
func dropCache(fd uintptr) error {
	return unix.Fadvise(int(fd), 0, 0, unix.FADV_DONTNEED)
}

// cachedPages says whether a page of these bytes is in the page cache, for all that is
// known: before Linux 6.5 nobody says.
func cachedPages(fd uintptr, off, n int64) bool {
	var there unix.Cachestat_t
	err := unix.Cachestat(uint(fd), &unix.CachestatRange{Off: uint64(off), Len: uint64(n)}, &there, 0)
	return err != nil || there.Cache > 0
}
