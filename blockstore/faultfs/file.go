package faultfs

import (
	"math"
	"os"
	"path"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// file is an open file or directory.
type file struct {
	fs       *FS
	node     *node
	chain    []*node // the directories it was opened through
	name     string
	pos      int64
	writable bool
	closed   atomic.Bool
}

// usable is called under the lock: EIO when a drive above has been pulled.
func (f *file) usable() error {
	for _, dir := range f.chain {
		if dir.unplugged {
			return syscall.EIO
		}
	}
	return nil
}

// Close releases the descriptor; it does not sync.
func (f *file) Close() error {
	if f.closed.Swap(true) {
		return os.ErrClosed
	}
	return nil
}

// Read reads on from where the last Read or Write ended.
func (f *file) Read(p []byte) (int, error) {
	n, err := f.ReadAt(p, f.pos)
	f.pos += int64(n)
	if n > 0 && err != nil && n < len(p) {
		err = nil // the end shows at the next call
	}
	return n, err
}

// ReadAt gives io.EOF with what there is when that is less than asked for.
func (f *file) ReadAt(p []byte, off int64) (int, error) {
	op, fault := f.fs.begin(Op{Kind: Read, Path: f.name, Offset: off, Length: int64(len(p))})
	if fault.Err != nil {
		return 0, op.error(fault.Err)
	}
	if f.closed.Load() {
		return 0, op.error(os.ErrClosed)
	}
	off = max(0, off+fault.Misdirect)
	f.fs.mu.RLock()
	defer f.fs.mu.RUnlock()
	if err := f.usable(); err != nil {
		return 0, op.error(err)
	}
	if f.node.dir {
		return 0, op.error(syscall.EISDIR)
	}
	pages := f.node.cache
	if fault.Stale {
		pages = f.node.before
	}
	n, err := f.node.read(pages, p, off)
	if t := fault.Torn / sectorBytes * sectorBytes; fault.Torn > 0 && t < n {
		_, _ = f.node.read(f.node.before, p[t:n], off+int64(t))
	}
	fault.spoil(p[:n])
	return n, err
}

// spoil applies what a fault does to bytes.
func (f Fault) spoil(p []byte) {
	if f.Zero {
		clear(p)
	}
	if f.FlipBit && len(p) > 0 {
		bit := f.Bit % (uint64(len(p)) * 8)
		p[bit/8] ^= 1 << (bit % 8)
	}
}

// Write writes on from where the last Read or Write ended.
func (f *file) Write(p []byte) (int, error) {
	n, err := f.WriteAt(p, f.pos)
	f.pos += int64(n)
	return n, err
}

// WriteAt writes all of p, or nothing and returns ENOSPC.
func (f *file) WriteAt(p []byte, off int64) (int, error) {
	op, fault := f.fs.begin(Op{Kind: Write, Path: f.name, Offset: off, Length: int64(len(p))})
	data, written := p, len(p)
	switch {
	case f.closed.Load():
		return 0, op.error(os.ErrClosed)
	case !f.writable:
		return 0, op.error(syscall.EBADF)
	case fault.Torn > 0:
		data = p[:min(len(p), fault.Torn/sectorBytes*sectorBytes)]
	case fault.Lost || fault.Err != nil && !fault.Done:
		data = nil
	}
	if fault.Err != nil {
		written = 0
		if fault.Torn > 0 {
			written = len(data)
		}
	}
	if fault.Zero || fault.FlipBit {
		data = append([]byte(nil), data...)
		fault.spoil(data)
	}
	off = max(0, off+fault.Misdirect)
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.usable(); err != nil {
		return 0, op.error(err)
	}
	if dir := limit(f.chain); dir != nil {
		need := int64(f.node.holes(off, int64(len(data)))) * pageBytes
		if need > dir.free {
			return 0, op.error(syscall.ENOSPC)
		}
		dir.free -= need
	}
	f.node.write(data, off)
	f.node.modified = f.fs.tick()
	return written, op.error(fault.Err)
}

// Sync makes a file's dirty pages and size durable, or the pending changes in a directory.
func (f *file) Sync() error {
	op := Op{Kind: Sync, Path: f.name}
	if f.node.dir {
		op.Kind = SyncDir
	}
	op, fault := f.fs.begin(op)
	if f.closed.Load() {
		return op.error(os.ErrClosed)
	}
	if err := f.sync(fault); err != nil {
		return op.error(err)
	}
	if after := f.fs.synced.Load(); after != nil {
		(*after)(op)
	}
	return nil
}

func (f *file) sync(fault Fault) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.usable(); err != nil {
		return err
	}
	failed := fault.Err != nil && !fault.Done
	switch {
	case fault.Lost && !failed:
	case f.node.dir:
		f.fs.syncDir(f.node, failed)
	case failed, fault.Torn > 0:
		f.node.content.sync(fault.Torn / pageBytes)
	default:
		f.node.content.sync(math.MaxInt)
	}
	return fault.Err
}

