package catalog

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// ErrWrite says that a replica's drive did not take what was written, so that
// no more may be written to it (R6).
var ErrWrite = errors.New("catalog: a write or sync failed")

// A failFS stands between Pebble and a drive, because Pebble ends the process
// when it cannot write its MANIFEST, and tries again after other errors, which
// R6 forbids after a failed sync. The first error of anything that writes is
// reported and hidden: from then on whatever writes goes into a sink and
// succeeds, so that nothing more reaches the drive, and what stands there is a
// state that was once whole. Reads pass through, errors and all; Pebble can
// bear those.
type failFS struct {
	vfs.FS
	state *failState
}

// failState is shared by a file system and the files opened through it.
type failState struct {
	failed atomic.Pointer[error]
	report func(error) // called once, from any goroutine, perhaps under Pebble's locks
}

func (s *failState) fail(err error) {
	if s.failed.CompareAndSwap(nil, &err) {
		s.report(err)
	}
}

func (s *failState) err() error {
	if p := s.failed.Load(); p != nil {
		return *p
	}
	return nil
}

// write runs op unless writing is over, and hides its error.
func (s *failState) write(op func() error) {
	if s.err() != nil {
		return
	}
	if err := op(); err != nil {
		s.fail(fmt.Errorf("%w: %w", ErrWrite, err))
	}
}

// open runs op likewise; where there is no file it gives a sink.
func (s *failState) open(op func() (vfs.File, error)) (vfs.File, error) {
	var f vfs.File
	s.write(func() (err error) {
		f, err = op()
		return err
	})
	if f == nil || s.err() != nil {
		if f != nil {
			_ = f.Close()
		}
		return sink{}, nil
	}
	return &failFile{File: f, state: s}, nil
}

func (f *failFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.state.open(func() (vfs.File, error) { return f.FS.Create(name, c) })
}

func (f *failFS) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return f.state.open(func() (vfs.File, error) { return f.FS.OpenReadWrite(name, c, opts...) })
}

func (f *failFS) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.state.open(func() (vfs.File, error) { return f.FS.ReuseForWrite(oldname, newname, c) })
}

// OpenDir opens a directory, which Pebble does only to sync it.
func (f *failFS) OpenDir(name string) (vfs.File, error) {
	return f.state.open(func() (vfs.File, error) { return f.FS.OpenDir(name) })
}

func (f *failFS) Link(oldname, newname string) error {
	f.state.write(func() error { return f.FS.Link(oldname, newname) })
	return nil
}

func (f *failFS) Rename(oldname, newname string) error {
	f.state.write(func() error { return f.FS.Rename(oldname, newname) })
	return nil
}

func (f *failFS) MkdirAll(dir string, perm os.FileMode) error {
	f.state.write(func() error { return f.FS.MkdirAll(dir, perm) })
	return nil
}

func (f *failFS) Remove(name string) error    { return f.remove(f.FS.Remove, name) }
func (f *failFS) RemoveAll(name string) error { return f.remove(f.FS.RemoveAll, name) }

// remove passes on that there was nothing to remove, which is no fault of the drive.
func (f *failFS) remove(op func(string) error, name string) error {
	var absent error
	f.state.write(func() error {
		err := op(name)
		if errors.Is(err, fs.ErrNotExist) {
			absent, err = err, nil
		}
		return err
	})
	return absent
}

// GetDiskUsage says that it does not know where the drive does not tell, since
// Pebble takes the error for one of the database.
func (f *failFS) GetDiskUsage(path string) (vfs.DiskUsage, error) {
	u, err := f.FS.GetDiskUsage(path)
	if err != nil {
		return vfs.DiskUsage{}, vfs.ErrUnsupported
	}
	return u, nil
}

func (f *failFS) Unwrap() vfs.FS { return f.FS }

// A failFile is a file open for writing.
type failFile struct {
	vfs.File
	state *failState
}

func (f *failFile) Write(p []byte) (int, error) {
	f.state.write(func() error {
		n, err := f.File.Write(p)
		if err == nil && n < len(p) {
			err = io.ErrShortWrite
		}
		return err
	})
	return len(p), nil
}

func (f *failFile) WriteAt(p []byte, off int64) (int, error) {
	f.state.write(func() error {
		n, err := f.File.WriteAt(p, off)
		if err == nil && n < len(p) {
			err = io.ErrShortWrite
		}
		return err
	})
	return len(p), nil
}

func (f *failFile) Preallocate(offset, length int64) error {
	f.state.write(func() error { return f.File.Preallocate(offset, length) })
	return nil
}

func (f *failFile) Sync() error {
	f.state.write(f.File.Sync)
	return nil
}

func (f *failFile) SyncData() error {
	f.state.write(f.File.SyncData)
	return nil
}

func (f *failFile) SyncTo(length int64) (bool, error) {
	var full bool
	f.state.write(func() (err error) {
		full, err = f.File.SyncTo(length)
		return err
	})
	return full, nil
}

// Close releases the descriptor even when writing is over, and hides a write
// that fails as late as this.
func (f *failFile) Close() error {
	if err := f.File.Close(); err != nil {
		f.state.fail(fmt.Errorf("%w: %w", ErrWrite, err))
	}
	return nil
}

// A sink takes what is written and keeps nothing.
type sink struct{}

func (sink) Close() error                              { return nil }
func (sink) Read([]byte) (int, error)                  { return 0, io.EOF }
func (sink) ReadAt([]byte, int64) (int, error)         { return 0, io.EOF }
func (sink) Write(p []byte) (int, error)               { return len(p), nil }
func (sink) WriteAt(p []byte, _ int64) (int, error)    { return len(p), nil }
func (sink) Preallocate(int64, int64) error            { return nil }
func (sink) Stat() (vfs.FileInfo, error)               { return nil, fs.ErrNotExist }
func (sink) Sync() error                               { return nil }
func (sink) SyncTo(int64) (bool, error)                { return false, nil }
func (sink) SyncData() error                           { return nil }
func (sink) Prefetch(offset int64, length int64) error { return nil }
func (sink) Fd() uintptr                               { return vfs.InvalidFd }
