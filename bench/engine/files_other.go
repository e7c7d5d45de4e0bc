//go:build !linux

package engine

import (
	"errors"
	"io/fs"
	"os"
)

// openDirect says no: reads past the page cache are known on Linux only.
func openDirect(string) (*os.File, error) {
	return nil, errors.New("files are read past the page cache on Linux only: run this measurement there")
}

// forget does nothing: there is no portable call for it.
func forget(*os.File) error { return nil }

func syncData(f *os.File) error { return f.Sync() }

// Allocated is the bytes that a file has.
func Allocated(info fs.FileInfo) int64 { return info.Size() }
