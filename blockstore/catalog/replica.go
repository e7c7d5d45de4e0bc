package catalog

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	cacheBytes    = 8 << 20 // block cache of a replica that shares none, and its memtables
	memtableBytes = 4 << 20 // one memtable
	memtablesMax  = 2       // that a replica holds
	openFiles     = 128     // descriptors a replica may hold
	bloomBits     = 10      // per key: about 1 % false positives

	// tableBytes is a table of the level that new entries are merged into; those of the
	// next one are twice as large. Pebble's 4 MiB make a hundred tables of 10⁷ objects,
	// about as many as openFiles are.
	tableBytes = 16 << 20
)

var (
	errClosed   = errors.New("catalog: replica is closed")
	errBuilding = errors.New("catalog: replica is being built")
	// ErrGap says that a batch is not the one that follows the last applied.
	ErrGap = errors.New("catalog: batch out of order")
)

// Cache bounds the memory that several replicas use for blocks. The zero value
// is not usable; nil stands for a small cache of the replica's own.
type Cache struct {
	c     *pebble.Cache
	bytes int64 // for blocks
}

// NewCache makes a cache of that many bytes for the blocks of so many replicas.
// Pebble takes their memtables out of the cache, too; the room for them is added,
// or in a pool that is written to nothing would be left for blocks. Close it after
// the replicas.
func NewCache(bytes int64, replicas int) *Cache {
	return &Cache{c: pebble.NewCache(bytes + int64(replicas)*memtablesMax*memtableBytes), bytes: bytes}
}

// Close releases the cache; replicas still open keep what they use.
func (c *Cache) Close() { c.c.Unref() }

// Hold keeps the cache through one more Close. Who opens a replica on a drive
// that may hang holds it meanwhile, since the owner will not wait for ever.
func (c *Cache) Hold() {
	if c != nil {
		c.c.Ref()
	}
}

func (c *Cache) release() {
	if c != nil {
		c.Close()
	}
}

// ReplicaOptions of one replica. The zero value works.
type ReplicaOptions struct {
	Logger *slog.Logger // nil: none
	Cache  *Cache       // shared; nil: 8 MiB of its own
}

// filtered is of how many objects the filters take half the cache.
func (o ReplicaOptions) filtered() int64 {
	bytes := int64(cacheBytes - memtablesMax*memtableBytes)
	if o.Cache != nil {
		bytes = o.Cache.bytes
	}
	return bytes / 2 * 8 / bloomBits
}

// Replica is the catalog in one Pebble database on one drive.
//
// One goroutine at a time may apply; reads may run meanwhile. After the first
// write that fails the replica is failed for good: nothing more reaches the
// drive, the process goes on, and what the replica says is not to be trusted.
type Replica struct {
	fs     *failFS
	dir    string
	log    *slog.Logger
	db     *pebble.DB
	meta   atomic.Pointer[meta]
	state  failState
	onFail atomic.Pointer[func()] // must not block, nor call the replica
	last   []byte                 // of the entries restated so far
	// Of *applier that are at rest.
	appliers sync.Pool

	// Filters of all levels are asked while the replica has no more objects than this:
	// those of the last level would push each other out of the cache, and one of them is
	// a hundred times what it spares.
	filtered int64

	mu      sync.Mutex
	users   int // operations under way
	closing bool
	idle    chan struct{} // closed when closing and the last user is gone
}

// OpenReplica opens the replica in dir, or begins an empty one, at LSN 0, in a
// dir that is absent or empty. The directory above must exist. A replica whose
// building was cut short is wiped and begun anew. What Pebble finds damaged is
// an error; MakeReplica puts a new one in its place.
func OpenReplica(fsys vfs.FS, dir string, o ReplicaOptions) (*Replica, error) {
	r, err := openReplica(fsys, dir, o)
	if err != nil {
		return nil, err
	}
	if !r.meta.Load().building {
		return r, nil
	}
	if err := r.Close(); err != nil {
		return nil, err
	}
	if err := wipe(fsys, dir); err != nil {
		return nil, err
	}
	return openReplica(fsys, dir, o)
}

