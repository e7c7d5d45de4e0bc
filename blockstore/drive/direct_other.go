//go:build !linux

package drive

import "errors"

// Elsewhere all reads and writes go through the page cache.

func openDirect(uintptr) (int, error) { return 0, errors.ErrUnsupported }

func openDirectRead(uintptr) (int, error) { return 0, errors.ErrUnsupported }

func writeDirect(int, [][]byte, int64) (int, error) { return 0, errors.ErrUnsupported }
