package drive

import (
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
	inode  uint64
	known  bool // the file system tells inodes
}

func identityOf(fi vfs.FileInfo) identity {
	if i, ok := fi.(interface{ Inode() uint64 }); ok {
		return identity{device: fi.DeviceID(), inode: i.Inode(), known: true}
	}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return identity{device: fi.DeviceID(), inode: uint64(st.Ino), known: true}
	}
	return identity{}
}

// SameFile says whether both describe the same file or directory, as far as the
// file system tells inodes.
func SameFile(a, b vfs.FileInfo) bool {
	x, y := identityOf(a), identityOf(b)
	return x.known && y.known && x == y
}
