//go:build unix && !race

package blockstore

import "golang.org/x/sys/unix"

// mapMemory maps n bytes outside Go's heap; give unmaps them. Where it is nil, they are of Go's heap.
func mapMemory(n int) (mapping []byte, give func([]byte)) {
	mapping, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil { // the process may not map that much: then Go's heap, which ends the process if it may not either
		return make([]byte, n), nil
	}
	return mapping, func(mapping []byte) { _ = unix.Munmap(mapping) }
}

// dropMemory gives memory back to the system; it is zeros when it is used again.
func dropMemory(b []byte) { _ = unix.Madvise(b, unix.MADV_DONTNEED) }
