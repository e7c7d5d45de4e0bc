package limits

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// writeFile makes a file of so many bytes, whole pages, and syncs its data.
func writeFile(path string, block []byte, bytes int64, direct bool) error {
	f, err := open(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, direct)
	if err != nil {
		return err
	}
	for at := int64(0); at < bytes && err == nil; at += int64(len(block)) {
		_, err = f.WriteAt(block[:min(int64(len(block)), bytes-at)], at)
	}
	if err == nil {
		err = syncData(f)
	}
	return errors.Join(err, f.Close())
}

// readFile reads the first bytes of a file.
func readFile(path string, buf []byte, bytes int64, direct bool) error {
	f, err := open(path, os.O_RDONLY, direct)
	if err != nil {
		return err
	}
	for at := int64(0); at < bytes && err == nil; {
		var n int
		n, err = f.ReadAt(buf[:min(int64(len(buf)), bytes-at)], at)
		at += int64(n)
		if errors.Is(err, io.EOF) && at == bytes {
			err = nil
		}
	}
	return errors.Join(err, f.Close())
}

// open opens a file; direct: past the page cache.
func open(path string, flags int, direct bool) (*os.File, error) {
	if direct {
		flags |= directFlag
	}
	f, err := os.OpenFile(path, flags, 0o600)
	if err == nil && direct && directFlag == 0 {
		err = errors.Join(errNoDirect, f.Close())
	}
	if err != nil && direct {
		return nil, fmt.Errorf("open past the page cache (name drives whose file system has O_DIRECT): %w", err)
	}
	return f, err
}

// errNoDirect: this system has no O_DIRECT.
var errNoDirect = errors.ErrUnsupported

// forget drops the pages of a file that is synced from the page cache.
func forget(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dropPages(f), f.Close())
}
