package drive

import (
	"os"
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// hookFS asks before every operation on a path that matters here; an error is
// given back instead of the operation.
type hookFS struct {
	vfs.FS
	mu   sync.Mutex
	hook func(op, path string) error
	ops  []string // "op path" of what changed something, in order
}

func newHookFS(fs vfs.FS) *hookFS { return &hookFS{FS: fs} }

func (h *hookFS) set(hook func(op, path string) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hook = hook
}

func (h *hookFS) ask(op, path string) error {
	h.mu.Lock()
	hook := h.hook
	if !strings.HasPrefix(op, "read") && op != "stat" {
		h.ops = append(h.ops, op+" "+path)
	}
	h.mu.Unlock()
	if hook == nil {
		return nil
	}
	return hook(op, path)
}

func (h *hookFS) log() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	ops := h.ops
	h.ops = nil
	return ops
}

func (h *hookFS) Unwrap() vfs.FS { return h.FS }

func (h *hookFS) Stat(name string) (vfs.FileInfo, error) {
	if err := h.ask("stat", name); err != nil {
		return nil, err
	}
	return h.FS.Stat(name)
}

func (h *hookFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := h.ask("create", name); err != nil {
		return nil, err
	}
	f, err := h.FS.Create(name, c)
	return h.wrap(f, name, err)
}

func (h *hookFS) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	if err := h.ask("open", name); err != nil {
		return nil, err
	}
	f, err := h.FS.OpenReadWrite(name, c, o...)
	return h.wrap(f, name, err)
}

func (h *hookFS) OpenDir(name string) (vfs.File, error) {
	f, err := h.FS.OpenDir(name)
	return h.wrap(f, name, err)
}

func (h *hookFS) Rename(from, to string) error {
	if err := h.ask("rename", to); err != nil {
		return err
	}
	return h.FS.Rename(from, to)
}

func (h *hookFS) Remove(name string) error {
	if err := h.ask("remove", name); err != nil {
		return err
	}
	return h.FS.Remove(name)
}

func (h *hookFS) MkdirAll(name string, mode os.FileMode) error {
	if err := h.ask("mkdir", name); err != nil {
		return err
	}
	return h.FS.MkdirAll(name, mode)
}

func (h *hookFS) wrap(f vfs.File, name string, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &hookFile{File: f, fs: h, name: name}, nil
}

type hookFile struct {
	vfs.File
	fs   *hookFS
	name string
}

func (f *hookFile) Write(p []byte) (int, error) {
	if err := f.fs.ask("write", f.name); err != nil {
		return 0, err
	}
	return f.File.Write(p)
}

func (f *hookFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.fs.ask("write", f.name); err != nil {
		return 0, err
	}
	return f.File.WriteAt(p, off)
}

func (f *hookFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.fs.ask("read", f.name); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, off)
}

func (f *hookFile) Sync() error {
	if err := f.fs.ask("sync", f.name); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *hookFile) SyncData() error {
	if err := f.fs.ask("sync", f.name); err != nil {
		return err
	}
	return f.File.SyncData()
}

// DropCache is counted, as an operation.
func (f *hookFile) DropCache() error { return f.fs.ask("drop", f.name) }
