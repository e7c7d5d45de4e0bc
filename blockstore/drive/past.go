package drive

import (
	"errors"
	"io"
	"sync/atomic"
	"syscall"
	"unsafe"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// past is a file's way of reading past the page cache: a descriptor of its own. It
// is opened once and closed with the file; on says whether reads go by it.
type past struct {
	fd   int
	open bool // guarded by File.mu
	on   atomic.Bool
	// syscall.Pread, or a test's; nobody changes it while there are reads.
	read func(fd int, p []byte, off int64) (int, error)
}

// PastCache has the file's reads come from the drive from now on (R17), by this File
// alone: those that go through others of the same file keep what they have in the
// page cache, and nothing is read ahead. It takes reads of whole pages into whole
// pages of memory; others, and all of them where the file system has no such way,
// come from the drive because Uncached is called here.
func (f *File) PastCache() error {
	if err := f.begin(); err != nil {
		return err
	}
	defer f.end()
	f.mu.Lock()
	if fd := f.f.Fd(); !f.past.open && f.drive.fs == vfs.Default && fd != vfs.InvalidFd {
		if direct, err := openDirectRead(fd); err == nil {
			f.past.fd, f.past.open, f.past.read = direct, true, syscall.Pread
			f.past.on.Store(true)
		}
	}
	f.mu.Unlock()
	if f.past.on.Load() {
		return nil
	}
	return f.Uncached()
}

// ReadsPastCache says whether reads of whole pages leave the page cache as it is.
func (f *File) ReadsPastCache() bool { return f.past.on.Load() }

// cacheTeller is a vfs.File that knows what DropCache has left.
type cacheTeller interface{ Cached(off, n int64) bool }

// MayBeCached says whether reads of whole pages among these bytes may be answered from
// what the page cache had before PastCache was called. Where the file system has no
// way past the cache, dropping it leaves what is dirty, and what shares a folio with that.
// Once it says no, what a sync made durable before is read from the drive, as long as
// nobody writes to these pages. Where nobody can be asked it says yes.
func (f *File) MayBeCached(off, n int64) bool {
	if f.past.on.Load() {
		return false
	}
	if f.begin() != nil {
		return true
	}
	defer f.end()
	if c, ok := f.f.(cacheTeller); ok {
		return c.Cached(off, n)
	}
	fd := f.f.Fd()
	return fd != vfs.InvalidFd && cachedPages(fd, off, n)
}

// readPast fills p past the page cache. It says no where that cannot be: then
// nothing was read, and err is of the attempt to have it come from the drive all the same.
//
// Invariant: only where the file ends does it say io.EOF. What is not read for another
// reason must not be taken for zeros, or it would be mended (R4).
func (f *File) readPast(p []byte, off int64) (n int, ok bool, err error) {
	if !f.past.on.Load() || !wholePages(p, off) {
		return 0, false, nil
	}
	for n < len(p) {
		m, err := f.past.read(f.past.fd, p[n:], off+int64(n))
		n += max(m, 0)
		switch {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.EOPNOTSUPP): // the file system has no such way after all
			f.past.on.Store(false)
			return 0, false, f.Uncached()
		case errors.Is(err, syscall.ENOMEM): // to hold the pages all at once; through the cache it needs less
			return 0, false, f.Uncached()
		case err != nil:
			return n, true, err
		case m == 0:
			return n, true, io.EOF
		case n%PageBytes != 0: // the file ends there, or sectors follow that the drive cannot read
			size, err := f.f.Stat()
			if err != nil {
				return n, true, err
			}
			if off+int64(n) >= size.Size() {
				return n, true, io.EOF
			}
			return 0, false, f.Uncached()
		}
	}
	return n, true, nil
}

// wholePages says whether p and its place can pass by the page cache.
func wholePages(p []byte, off int64) bool {
	return len(p) > 0 && off%PageBytes == 0 && len(p)%PageBytes == 0 && uintptr(unsafe.Pointer(&p[0]))%PageBytes == 0
}

func (p *past) close() {
	if p.open {
		_ = syscall.Close(p.fd) // it was only read from
		p.open = false
	}
}