// MakeReplica removes whatever is in dir and begins a replica that is to be
// built: it takes entries (ApplyEntries, EndEntries) before it takes batches.
func MakeReplica(fsys vfs.FS, dir string, o ReplicaOptions) (*Replica, error) {
	if err := wipe(fsys, dir); err != nil {
		return nil, err
	}
	r, err := openReplica(fsys, dir, o)
	if err != nil {
		return nil, err
	}
	if err := r.writeMeta(meta{building: true}); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// wipe removes a replica. The drive itself must be there: nothing is made
// where its directory is missing (R12).
func wipe(fsys vfs.FS, dir string) error {
	if _, err := fsys.Stat(fsys.PathDir(dir)); err != nil {
		return fmt.Errorf("catalog replica %s: %w", dir, err)
	}
	if err := fsys.RemoveAll(dir); err != nil {
		return fmt.Errorf("catalog replica %s: removing the old one: %w", dir, err)
	}
	return nil
}

func openReplica(fsys vfs.FS, dir string, o ReplicaOptions) (*Replica, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if _, err := fsys.Stat(fsys.PathDir(dir)); err != nil {
		return nil, fmt.Errorf("catalog replica %s: %w", dir, err)
	}
	r := &Replica{dir: dir, log: o.Logger.With("replica", dir), idle: make(chan struct{}), filtered: o.filtered()}
	r.state.report = r.failed
	r.fs = &failFS{FS: fsys, state: &r.state}
	db, err := pebble.Open(dir, r.pebbleOptions(o))
	if err != nil {
		return nil, fmt.Errorf("catalog replica %s: %w", dir, err)
	}
	r.db = db
	m, err := getMeta(db)
	if err == nil {
		err = r.Failed()
	}
	if err != nil {
		return nil, fmt.Errorf("catalog replica %s: %w", dir, errors.Join(err, r.Close()))
	}
	r.meta.Store(&m)
	return r, nil
}

func (r *Replica) pebbleOptions(o ReplicaOptions) *pebble.Options {
	p := &pebble.Options{
		FS:                          r.fs,
		DisableWAL:                  true, // the journal is the log; a crash leaves an exact prefix
		FormatMajorVersion:          pebble.FormatTableFormatV6,
		MemTableSize:                memtableBytes,
		MemTableStopWritesThreshold: memtablesMax,
		MaxOpenFiles:                openFiles,
		CompactionConcurrencyRange:  func() (int, int) { return 1, 1 },
		CacheSize:                   cacheBytes,
		Logger:                      pebbleLogger{r},
		EventListener: &pebble.EventListener{
			BackgroundError: r.state.fail,
			DataCorruption:  func(i pebble.DataCorruptionInfo) { r.state.fail(i.Details) },
		},
	}
	if o.Cache != nil {
		p.Cache = o.Cache.c
	}
	p.TargetFileSizes[1] = tableBytes
	for i := range p.Levels {
		l := &p.Levels[i]
		l.FilterPolicy = bloom.FilterPolicy(bloomBits)
		// Blocks leave out shared prefixes by themselves. Snappy would take another
		// quarter off an entry, and makes a look-up that misses the cache half as dear again.
		l.Compression = func() *sstable.CompressionProfile { return sstable.NoCompression }
	}
	return p
}

// failed is called once, by whoever finds the first failure.
func (r *Replica) failed(err error) {
	r.log.Error("catalog replica failed", "err", err)
	if f := r.onFail.Load(); f != nil {
		(*f)()
	}
}

// Failed tells why the replica may not be used any more, or nil.
func (r *Replica) Failed() error { return r.state.err() }

// Applied is the last batch applied: everything up to it is in the replica,
// though not all of it durable before Flush. 0, 0 before the first.
func (r *Replica) Applied() (lsn, uid uint64) {
	m := r.meta.Load()
	return m.lsn, m.uid
}

// acquire keeps the database open until release; false if the replica is closing.
func (r *Replica) acquire() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closing {
		return false
	}
	r.users++
	return true
}

