package faultfs

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// OpKind is a kind of operation.
type OpKind uint8

// The kinds of operations. Link, Rename and Remove count as one each, whatever
// they take with them. Closing, prefetching, DropCache and SyncTo are not operations.
const (
	Open OpKind = iota // also of directories, and of an existing file for writing
	Create
	Read
	Write
	Sync    // of a file
	SyncDir // of a directory
	Rename
	Remove
	Link
	List
	Stat
	Mkdir
	Lock
	Usage // GetDiskUsage
)

// String gives the kind's name in lower case.
func (k OpKind) String() string {
	names := [...]string{"open", "create", "read", "write", "sync", "syncdir", "rename", "remove", "link", "list", "stat", "mkdir", "lock", "usage"}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("op %d", uint8(k))
}

// Changes reports whether operations of this kind change anything.
func (k OpKind) Changes() bool {
	switch k {
	case Open, Read, List, Stat, Usage:
		return false
	}
	return true
}

// Op is one operation, as a hook sees it.
type Op struct {
	Kind           OpKind
	Path           string // without slashes at its ends; of a file, the name it was opened by
	To             string // the new name of a Rename or Link
	Offset, Length int64  // bytes, of Read and Write
	Index          uint64 // number of the operation in this FS, from 0
}

// Below reports whether the operation is on dir or on something below it.
func (o Op) Below(dir string) bool {
	dir = clean(dir)
	return dir == "" || o.Path == dir || strings.HasPrefix(o.Path, dir+"/")
}

func (o Op) error(err error) error {
	if err == nil {
		return nil
	}
	return &os.PathError{Op: o.Kind.String(), Path: o.Path, Err: err}
}

// Fault is what goes wrong with an operation. The zero value is nothing. Delay and
// Hang come first, then what happens to the bytes, then Err.
type Fault struct {
	// Err is returned, wrapped in an *os.PathError, and the operation does not take place. A
	// Sync or SyncDir that fails leaves clean what was dirty: reads go on
	// seeing it, a later sync does not make it durable, it is gone after a power cut, and
	// pages are gone after DropCache.
	Err error
	// Done makes the operation take place although Err is returned.
	Done bool

	// FlipBit changes one bit of the bytes read or written: number Bit, modulo their number.
	FlipBit bool
	Bit     uint64
	// Zero makes the bytes read or written zeros.
	Zero bool
	// Torn, if not zero, is the number of bytes, rounded down to a multiple of 512, that a
	// write puts in place, claiming success (with Err: that are written before
	// it fails), or that a read gives anew: what follows is as under Stale. Of a Sync it
	// is how many bytes of dirty pages become durable, whether it fails or claims success.
	Torn int
	// Lost makes a write, sync, rename, remove … claim success and do nothing. What a lost Sync or SyncDir
	// leaves behind stays dirty.
	Lost bool
	// Misdirect moves a read or write by that many bytes; not before the file's start.
	Misdirect int64
	// Stale makes a read give what each page held before the last write to it.
	Stale bool

	// Delay is waited before anything else.
	Delay time.Duration
	// Hang blocks until ReleaseHung.
	Hang bool
}

// SetHook makes f decide about every operation before it happens; nil ends that.
// f must be safe for concurrent use; it may use the FS, whose operations then come to f too.
func (fs *FS) SetHook(f func(Op) Fault) {
	if f == nil {
		fs.hook.Store(nil)
		return
	}
	fs.hook.Store(&f)
}

// AfterSync makes f be called after each Sync and SyncDir that succeeded, before the
// caller goes on; nil ends that. It is where crash tests take their images.
func (fs *FS) AfterSync(f func(Op)) {
	if f == nil {
		fs.synced.Store(nil)
		return
	}
	fs.synced.Store(&f)
}

// Ops returns how many operations there were.
func (fs *FS) Ops() uint64 { return fs.ops.Load() }

// Hung returns how many operations hang now.
func (fs *FS) Hung() int { return int(fs.hanging.Load()) }

// ReleaseHung lets all operations that hang now go on.
func (fs *FS) ReleaseHung() {
	fs.hungMu.Lock()
	defer fs.hungMu.Unlock()
	close(fs.hung)
	fs.hung = make(chan struct{})
}

// begin counts an operation and asks the hook about it.
func (fs *FS) begin(op Op) (Op, Fault) {
	op.Index = fs.ops.Add(1) - 1
	hook := fs.hook.Load()
	if hook == nil {
		return op, Fault{}
	}
	f := (*hook)(op)
	if f.Delay > 0 {
		time.Sleep(f.Delay)
	}
	if f.Hang {
		fs.hungMu.Lock()
		released := fs.hung
		fs.hungMu.Unlock()
		fs.hanging.Add(1)
		<-released
		fs.hanging.Add(-1)
	}
	return op, f
}

// do runs a change of names, or a look at them, under the lock.
func (fs *FS) do(op Op, change func() error) error {
	op, f := fs.begin(op)
	if f.Err != nil && !f.Done {
		return op.error(f.Err)
	}
	if f.Lost && op.Kind.Changes() {
		return nil
	}
	fs.mu.Lock()
	err := change()
	fs.mu.Unlock()
	if f.Err != nil {
		err = f.Err
	}
	return op.error(err)
}
