package drive

import (
	"errors"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// cachedWay says whether a file can be asked for what is in the page cache alone.
type cachedWay uint32

const (
	cachedUntried cachedWay = iota
	cachedOpen
	cachedRefused // not on this system, or another file system stands before its own
)

// ReadCached fills p from off if all of that is in the page cache, and says whether
// it was. It does not wait for the disk, nor for the drive's queue, so nothing that
// hangs holds it up (R13). Where it says no, p is as good as untouched: what there
// is, and what is wrong with it, is ReadAt's to say.
func (f *File) ReadCached(p []byte, off int64) bool {
	if cachedWay(f.cached.Load()) == cachedRefused || f.begin() != nil {
		return false
	}
	defer f.end()
	fd := f.f.Fd()
	if cachedWay(f.cached.Load()) == cachedUntried {
		way := cachedRefused
		if f.drive.fs == vfs.Default && fd != vfs.InvalidFd && prepareCached(fd) == nil {
			way = cachedOpen
		}
		if f.cached.Store(uint32(way)); way == cachedRefused {
			return false
		}
	}
	n, err := f.cachedRead(fd, p, off)
	if errors.Is(err, errors.ErrUnsupported) { // the file system has no such way
		f.cached.Store(uint32(cachedRefused))
	}
	return err == nil && n == len(p)
}
