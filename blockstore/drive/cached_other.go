//go:build !linux

package drive

import "errors"

// Elsewhere nobody says what is in the page cache.

func prepareCached(uintptr) error { return errors.ErrUnsupported }

func readCached(uintptr, []byte, int64) (int, error) { return 0, errors.ErrUnsupported }