func (r *Replica) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.users--; r.users == 0 && r.closing {
		close(r.idle)
	}
}

// with runs f on the open database. A replica that failed meanwhile makes the
// outcome worthless, whatever it was.
func (r *Replica) with(f func(*pebble.DB) error) error {
	if !r.acquire() {
		return errClosed
	}
	defer r.release()
	err := f(r.db)
	if failed := r.Failed(); failed != nil {
		return failed
	}
	return err
}

// Apply replays one batch. One at or below the applied LSN is ignored; one
// that leaves a gap is ErrGap; one that does not decode is ErrRecord and
// changes nothing. Other errors mean that the replica is of no use.
func (r *Replica) Apply(b Batch) error {
	if lsn, _ := r.Applied(); b.LSN <= lsn {
		return nil
	}
	d, err := decodeBatch(b)
	if err != nil {
		return err
	}
	repr, m, err := r.prepare(d)
	if err != nil {
		return err
	}
	return r.commit(repr, m)
}

// prepare computes what a batch changes, without changing it.
func (r *Replica) prepare(b decodedBatch) (repr []byte, m meta, err error) {
	err = r.with(func(db *pebble.DB) error {
		prior := *r.meta.Load()
		switch {
		case prior.building:
			return errBuilding
		case b.lsn != prior.lsn+1:
			return fmt.Errorf("%w: batch %d after %d", ErrGap, b.lsn, prior.lsn)
		}
		a, _ := r.appliers.Get().(*applier)
		if a == nil {
			a = &applier{live: deltas{}}
		}
		repr, m, err = a.prepare(db, prior, b, prior.objects <= r.filtered)
		if a.keeps() {
			r.appliers.Put(a)
		}
		return err
	})
	return repr, m, err
}

// commit applies what some replica's prepare computed. The bytes are shared by
// all replicas, and Pebble writes sequence numbers into them; hence the copy.
func (r *Replica) commit(repr []byte, m meta) error {
	return r.with(func(db *pebble.DB) error {
		b := db.NewBatch() // with the memory of an earlier one
		defer b.Close()
		if err := b.SetRepr(append(b.Repr()[:0], repr...)); err != nil {
			return err
		}
		if err := db.Apply(b, pebble.NoSync); err != nil {
			return err
		}
		r.meta.Store(&m)
		return nil
	})
}

func (r *Replica) writeMeta(m meta) error {
	return r.with(func(db *pebble.DB) error {
		if err := db.Set(metaKey, value(m.code), pebble.NoSync); err != nil {
			return err
		}
		r.meta.Store(&m)
		return nil
	})
}

// Flush makes what was applied before the call durable.
func (r *Replica) Flush() error {
	return r.with((*pebble.DB).Flush)
}

// Close waits for what runs on the replica and closes the database. What was
// not flushed is lost, from the end. Closing twice is an error.
func (r *Replica) Close() error {
	r.mu.Lock()
	if r.closing {
		r.mu.Unlock()
		return errClosed
	}
	r.closing = true
	if r.users == 0 {
		close(r.idle)
	}
	r.mu.Unlock()
	<-r.idle
	if err := r.db.Close(); err != nil {
		return fmt.Errorf("catalog replica %s: closing: %w", r.dir, err)
	}
	return nil
}

// pebbleLogger takes Pebble's messages. Fatalf must not end the process: it
// fails the replica instead. Pebble goes on behind it with a database that
// nobody asks any more.
type pebbleLogger struct{ r *Replica }

func (l pebbleLogger) Infof(format string, args ...any) {
	l.r.log.Debug("pebble", "message", fmt.Sprintf(format, args...))
}

func (l pebbleLogger) Errorf(format string, args ...any) {
	l.r.log.Warn("pebble", "message", fmt.Sprintf(format, args...))
}

func (l pebbleLogger) Fatalf(format string, args ...any) {
	l.r.state.fail(fmt.Errorf("pebble: "+format, args...))
}
