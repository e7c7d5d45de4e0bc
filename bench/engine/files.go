package engine

import (
	"errors"
	"os"
	"unsafe"
)

// pageBytes is what memory, offsets and lengths are aligned to where the page cache is left out.
const pageBytes = 4096

// alignedBuffer may be read into past the page cache.
func alignedBuffer(n int) []byte {
	buf := make([]byte, n+pageBytes)
	skip := -uintptr(unsafe.Pointer(unsafe.SliceData(buf))) % pageBytes
	return buf[skip : int(skip)+n : int(skip)+n]
}

// forgetPath drops a file's clean pages from the page cache.
func forgetPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(forget(f), f.Close())
}
