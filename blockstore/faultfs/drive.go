package faultfs

import (
	"fmt"
	"slices"
	"sync"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// The functions of this file do to a directory what happens to a drive. They are no
// operations: no hook sees them, and they are durable at once. A directory that
// is not there is a mistake of the test, and panics.

// away is a drive that was pulled.
type away struct {
	node      *node
	unplugged bool
}

// defaultFree is what GetDiskUsage says where SetFree has set no limit: 1 TiB.
const defaultFree = 1 << 40

func (fs *FS) mustFind(what, dir string) spot {
	s, err := fs.existing(dir)
	if err == nil && (!s.node.dir || s.name == "") {
		err = syscall.ENOTDIR
	}
	if err != nil {
		panic(fmt.Sprintf("faultfs: %s %s: %v", what, dir, err))
	}
	return s
}

// Unplug pulls the drive at dir: its path is gone, and every operation through a
// descriptor opened below it gives EIO, for ever. A directory of that name may be made meanwhile, as on
// the file system that a drive was mounted on.
func (fs *FS) Unplug(dir string) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if a, ok := fs.away[clean(dir)]; ok {
		a.node.unplugged = true
		fs.away[clean(dir)] = away{a.node, true}
		return
	}
	s := fs.mustFind("Unplug", dir)
	s.node.unplugged = true
	fs.pull(dir, s, true)
}

// Detach takes the path of dir away, as mv does. Descriptors opened below it go on working.
func (fs *FS) Detach(dir string) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.pull(dir, fs.mustFind("Detach", dir), false)
}

func (fs *FS) pull(dir string, s spot, unplugged bool) {
	fs.away[clean(dir)] = away{s.node, unplugged}
	fs.place(s.parent(), s.name, nil)
}

// Plug brings back what Unplug or Detach took, over anything that stands there by
// now. After Unplug it holds what is durable: all that was not synced is lost.
func (fs *FS) Plug(dir string) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	a, ok := fs.away[clean(dir)]
	if !ok {
		panic(fmt.Sprintf("faultfs: Plug %s: it was not unplugged", dir))
	}
	delete(fs.away, clean(dir))
	n := a.node
	if a.unplugged {
		c := fs.cutter(0, 0)
		c.made = make(map[*node]*node)
		n = c.copy(a.node)
		n.unplugged = false
		fs.pending = slices.DeleteFunc(fs.pending, func(p *pending) bool {
			return slices.ContainsFunc(p.changes, func(ch change) bool { return c.made[ch.dir] != nil })
		})
	}
	fs.put(dir, n)
}

// put makes n stand at dir, whose parent must be there.
func (fs *FS) put(dir string, n *node) {
	s, err := fs.resolve(dir)
	if err != nil {
		panic(fmt.Sprintf("faultfs: %s: %v", dir, err))
	}
	fs.place(s.parent(), s.name, n)
}

// Wipe replaces dir by an empty directory. Descriptors opened below the old one go on working.
func (fs *FS) Wipe(dir string) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.mustFind("Wipe", dir)
	fs.put(dir, fs.newNode(true))
}

// Snapshot is a directory as it once was.
type Snapshot struct {
	mu   sync.Mutex
	root *node
}

// Snapshot keeps what is seen of dir.
func (fs *FS) Snapshot(dir string) *Snapshot {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	c := &copier{content: (*content).seen, made: make(map[*node]*node)}
	return &Snapshot{root: c.copy(fs.mustFind("Snapshot", dir).node)}
}

// Restore puts a snapshot, of this or another FS, at dir; what stands there is gone, but descriptors
// opened below it go on working. The files get new numbers.
func (fs *FS) Restore(dir string, s *Snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fs.mu.Lock()
	defer fs.mu.Unlock()
	c := &copier{content: (*content).seen, made: make(map[*node]*node), number: func() uint64 {
		fs.numbers++
		return fs.numbers
	}}
	delete(fs.away, clean(dir))
	fs.put(dir, c.copy(s.root))
}

// SetFree limits the space below dir: bytes may be allocated from now on, in whole
// pages; then writes give ENOSPC. Removing files gives space back. Negative: no limit.
func (fs *FS) SetFree(dir string, bytes int64) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	s, err := fs.existing(dir)
	if err != nil || !s.node.dir {
		panic(fmt.Sprintf("faultfs: SetFree %s: no such directory", dir))
	}
	s.node.limited, s.node.free = bytes >= 0, bytes
}

// GetDiskUsage tells what SetFree left, or 1 TiB free.
func (fs *FS) GetDiskUsage(name string) (u vfs.DiskUsage, err error) {
	err = fs.do(Op{Kind: Usage, Path: clean(name)}, func() error {
		s, err := fs.existing(name)
		if err != nil {
			return err
		}
		chain := s.chain
		if s.node.dir {
			chain = s.inside()
		}
		top, free := fs.root, int64(defaultFree)
		if dir := limit(chain); dir != nil {
			top, free = dir, dir.free
		}
		used := uint64(usage(top))
		u = vfs.DiskUsage{AvailBytes: uint64(max(0, free)), UsedBytes: used, TotalBytes: used + uint64(max(0, free))}
		return nil
	})
	if err != nil {
		return vfs.DiskUsage{}, err
	}
	return u, nil
}

// Corrupt hands n bytes of a file from off on to f, which may change them, and puts
// them back as silent corruption does: seen, and durable where what was seen was. Bytes
// past the end are not handed out.
func (fs *FS) Corrupt(name string, off, n int64, f func([]byte)) error {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	s, err := fs.existing(name)
	if err == nil && s.node.dir {
		err = syscall.EISDIR
	}
	if err != nil {
		return fmt.Errorf("corrupt %s: %w", name, err)
	}
	c := &s.node.content
	n = min(n, c.size-off)
	if off < 0 || n <= 0 {
		return fmt.Errorf("corrupt %s: nothing at %d of %d bytes", name, off, c.size)
	}
	p := make([]byte, n)
	_, _ = c.read(c.cache, p, off)
	f(p)
	own(&c.cache, &c.cacheShared, pagesOf(off+n))
	own(&c.disk, &c.diskShared, pagesOf(off+n))
	for i := int(off / pageBytes); i < pagesOf(off+n); i++ {
		at := int64(i) * pageBytes
		from, to := max(off, at), min(off+n, at+pageBytes)
		durable := c.disk[i] == c.cache[i]
		c.cache[i] = overlay(c.cache[i], from-at, p[from-off:to-off])
		if durable {
			c.disk[i] = c.cache[i]
		}
	}
	return nil
}

// overlay is a copy of a page, which may be nil, with p at a place of it.
func overlay(old *page, at int64, p []byte) *page {
	now := new(page)
	if old != nil {
		*now = *old
	}
	copy(now[at:], p)
	return now
}
