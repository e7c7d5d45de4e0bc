package drive

import (
	"errors"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/sys/unix"
)

// Modes of what a drive consists of: nobody but the daemon reads objects.
const (
	dirMode  = 0o700
	fileMode = 0o600
)

// restrict gives a new file its mode; vfs has no way to create it with one.
func restrict(f vfs.File) error {
	if fd := f.Fd(); fd != vfs.InvalidFd {
		return unix.Fchmod(int(fd), fileMode)
	}
	return nil
}

// identity tells a file from all others that exist at the same time.
type identity struct {
	device vfs.DeviceID
	number uint64 // of the device, as the operating system says it; then device is not said
	inode  uint64
	known  bool // the file system tells inodes
}

func identityOf(fi vfs.FileInfo) identity {
	if i, ok := fi.(interface{ Inode() uint64 }); ok {
		return identity{device: fi.DeviceID(), inode: i.Inode(), known: true}
	}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return identity{number: uint64(st.Dev), inode: uint64(st.Ino), known: true}
	}
	return identity{}
}

// find is identityOf of the file that lies at the path. It is asked after each sync, so the operating system's own file
// system is asked without an os.FileInfo in between.
func find(fsys vfs.FS, path string) (identity, error) {
	if fsys != vfs.Default {
		fi, err := fsys.Stat(path)
		if err != nil {
			return identity{}, err
		}
		return identityOf(fi), nil
	}
	for {
		var st syscall.Stat_t
		err := syscall.Stat(path, &st)
		if err == nil {
			return identity{number: uint64(st.Dev), inode: uint64(st.Ino), known: true}, nil
		}
		if !errors.Is(err, syscall.EINTR) {
			return identity{}, err
		}
	}
}

// SameFile says whether both describe the same file or directory, as far as the
// file system tells inodes.
func SameFile(a, b vfs.FileInfo) bool {
	x, y := identityOf(a), identityOf(b)
	return x.known && y.known && x == y
}
