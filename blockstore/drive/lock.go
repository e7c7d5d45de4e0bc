package drive

import (
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/gofrs/flock"
)

// lockDir takes the lock of a drive's directory for this process, or fails with
// ErrLocked. The lock is a file of its own, since the label is replaced.
//
// On the operating system's file system it is flock(2) and not vfs's fcntl lock,
// which any other descriptor of the file, when closed, would release.
func lockDir(fs vfs.FS, dir string) (io.Closer, error) {
	path := fs.PathJoin(dir, lockName)
	if vfs.Root(fs) != vfs.Default {
		c, err := fs.Lock(path)
		if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) {
			err = ErrLocked
		}
		if err != nil {
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		return c, nil
	}
	l := flock.New(path, flock.SetPermissions(fileMode))
	ok, err := l.TryLock()
	if err == nil && !ok {
		err = ErrLocked
	}
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return l, nil
}
