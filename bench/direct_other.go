//go:build !linux

package bench

// hugePages does nothing: how they are had is each system's own.
func hugePages([]byte) {}
