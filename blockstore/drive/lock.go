package drive

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/gofrs/flock"
)

// lockDir takes the lock of a drive's directory for this process, or fails with
// ErrLocked. The lock is a file of its own, since the label is replaced.
//
// On the operating system's file system it is flock(2) and not vfs's fcntl lock,
// which any other descriptor of the file, when closed, would release.
func lockDir(fsys vfs.FS, dir string) (io.Closer, error) {
	return lockFile(fsys, fsys.PathJoin(dir, lockName), flock.SetPermissions(fileMode))
}

// LockToLook takes the lock of a drive's directory, as Open does, for who only
// looks at what is there: nothing is made. A directory without the lock's file
// has no holder, and none is kept away. Errors: ErrLocked, the file system's.
func LockToLook(fsys vfs.FS, dir string) (io.Closer, error) {
	path := fsys.PathJoin(dir, lockName)
	if _, err := fsys.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return noLock{}, nil
	}
	l, err := lockFile(fsys, path, flock.SetFlag(os.O_RDONLY))
	if errors.Is(err, fs.ErrNotExist) {
		return noLock{}, nil
	}
	return l, err
}

// noLock is the lock of a directory that nobody has ever opened.
type noLock struct{}

func (noLock) Close() error { return nil }

func lockFile(fsys vfs.FS, path string, o flock.Option) (io.Closer, error) {
	if vfs.Root(fsys) != vfs.Default {
		c, err := fsys.Lock(path)
		if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) {
			err = ErrLocked
		}
		if err != nil {
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		return c, nil
	}
	l := flock.New(path, o)
	ok, err := l.TryLock()
	if err == nil && !ok {
		err = ErrLocked
	}
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return l, nil
}
