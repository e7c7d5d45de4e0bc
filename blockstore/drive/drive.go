package drive

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"
)

// Names in a drive's directory. There is nothing else in it.
const (
	labelName    = "label"
	labelNewName = "label.new" // only while a label is being replaced
	lockName     = "lock"
	segmentsName = "segments"
	CatalogName  = "catalog"
)

// ReadersDefault is how many reads a drive is at, at most, and so how many buffers
// it keeps when it hangs.
const ReadersDefault = 4

// RunMax is how many writes past the page cache become one, at most, and so how
// many buffers of writes a drive keeps when it hangs.
const RunMax = 4

// closeWait is how long Close waits for what is under way.
const closeWait = 10 * time.Second

// ErrHung is returned by Close when an operation does not come back.
var ErrHung = errors.New("an operation on the drive does not come back")

// Options say how to open a drive. The zero value works.
type Options struct {
	FS         vfs.FS       // nil: the operating system's
	Logger     *slog.Logger // nil: none
	QueueDepth int          // writes, and reads, that may wait; 0: 128
	Readers    int          // reads at one time; 0: ReadersDefault

	// ReadOnly opens the drive to look at it: every write, sync, creation and
	// label is refused with ErrReadOnly, and not even the lock's file is made. A
	// directory without that file is one that nobody has opened, or a copy.
	ReadOnly bool
}

func (o Options) withDefaults() Options {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.QueueDepth <= 0 {
		o.QueueDepth = 128
	}
	if o.Readers <= 0 {
		o.Readers = ReadersDefault
	}
	return o
}

// Drive is one open drive. Its methods may be called from any goroutine. Those
// that touch the disk may hang when the disk does; those of its Files that take
// a callback or a context do not.
type Drive struct {
	fs   vfs.FS
	log  *slog.Logger
	dir  string
	id   uuid.UUID
	pool uuid.UUID
	lock io.Closer

	readOnly bool // see Options

	labels labels
	queue  queue

	failure  atomic.Pointer[failure]
	failed   chan struct{} // closed when failure is set
	failOnce sync.Once

	readErrors, writeErrors, checksumErrors atomic.Uint64

	mu     sync.RWMutex // closed, and pending.Add while it is false
	closed bool
	// pending counts every operation that has begun and not ended, queued ones
	// included; after closed is set it only falls.
	pending   sync.WaitGroup
	closeOnce sync.Once
	down      chan struct{} // closed when everything has ended
	closeErr  error         // set before down is closed

	filesMu sync.Mutex
	files   map[*File]struct{} // open ones

	headerPage atomic.Pointer[[FileHeaderBytes]byte] // for the next file that is made; nil: somebody has it, or nobody yet
}

type failure struct{ err error }

// Open opens the drive at dir and takes its lock. It creates nothing there but
// the lock's file, and only in a directory that has a label; it removes what an
// interrupted change of label left behind.
//
// Errors: ErrNotFound, ErrNoLabel, ErrLocked, those of DecodeLabel, and the file
// system's.
func Open(opts Options, dir string) (*Drive, error) {
	opts = opts.withDefaults()
	if _, err := ReadLabel(opts.FS, dir); err != nil {
		return nil, err
	}
	take := lockDir
	if opts.ReadOnly {
		take = LockToLook
	}
	lock, err := take(opts.FS, dir)
	if err != nil {
		return nil, err
	}
	held, l, err := openLabel(opts.FS, dir)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return start(opts, dir, lock, held, l), nil
}

// start makes a Drive of what Open or Create have found or made.
func start(opts Options, dir string, lock io.Closer, held heldLabel, l Label) *Drive {
	d := &Drive{
		fs: opts.FS, dir: dir, id: l.Drive, pool: l.Pool, lock: lock,
		log:    opts.Logger.With("drive", l.Drive.String(), "dir", dir),
		failed: make(chan struct{}), down: make(chan struct{}),
		files: make(map[*File]struct{}), readOnly: opts.ReadOnly,
	}
	d.labels.label, d.labels.current = l, held
	d.queue.start(d, opts.QueueDepth, opts.Readers)
	return d
}

// ID is the drive's identity, from its label.
func (d *Drive) ID() uuid.UUID { return d.id }

// Dir is the path that the drive was opened at.
func (d *Drive) Dir() string { return d.dir }

// begin counts an operation in, so that Close waits for it; end counts it out.
func (d *Drive) begin() error {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.closed {
		return ErrClosed
	}
	d.pending.Add(1)
	return nil
}

