package blockstore

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// hugePageBytes is the size of a huge page where they are worth asking for.
const hugePageBytes = 2 << 20

// hugePages asks for huge pages behind b, as far as whole ones lie in it. Where
// there are none, nothing is lost.
func hugePages(b []byte) {
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(b))) % hugePageBytes)
	if n := (len(b) - skip) / hugePageBytes * hugePageBytes; n > 0 {
		_ = unix.Madvise(b[skip:skip+n], unix.MADV_HUGEPAGE)
	}
}
