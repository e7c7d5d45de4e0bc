//go:build !linux

package blockstore

// hugePages asks for huge pages where the system lets it: Linux.
func hugePages([]byte) {}
