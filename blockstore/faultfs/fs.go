package faultfs

import (
	"io"
	"os"
	"path"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// FS is a file system in memory. Make it with New.
type FS struct {
	mu      sync.RWMutex
	root    *node
	pending []*pending // in order
	numbers uint64     // of nodes given out
	serial  uint64     // of pending changes
	clock   time.Duration
	away    map[string]away // drives pulled, by path
	locked  map[*node]bool

	folio int // pages; less than 2: a page each

	ops    atomic.Uint64
	hook   atomic.Pointer[func(Op) Fault]
	synced atomic.Pointer[func(Op)]

	hungMu  sync.Mutex
	hung    chan struct{}
	hanging atomic.Int64
}

var _ vfs.FS = (*FS)(nil)

// New makes an empty file system.
func New() *FS {
	fs := blank()
	fs.root = fs.newNode(true)
	return fs
}

func blank() *FS {
	return &FS{away: make(map[string]away), locked: make(map[*node]bool), hung: make(chan struct{})}
}

func (fs *FS) newNode(dir bool) *node {
	fs.numbers++
	return &node{number: fs.numbers, dir: dir, synced: dir, modified: fs.tick()}
}

// tick gives the time of a change: later than the one before.
func (fs *FS) tick() time.Duration {
	fs.clock += time.Microsecond
	return fs.clock
}

// Create makes an empty file; one that stands there loses the name.
func (fs *FS) Create(name string, _ vfs.DiskWriteCategory) (vfs.File, error) {
	return fs.open(Op{Kind: Create, Path: clean(name)}, create|write)
}

// Open opens a file or directory for reading.
func (fs *FS) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	return fs.open(Op{Kind: Open, Path: clean(name)}, 0, opts...)
}

// OpenReadWrite opens a file for reading and writing, and makes it if it is not there.
func (fs *FS) OpenReadWrite(name string, _ vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	op := Op{Kind: Open, Path: clean(name)}
	fs.mu.RLock()
	_, err := fs.existing(name)
	fs.mu.RUnlock()
	if err == syscall.ENOENT {
		op.Kind = Create
	}
	return fs.open(op, write, opts...)
}

// OpenDir opens a directory for syncing.
func (fs *FS) OpenDir(name string) (vfs.File, error) {
	return fs.open(Op{Kind: Open, Path: clean(name)}, directory)
}

// How open is to open.
const (
	write     = 1 << iota // for writing too; a missing file is made if the operation is Create
	create                // always a new file
	directory             // a directory and nothing else
)

func (fs *FS) open(op Op, mode int, opts ...vfs.OpenOption) (vfs.File, error) {
	f := &file{fs: fs, name: op.Path, writable: mode&write != 0}
	err := fs.do(op, func() error {
		s, err := fs.resolve(op.Path)
		if err != nil {
			return err
		}
		switch {
		case s.node == nil && op.Kind != Create:
			return syscall.ENOENT
		case s.node != nil && s.node.dir && mode&write != 0:
			return syscall.EISDIR
		case s.node != nil && !s.node.dir && mode&directory != 0:
			return syscall.ENOTDIR
		case s.node == nil:
			fs.add(&s)
		case mode&create != 0:
			fs.remove(s)
			fs.add(&s)
		}
		f.node, f.chain = s.node, s.chain
		if s.node.dir {
			f.chain = s.inside()
		}
		return nil
	})
	if err == nil && f.node == nil { // the creation was lost: a file without a name
		fs.mu.Lock()
		f.node, f.chain = fs.newNode(false), []*node{fs.root}
		fs.mu.Unlock()
	}
	if err != nil {
		return nil, err
	}
	for _, opt := range opts {
		opt.Apply(f)
	}
	return f, nil
}

// add makes an empty file at a spot where nothing stands.
func (fs *FS) add(s *spot) {
	s.node = fs.newNode(false)
	fs.change(s.node, change{dir: s.parent(), name: s.name, node: s.node})
}

// remove takes the name away from what stands at a spot.
func (fs *FS) remove(s spot) {
	fs.change(s.node, change{dir: s.parent(), name: s.name, node: s.node, gone: true})
	credit(s.chain, s.node)
}

// Link gives a file a second name.
func (fs *FS) Link(oldname, newname string) error {
	return fs.do(Op{Kind: Link, Path: clean(oldname), To: clean(newname)}, func() error {
		from, err := fs.existing(oldname)
		if err != nil {
			return err
		}
		to, err := fs.resolve(newname)
		switch {
		case err != nil:
			return err
		case to.node != nil:
			return syscall.EEXIST
		case from.node.dir:
			return syscall.EPERM
		}
		fs.change(from.node, change{dir: to.parent(), name: to.name, node: from.node})
		return nil
	})
}

// Remove removes a file or an empty directory.
func (fs *FS) Remove(name string) error {
	return fs.do(Op{Kind: Remove, Path: clean(name)}, func() error {
		s, err := fs.existing(name)
		switch {
		case err != nil:
			return err
		case s.name == "":
			return syscall.EBUSY
		case len(s.node.entries) > 0:
			return syscall.ENOTEMPTY
		}
		fs.remove(s)
		return nil
	})
}

