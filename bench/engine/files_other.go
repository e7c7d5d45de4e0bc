//go:build !linux

package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

var errDirect = fmt.Errorf("files are read and written past the page cache on Linux only (%w)", errors.ErrUnsupported)

// openDirect says no.
func openDirect(string) (*os.File, error) { return nil, errDirect }

// createDirect says no.
func createDirect(string) (*os.File, error) { return nil, errDirect }

// forget does nothing: there is no portable call for it.
func forget(*os.File) error { return nil }

func syncData(f *os.File) error { return f.Sync() }

// Allocated is the bytes that a file has.
func Allocated(info fs.FileInfo) int64 { return info.Size() }
