package bench

import "golang.org/x/sys/unix"

// hugePages has huge pages lie behind b, also where single ones did, which Go's heap had before. Where there are none, or
// the kernel is older than 6.1, nothing is lost.
func hugePages(b []byte) {
	_ = unix.Madvise(b, unix.MADV_HUGEPAGE)
	_ = unix.Madvise(b, unix.MADV_COLLAPSE)
}
