package catalog

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Overlay is a file system over base that never writes to it: what is written
// stays in memory, and hides what base has of that name. A replica opened on it
// can take batches while the drive below stays as it is, as a pool that is
// read-only demands (R8). It is meant for a few files of a few MiB: the base's
// tables are read in place, never copied unless they are renamed or changed.
func Overlay(base vfs.FS) vfs.FS {
	return &overlay{base: base, mem: vfs.NewMem(), gone: make(map[string]bool)}
}

type overlay struct {
	base vfs.FS
	mem  *vfs.MemFS

	mu   sync.Mutex
	gone map[string]bool // names that base has and this does not
}

// inMemory says whether the name was written here.
func (o *overlay) inMemory(name string) bool {
	_, err := o.mem.Stat(name)
	return err == nil
}

func (o *overlay) isGone(name string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.gone[name]
}

func (o *overlay) setGone(name string, gone bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.gone[name] = gone
}

func missing(op, name string) error { return &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist} }

// parent makes the directory of a file to be written.
func (o *overlay) parent(name string) error { return o.mem.MkdirAll(o.mem.PathDir(name), 0o700) }

// take copies a file of base into memory, unless it is there.
func (o *overlay) take(name string) error {
	if o.inMemory(name) {
		return nil
	}
	src, err := o.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }()
	if err := o.parent(name); err != nil {
		return err
	}
	dst, err := o.mem.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}

func (o *overlay) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := o.parent(name); err != nil {
		return nil, err
	}
	return o.mem.Create(name, c)
}

func (o *overlay) Link(oldname, newname string) error {
	if err := o.take(oldname); err != nil {
		return err
	}
	return o.mem.Link(oldname, newname)
}

func (o *overlay) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	switch {
	case o.inMemory(name):
		return o.mem.Open(name, opts...)
	case o.isGone(name):
		return nil, missing("open", name)
	}
	return o.base.Open(name, opts...)
}

func (o *overlay) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	if err := o.take(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := o.parent(name); err != nil {
		return nil, err
	}
	return o.mem.OpenReadWrite(name, c, opts...)
}

// OpenDir gives a directory to sync, which is nothing here.
func (o *overlay) OpenDir(name string) (vfs.File, error) {
	if _, err := o.Stat(name); err != nil {
		return nil, err
	}
	if err := o.mem.MkdirAll(name, 0o700); err != nil {
		return nil, err
	}
	return o.mem.OpenDir(name)
}

func (o *overlay) Remove(name string) error {
	if _, err := o.Stat(name); err != nil {
		return err
	}
	if o.inMemory(name) {
		if err := o.mem.Remove(name); err != nil {
			return err
		}
	}
	o.setGone(name, true)
	return nil
}

func (o *overlay) RemoveAll(name string) error {
	list, err := o.List(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, child := range list {
		if err := o.RemoveAll(o.PathJoin(name, child)); err != nil {
			return err
		}
	}
	if err := o.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (o *overlay) Rename(oldname, newname string) error {
	if err := o.take(oldname); err != nil {
		return err
	}
	if err := o.parent(newname); err != nil {
		return err
	}
	if err := o.mem.Rename(oldname, newname); err != nil {
		return err
	}
	o.setGone(oldname, true)
	return nil
}

func (o *overlay) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := o.Rename(oldname, newname); err != nil {
		return nil, err
	}
	return o.mem.OpenReadWrite(newname, c)
}

func (o *overlay) MkdirAll(dir string, perm os.FileMode) error { return o.mem.MkdirAll(dir, perm) }

func (o *overlay) Lock(name string) (io.Closer, error) {
	if err := o.parent(name); err != nil {
		return nil, err
	}
	return o.mem.Lock(name)
}

func (o *overlay) List(dir string) ([]string, error) {
	below, err := o.base.List(dir)
	here, memErr := o.mem.List(dir)
	if err != nil && memErr != nil {
		return nil, err
	}
	below = slices.DeleteFunc(below, func(name string) bool { return o.isGone(o.PathJoin(dir, name)) })
	list := append(below, here...)
	slices.Sort(list)
	return slices.Compact(list), nil
}

func (o *overlay) Stat(name string) (vfs.FileInfo, error) {
	if fi, err := o.mem.Stat(name); err == nil {
		return fi, nil
	}
	if o.isGone(name) {
		return nil, missing("stat", name)
	}
	return o.base.Stat(name)
}

func (o *overlay) PathBase(path string) string                     { return o.base.PathBase(path) }
func (o *overlay) PathJoin(elem ...string) string                  { return o.base.PathJoin(elem...) }
func (o *overlay) PathDir(path string) string                      { return o.base.PathDir(path) }
func (o *overlay) GetDiskUsage(path string) (vfs.DiskUsage, error) { return o.base.GetDiskUsage(path) }
func (o *overlay) Unwrap() vfs.FS                                  { return nil }