// SyncData is Sync.
func (f *file) SyncData() error { return f.Sync() }

// SyncTo promises nothing, and does nothing.
func (f *file) SyncTo(int64) (fullSync bool, err error) { return false, nil }

// DropCache makes later reads of clean pages give what is durable, as after
// posix_fadvise(POSIX_FADV_DONTNEED). Dirty pages stay.
func (f *file) DropCache() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.usable(); err != nil {
		return &os.PathError{Op: "dropcache", Path: f.name, Err: err}
	}
	f.node.drop(f.fs.folio)
	return nil
}

// Cached says whether DropCache would leave some of these bytes where they are.
func (f *file) Cached(off, n int64) bool {
	f.fs.mu.RLock()
	defer f.fs.mu.RUnlock()
	for i := int(off / pageBytes); i < pagesOf(off+n); i++ {
		if f.node.stays(i, f.fs.folio) {
			return true
		}
	}
	return false
}

// SetFolio has the page cache hold so many pages together, as kernels do: DropCache
// leaves clean pages where they are as well if one beside them is dirty.
func (fs *FS) SetFolio(pages int) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.folio = pages
}

// Stat describes the file. The answer has a method Inode() uint64.
func (f *file) Stat() (info vfs.FileInfo, err error) {
	op, fault := f.fs.begin(Op{Kind: Stat, Path: f.name})
	if fault.Err != nil {
		return nil, op.error(fault.Err)
	}
	f.fs.mu.RLock()
	defer f.fs.mu.RUnlock()
	if err := f.usable(); err != nil {
		return nil, op.error(err)
	}
	return describe(path.Base(f.name), f.node), nil
}

// Preallocate does nothing: space is taken by writes.
func (f *file) Preallocate(int64, int64) error { return nil }

// Prefetch does nothing.
func (f *file) Prefetch(int64, int64) error { return nil }

// Fd tells that there is no descriptor of the system's.
func (f *file) Fd() uintptr { return vfs.InvalidFd }

// info describes a file or directory at one moment.
type info struct {
	name     string
	size     int64
	dir      bool
	number   uint64
	modified time.Duration
}

func describe(name string, n *node) info {
	return info{name, n.size, n.dir, n.number, n.modified}
}

func (i info) Name() string { return i.name }
func (i info) Size() int64  { return i.size }
func (i info) IsDir() bool  { return i.dir }
func (i info) Sys() any     { return nil }

func (i info) Mode() os.FileMode {
	if i.dir {
		return os.ModeDir | 0o755
	}
	return 0o644
}

// ModTime counts changes, from the start of 2000.
func (i info) ModTime() time.Time {
	return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Add(i.modified)
}

// DeviceID is the same everywhere: vfs.DeviceID cannot be made outside its package.
func (i info) DeviceID() vfs.DeviceID { return vfs.DeviceID{} }

// Inode is the file's number. Images keep it; nothing made later has it again.
func (i info) Inode() uint64 { return i.number }
