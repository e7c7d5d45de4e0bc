package blockstore

import "golang.org/x/sys/unix"

// hugePages asks for huge pages behind b. Where there are none, nothing is lost. A
// small budget is better off without: the first buffer would take a huge page.
func hugePages(b []byte) {
	if len(b) >= 16*hugePageBytes {
		_ = unix.Madvise(b, unix.MADV_HUGEPAGE)
	}
}
