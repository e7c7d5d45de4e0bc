package bench

import "unsafe"

const (
	// PageBytes is what memory, offsets and lengths are aligned to where the page cache is left out.
	PageBytes = 4096

	hugePageBytes = 2 << 20
)

// DirectBuffers makes count buffers of so many bytes, whole pages, that may be read into and written from past the
// page cache. They lie in huge pages where the system has them: a disk is read into those up to twice as
// fast as into single pages, each of which the kernel looks up and holds for itself.
func DirectBuffers(count, bytes int) [][]byte {
	whole := (count*bytes + hugePageBytes - 1) / hugePageBytes * hugePageBytes
	all := make([]byte, whole+hugePageBytes)
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(all))) % hugePageBytes)
	all = all[skip:][:whole]
	hugePages(all)
	buffers := make([][]byte, count)
	for i := range buffers {
		buffers[i] = all[i*bytes:][:bytes:bytes]
	}
	return buffers
}

// DirectBuffer is one of them.
func DirectBuffer(bytes int) []byte { return DirectBuffers(1, bytes)[0] }