func (d *Drive) end() { d.pending.Done() }

// beginWrite is begin for what changes the disk: refused once the drive failed,
// and on one that was opened to be looked at.
func (d *Drive) beginWrite() error {
	if err := d.refuses(); err != nil {
		return err
	}
	return d.begin()
}

// refuses says why the drive takes no writes, or nil.
func (d *Drive) refuses() error {
	if d.readOnly {
		return fmt.Errorf("drive %s: %w", d.dir, ErrReadOnly)
	}
	return d.Failed()
}

// Fail makes the drive refuse every write, sync, creation and label from now on,
// those that wait in its queue included; reads go on. The first reason is kept.
// There is no way back but to open the drive again (R6).
func (d *Drive) Fail(err error) {
	d.failOnce.Do(func() {
		d.failure.Store(&failure{fmt.Errorf("drive %s: %w: %w", d.dir, ErrFailed, err)})
		close(d.failed)
		d.log.Error("drive takes no more writes", "err", err)
	})
}

// Failed is nil while the drive takes writes. Otherwise the error wraps
// ErrFailed and the reason.
func (d *Drive) Failed() error {
	if f := d.failure.Load(); f != nil {
		return f.err
	}
	return nil
}

// Errors counts what went wrong since the drive was opened: reads, writes
// (creations, syncs and renames too; a full disk is none) and, as reported with
// CountChecksum, bytes that were read but were not what was written.
func (d *Drive) Errors() (read, write, checksum uint64) {
	return d.readErrors.Load(), d.writeErrors.Load(), d.checksumErrors.Load()
}

// CountChecksum counts a checksum error.
func (d *Drive) CountChecksum() { d.checksumErrors.Add(1) }

// readFailed counts a failed read and says where it was.
func (d *Drive) readFailed(what, path string, err error) error {
	if err == nil {
		return nil
	}
	if !IsStarved(err) {
		d.readErrors.Add(1)
	}
	return fmt.Errorf("%s %s: %w", what, path, err)
}

// writeFailed judges the outcome of a write: counted, and the end of the drive's
// writes, unless the disk was merely full or the process out of memory.
func (d *Drive) writeFailed(what, path string, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s %s: %w", what, path, err)
	if !IsNoSpace(err) && !IsStarved(err) {
		d.writeErrors.Add(1)
		d.Fail(err)
	}
	return err
}

// syncFailed judges the outcome of a sync: whatever the reason, nobody knows
// what is on the disk now, and asking again does not tell (R6).
func (d *Drive) syncFailed(path string, err error) error {
	if err == nil {
		return nil
	}
	if IsStarved(err) { // of a sync that says nothing
		err = errors.New(err.Error())
	}
	err = fmt.Errorf("sync %s: %w", path, err)
	d.writeErrors.Add(1)
	d.Fail(err)
	return err
}

// createFailed judges a failure to open or make a file, which may be this
// process's fault (too many open files) and so does not end the drive's writes
// by itself.
func (d *Drive) createFailed(what, path string, err error) error {
	if err == nil {
		return nil
	}
	if !IsNoSpace(err) && !IsStarved(err) {
		d.writeErrors.Add(1)
	}
	return fmt.Errorf("%s %s: %w", what, path, err)
}

// Close refuses new operations, waits for those that have begun, closes all
// files and gives up the lock. If that takes more than 10 s it returns ErrHung;
// a system call cannot be cancelled, and the lock stays with the drive until the
// last one has come back. Close may be called again, to wait again.
func (d *Drive) Close() error {
	d.closeOnce.Do(func() {
		d.mu.Lock()
		d.closed = true
		d.mu.Unlock()
		go d.shutdown()
	})
	t := time.NewTimer(closeWait)
	defer t.Stop()
	select {
	case <-d.down:
		return d.closeErr
	case <-t.C:
		return fmt.Errorf("drive %s: %w", d.dir, ErrHung)
	}
}

func (d *Drive) shutdown() {
	d.pending.Wait()
	d.queue.stopAndWait()
	d.filesMu.Lock()
	open := make([]*File, 0, len(d.files))
	for f := range d.files {
		open = append(open, f)
	}
	d.filesMu.Unlock()
	for _, f := range open {
		f.Close()
	}
	d.closeErr = errors.Join(d.labels.close(), d.lock.Close())
	close(d.down)
}

// ClearErrors sets the counts of Errors to zero.
func (d *Drive) ClearErrors() {
	d.readErrors.Store(0)
	d.writeErrors.Store(0)
	d.checksumErrors.Store(0)
}
