package engine

import (
	"errors"
	"os"
)

// forgetPath drops a file's clean pages from the page cache.
func forgetPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(forget(f), f.Close())
}
