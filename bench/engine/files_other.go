//go:build !linux

package engine

import (
	"errors"
	"io/fs"
	"os"
)

var errDirect = errors.New("files are read and written past the page cache on Linux only: run this measurement there")

// openDirect says no.
func openDirect(string) (*os.File, error) { return nil, errDirect }

// createDirect says no.
func createDirect(string) (*os.File, error) { return nil, errDirect }

// forget does nothing: there is no portable call for it.
func forget(*os.File) error { return nil }

func syncData(f *os.File) error { return f.Sync() }

// Allocated is the bytes that a file has.
func Allocated(info fs.FileInfo) int64 { return info.Size() }
