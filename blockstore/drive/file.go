package drive

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Hold is what a read keeps from being reused while the disk may still write
// into its buffer: Hold is called before the read is queued, Release when it is
// over, which may be long after ReadAt returned.
type Hold interface {
	Hold()
	Release()
}

// File is an open segment file. Its methods may be called from any goroutine.
type File struct {
	drive *Drive
	id    SegmentID
	path  string
	f     vfs.File
	// Of it only the drive's writer knows, and release.
	direct direct
	past   past
	cached atomic.Uint32 // a cachedWay
	// readCached, or a test's; nobody changes it once reads begin.
	cachedRead func(fd uintptr, p []byte, off int64) (int, error)

	mu     sync.Mutex
	refs   int // operations that have begun and not ended
	closed bool
}

// Segment is the segment that the file belongs to.
func (f *File) Segment() SegmentID { return f.id }

// newFile takes over an open vfs.File.
func (d *Drive) newFile(id SegmentID, path string, vf vfs.File) *File {
	f := &File{drive: d, id: id, path: path, f: vf, cachedRead: readCached}
	d.filesMu.Lock()
	d.files[f] = struct{}{}
	d.filesMu.Unlock()
	return f
}

// begin keeps the file and the drive open until end.
func (f *File) begin() error {
	if err := f.drive.begin(); err != nil {
		return err
	}
	f.mu.Lock()
	closed := f.closed
	if !closed {
		f.refs++
	}
	f.mu.Unlock()
	if closed {
		f.drive.end()
		return ErrClosed
	}
	return nil
}

func (f *File) end() {
	f.mu.Lock()
	f.refs--
	last := f.closed && f.refs == 0
	f.mu.Unlock()
	if last {
		f.release()
	}
	f.drive.end()
}

// Close closes the file once the operations that have begun are over. It does
// not wait for them.
func (f *File) Close() {
	f.mu.Lock()
	last := !f.closed && f.refs == 0
	f.closed = true
	f.mu.Unlock()
	if last {
		f.release()
	}
}

func (f *File) release() {
	f.drive.filesMu.Lock()
	delete(f.drive.files, f)
	f.drive.filesMu.Unlock()
	f.direct.close()
	f.past.close()
	if err := f.f.Close(); err != nil {
		// Whatever had to be durable was synced, and answered for, before.
		f.drive.log.Warn("closing a segment file", "path", f.path, "err", err)
	}
}

// WriteAt queues a write of p at off, behind all writes and syncs queued before,
// and returns; it waits only while the queue is full. done is called once: by
// the drive's writer, which stands still meanwhile, or before WriteAt returns if
// the write is refused. Until then p must not change.
//
// Errors: ErrFailed, ErrClosed, a full disk (IsNoSpace), the file system's. Any
// but a full disk makes the drive refuse writes from then on.
func (f *File) WriteAt(p []byte, off int64, done func(error)) {
	f.enqueue(task{file: f, p: p, off: off, done: done})
}

// WriteThrough is WriteAt for bytes that will not be read soon: past the page
// cache, where the file system has a way past it and p begins at a page of memory
// and has whole pages, as off has. Such writes that follow on each other in the file may
// become one. A drive that hangs may keep RunMax of them.
func (f *File) WriteThrough(p []byte, off int64, done func(error)) {
	f.enqueue(task{file: f, p: p, off: off, through: true, done: done})
}

// Sync queues a sync of the file's data, behind all writes and syncs queued
// before. It returns and answers as WriteAt does. Any error makes the drive
// refuse writes from then on (R6).
func (f *File) Sync(done func(error)) {
	f.enqueue(task{file: f, sync: true, done: done})
}

// WriteSync is WriteAt and a Sync behind it, as one operation: the drive's writer goes
// from one to the other by itself. Nothing is synced after a write that failed.
func (f *File) WriteSync(p []byte, off int64, done func(error)) {
	f.enqueue(task{file: f, p: p, off: off, sync: true, done: done})
}

// TryWriteSync is WriteSync where the queue has room. Else it does nothing, and says so.
func (f *File) TryWriteSync(p []byte, off int64, done func(error)) bool {
	if err := f.beginWrite(); err != nil {
		done(err)
		return true
	}
	if f.drive.queue.tryWrite(task{file: f, p: p, off: off, sync: true, done: done}) {
		return true
	}
	f.end()
	return false
}

// beginWrite is begin for what changes the file.
func (f *File) beginWrite() error {
	if err := f.drive.refuses(); err != nil {
		return err
	}
	return f.begin()
}

func (f *File) enqueue(t task) {
	if err := f.beginWrite(); err != nil {
		t.done(err)
		return
	}
	f.drive.queue.enqueueWrite(t)
}

// ReadAt fills p from off. Behind the end of the file there are zeros, as in a
// hole. hold may be nil.
//
// If ctx ends first, ReadAt returns ctx.Err() at once. A read that the disk is at
// goes on: p belongs to it until hold is released. One that is still queued is
// not carried out any more. Errors besides: ErrClosed, the file
// system's.
func (f *File) ReadAt(ctx context.Context, p []byte, off int64, hold Hold) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := f.begin(); err != nil {
		return err
	}
	r := &read{ctx: ctx, hold: hold, result: make(chan error, 1)}
	if hold != nil {
		hold.Hold()
	}
	select {
	case f.drive.queue.reads <- task{file: f, p: p, off: off, read: r}:
	case <-ctx.Done():
		f.end()
		if hold != nil {
			hold.Release()
		}
		return ctx.Err()
	}
	select {
	case err := <-r.result:
		return err
	case <-ctx.Done():
		if !r.taken.Swap(true) { // still queued: nobody will read into p
			f.end()
			if hold != nil {
				hold.Release()
			}
		}
		return ctx.Err()
	}
}

// readDirect reads without the queue.
func (f *File) readDirect(p []byte, off int64) error {
	n, past, err := f.readPast(p, off)
	if !past && err == nil {
		n, err = f.f.ReadAt(p, off)
	}
	if errors.Is(err, io.EOF) {
		clear(p[n:])
		return nil
	}
	return f.drive.readFailed("read", f.path, err)
}

// cacheDropper is a vfs.File that knows how to forget its cached pages itself.
type cacheDropper interface{ DropCache() error }

// Uncached drops the file's pages from the operating system's cache, so that
// later reads come from the drive (R17). Pages that are not synced stay. Where
// the system has no such call (only Linux has) it does nothing.
func (f *File) Uncached() error {
	if err := f.begin(); err != nil {
		return err
	}
	defer f.end()
	var err error
	if c, ok := f.f.(cacheDropper); ok {
		err = c.DropCache()
	} else if fd := f.f.Fd(); fd != vfs.InvalidFd {
		err = dropCache(fd)
	}
	return f.drive.readFailed("drop the cache of", f.path, err)
}

// Size is the length of the file in bytes.
func (f *File) Size() (int64, error) {
	if err := f.begin(); err != nil {
		return 0, err
	}
	defer f.end()
	fi, err := f.f.Stat()
	if err != nil {
		return 0, f.drive.readFailed("stat", f.path, err)
	}
	return fi.Size(), nil
}