// RemoveAll removes what stands at name with all below it, as one change.
// Nothing standing there is no error.
func (fs *FS) RemoveAll(name string) error {
	return fs.do(Op{Kind: Remove, Path: clean(name)}, func() error {
		s, err := fs.existing(name)
		switch {
		case err == syscall.ENOENT:
			return nil
		case err != nil:
			return err
		case s.name == "":
			return syscall.EBUSY
		}
		fs.remove(s)
		return nil
	})
}

// Rename gives a file or directory another name, over what may stand there.
func (fs *FS) Rename(oldname, newname string) error {
	return fs.do(Op{Kind: Rename, Path: clean(oldname), To: clean(newname)}, func() error {
		from, err := fs.existing(oldname)
		if err != nil {
			return err
		}
		to, err := fs.resolve(newname)
		switch {
		case err != nil:
			return err
		case from.name == "" || to.name == "":
			return syscall.EBUSY
		case to.node == from.node:
			return nil
		case to.node != nil && to.node.dir && !from.node.dir:
			return syscall.EISDIR
		case to.node != nil && !to.node.dir && from.node.dir:
			return syscall.ENOTDIR
		case to.node != nil && len(to.node.entries) > 0:
			return syscall.ENOTEMPTY
		}
		for _, dir := range to.chain {
			if dir == from.node {
				return syscall.EINVAL // into itself
			}
		}
		fs.change(from.node,
			change{dir: from.parent(), name: from.name, node: from.node, gone: true},
			change{dir: to.parent(), name: to.name, node: from.node})
		if to.node != nil {
			credit(to.chain, to.node)
		}
		return nil
	})
}

// ReuseForWrite renames a file and opens it for writing with what it holds.
func (fs *FS) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if err := fs.Rename(oldname, newname); err != nil {
		return nil, err
	}
	return fs.OpenReadWrite(newname, category)
}

// MkdirAll makes a directory and those above it that are missing.
func (fs *FS) MkdirAll(dir string, _ os.FileMode) error {
	return fs.do(Op{Kind: Mkdir, Path: clean(dir)}, func() error {
		at := clean(dir)
		var missing []string
		for {
			s, err := fs.existing(at)
			if err == nil && !s.node.dir {
				return syscall.ENOTDIR
			}
			if err == nil {
				break
			}
			if err != syscall.ENOENT {
				return err
			}
			missing = append(missing, at)
			at = path.Dir(at)
		}
		for i := len(missing) - 1; i >= 0; i-- {
			s, err := fs.resolve(missing[i])
			if err != nil {
				return err
			}
			made := fs.newNode(true)
			fs.change(made, change{dir: s.parent(), name: s.name, node: made})
		}
		return nil
	})
}

// Lock locks a file, which it makes if need be. The error of a lock held
// elsewhere is EAGAIN.
func (fs *FS) Lock(name string) (io.Closer, error) {
	l := &lock{fs: fs}
	err := fs.do(Op{Kind: Lock, Path: clean(name)}, func() error {
		s, err := fs.resolve(name)
		switch {
		case err != nil:
			return err
		case s.node == nil:
			fs.add(&s)
		case s.node.dir:
			return syscall.EISDIR
		case fs.locked[s.node]:
			return syscall.EAGAIN
		}
		fs.locked[s.node] = true
		l.node = s.node
		return nil
	})
	if err != nil {
		_ = l.Close() // the lock was taken although an error is returned
		return nil, err
	}
	return l, nil
}

type lock struct {
	fs   *FS
	node *node
}

// Close releases the lock.
func (l *lock) Close() error {
	l.fs.mu.Lock()
	defer l.fs.mu.Unlock()
	delete(l.fs.locked, l.node)
	l.node = nil
	return nil
}

// List returns the names in a directory, sorted.
func (fs *FS) List(dir string) (names []string, err error) {
	err = fs.do(Op{Kind: List, Path: clean(dir)}, func() error {
		s, err := fs.existing(dir)
		if err != nil {
			return err
		}
		if !s.node.dir {
			return syscall.ENOTDIR
		}
		names = make([]string, 0, len(s.node.entries))
		for _, e := range s.node.entries {
			names = append(names, e.name)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return names, nil
}

// Stat describes a file or directory. The answer has a method Inode() uint64.
func (fs *FS) Stat(name string) (info vfs.FileInfo, err error) {
	err = fs.do(Op{Kind: Stat, Path: clean(name)}, func() error {
		s, err := fs.existing(name)
		if err == nil {
			info = describe(s.name, s.node)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return info, nil
}

// PathBase is path.Base.
func (*FS) PathBase(p string) string { return path.Base(p) }

// PathJoin is path.Join.
func (*FS) PathJoin(elem ...string) string { return path.Join(elem...) }

// PathDir is path.Dir.
func (*FS) PathDir(p string) string { return path.Dir(p) }

// Unwrap returns nil: there is nothing below.
func (*FS) Unwrap() vfs.FS { return nil }
