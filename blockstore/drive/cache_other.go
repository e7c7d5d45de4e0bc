//go:build !linux

package drive

// dropCache does nothing: there is no portable call for it.
func dropCache(uintptr) error { return nil }

// cachedPages cannot tell.
func cachedPages(uintptr, int64, int64) bool { return true }
