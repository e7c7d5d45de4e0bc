package catalog

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// A troublemaker injects into what happens below a directory.
type troublemaker struct {
	dir string
	ops atomic.Int64 // writes so far
	bad atomic.Pointer[func(op errorfs.Op, n int64) error]
}

func (m *troublemaker) String() string { return "troublemaker" }

func (m *troublemaker) MaybeError(op errorfs.Op) error {
	if !strings.HasPrefix(op.Path, m.dir+"/") {
		return nil
	}
	n := m.ops.Load()
	if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
		n = m.ops.Add(1)
	}
	if f := m.bad.Load(); f != nil {
		return (*f)(op, n)
	}
	return nil
}

func (m *troublemaker) do(f func(op errorfs.Op, n int64) error) { m.bad.Store(&f) }

func isWrite(op errorfs.Op) bool {
	return op.Kind.ReadOrWrite() == errorfs.OpIsWrite && op.Kind != errorfs.OpLock
}

// TestWriteErrors fails the n-th write of a script on one of two replicas, for
// every n, once or from then on. The process lives, no answer is wrong or
// missing, the replica is dropped, and what its directory holds afterwards is
// an exact prefix of the history, or is refused.
func TestWriteErrors(t *testing.T) {
	const rounds = 6
	records := func(lsn uint64) []Record {
		if lsn == 1 {
			return []Record{&BucketCreate{Name: "one"}}
		}
		return []Record{
			&Put{Bucket: b1, Key: fmt.Sprint("k", lsn%4), Object: Object{Size: int64(lsn)}, Body: Body{Inline: true, Size: int64(lsn)}},
			&Delete{Bucket: b1, Key: fmt.Sprint("k", (lsn+2)%4)},
		}
	}
	history := map[uint64]uint64{} // LSN → digest
	model := openTestReplica(t, newFS(t, 1), catalogDir(0))
	for lsn := uint64(1); lsn <= rounds*3; lsn++ {
		if err := model.Apply(batchOf(lsn, records(lsn)...)); err != nil {
			t.Fatal(err)
		}
		history[lsn] = digest(t, model)
	}
	closeReplica(t, model)

	// run gives the number of writes that the victim's drive saw.
	run := func(t *testing.T, victim int, at int64, once bool) int64 {
		mem := newFS(t, 2)
		m := &troublemaker{dir: catalogDir(victim)}
		fs := errorfs.Wrap(mem, m)
		var d drops
		c := newCatalogNoCleanup(t, fs, Options{OnDrop: d.on}, 2)
		m.ops.Store(0)
		var hit atomic.Bool
		m.do(func(op errorfs.Op, n int64) error {
			if !isWrite(op) || n < at || once && n > at || at < 0 {
				return nil
			}
			hit.Store(true)
			return errorfs.ErrInjected
		})
		name := fmt.Sprint("d", victim)
		for lsn := uint64(1); lsn <= rounds*3; lsn++ {
			apply(t, c, records(lsn)...)
			if lsn%3 == 0 {
				if _, err := c.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if sum, err := c.Digest(t.Context()); err != nil || sum != history[lsn] {
				t.Fatalf("at LSN %d: digest %x, want %x, %v", lsn, sum, history[lsn], err)
			}
		}
		if hit.Load() {
			if err := d.wait(t, name); !errors.Is(err, errorfs.ErrInjected) {
				t.Fatalf("dropped for %v", err)
			}
		} else if len(c.Replicas()) != 2 {
			t.Fatalf("dropped without a fault: %v", d.of(name))
		}
		// The fault may come as late as this.
		if err := c.Close(); err != nil && !errors.Is(err, errorfs.ErrInjected) {
			t.Fatal(err)
		}
		writes := m.ops.Load()
		// The page cache's view (nothing is lost of what was written).
		if r, err := OpenReplica(mem, catalogDir(victim), ReplicaOptions{}); err == nil {
			if lsn, _ := r.Applied(); lsn > 0 && digest(t, r) != history[lsn] {
				t.Fatalf("the failed replica reopens at LSN %d with another content", lsn)
			}
			closeReplica(t, r)
		}
		return writes
	}
	total := run(t, 0, -1, true)
	t.Logf("%d writes", total)
	if total < 20 {
		t.Fatalf("only %d writes: the script flushes nothing", total)
	}
	for victim := range 2 {
		for at := int64(1); at <= total; at++ {
			run(t, victim, at, at%2 == 0)
		}
	}
}

// TestOpenWithErrors opens a replica on a drive that cannot be written: an
// error, and the process lives.
func TestOpenWithErrors(t *testing.T) {
	for at := int64(1); at < 60; at++ {
		mem := newFS(t, 1)
		m := &troublemaker{dir: catalogDir(0)}
		m.do(func(op errorfs.Op, n int64) error {
			if isWrite(op) && n >= at {
				return errorfs.ErrInjected
			}
			return nil
		})
		r, err := OpenReplica(errorfs.Wrap(mem, m), catalogDir(0), ReplicaOptions{})
		if err == nil {
			if at < 5 {
				t.Fatalf("opened, though the write %d failed", at)
			}
			_ = r.Close()
			return
		}
	}
	t.Fatal("opening never ends")
}

// TestReadErrors fails every read of the serving replica's drive, once its
// content is on the drive and no cache has it: the next replica answers.
func TestReadErrors(t *testing.T) {
	mem := newFS(t, 2)
	fill(t, mem, 2)
	m := &troublemaker{dir: catalogDir(0)}
	var d drops
	c := newUncached(t, errorfs.Wrap(mem, m), Options{OnDrop: d.on}, 2)
	defer closeCatalog(t, c)
	if serving := c.Replicas(); len(serving) != 2 {
		t.Fatal(serving)
	}
	m.do(func(op errorfs.Op, _ int64) error {
		if op.Kind == errorfs.OpFileReadAt || op.Kind == errorfs.OpFileRead || op.Kind == errorfs.OpOpen {
			return errorfs.ErrInjected
		}
		return nil
	})
	checkFilled(t, c)
	if err := d.wait(t, "d0"); !errors.Is(err, errorfs.ErrInjected) {
		t.Fatal(err)
	}
	if serving(c) != "d1" {
		t.Fatalf("%q serves", serving(c))
	}
	apply(t, c, &Setting{Name: "x", Value: []byte("y")})
}

const fillKeys = 2000

// fill makes n equal replicas with a few tables each, flushed and closed.
func fill(t *testing.T, fs vfs.FS, n int) {
	t.Helper()
	c := newCatalogNoCleanup(t, fs, Options{}, n)
	apply(t, c, &BucketCreate{Name: "one"})
	for i := range 4 {
		var records []Record
		for j := range fillKeys / 4 {
			k := fmt.Sprintf("key%04d", i*fillKeys/4+j)
			records = append(records, &Put{Bucket: b1, Key: k, Object: Object{ETag: k, Checksum: Checksum{Sum: uint64(j*j*7919 + 1)}}})
		}
		apply(t, c, records...)
		if _, err := c.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

// newUncached is newCatalogNoCleanup with replicas that keep no blocks in
// memory, so that every read goes to the drive.
func newUncached(t *testing.T, fs vfs.FS, o Options, n int) *Catalog {
	t.Helper()
	c, err := openUncached(fs, o, n)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// openUncached is newUncached for who expects that a replica may not open.
func openUncached(fs vfs.FS, o Options, n int) (*Catalog, error) {
	cache := NewCache(1, 0)
	defer cache.Close() // the replicas hold it, too
	c := New(o)
	for i := range n {
		r, err := OpenReplica(fs, catalogDir(i), ReplicaOptions{Cache: cache})
		if err == nil {
			err = c.Attach(r, fmt.Sprint("d", i))
		}
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return c, nil
}

func newCatalogNoCleanup(t *testing.T, fs vfs.FS, o Options, n int) *Catalog {
	t.Helper()
	c := New(o)
	for i := range n {
		if err := c.Attach(openTestReplica(t, fs, catalogDir(i)), fmt.Sprint("d", i)); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// checkFilled reads every key, and some that are not there.
func checkFilled(t *testing.T, c *Catalog) {
	t.Helper()
	for i := range fillKeys {
		k := fmt.Sprintf("key%04d", i)
		if o, err := c.Object(t.Context(), b1, k); err != nil || o.ETag != k {
			t.Fatalf("%s: %+v, %v", k, o, err)
		}
		if _, err := c.Object(t.Context(), b1, k+"x"); !errors.Is(err, ErrNotFound) {
			t.Fatalf("%sx: %v", k, err)
		}
	}
}

// TestCorruption flips a bit in the tables of the serving replica, in place
// after place: every answer is right, and where the damage was met the replica
// is dropped.
func TestCorruption(t *testing.T) {
	mem := newFS(t, 2)
	fill(t, mem, 2)
	dropped, refused := 0, 0
	var offsets []int64
	tables := tablesOf(t, mem, catalogDir(0))
	for _, table := range tables {
		st, err := mem.Stat(table)
		if err != nil {
			t.Fatal(err)
		}
		for off := int64(100); off < st.Size(); off += st.Size()/7 + 1 {
			offsets = append(offsets, off)
			flip(t, mem, table, off)
			var d drops
			c := New(Options{OnDrop: d.on})
			for i := range 2 {
				r, err := OpenReplica(mem, catalogDir(i), ReplicaOptions{})
				if err != nil && i == 0 {
					refused++
					continue
				}
				if err == nil {
					err = c.Attach(r, fmt.Sprint("d", i))
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			checkFilled(t, c)
			if d.of("d0") != nil {
				dropped++
			}
			if err := d.of("d1"); err != nil {
				t.Fatalf("the sound replica was dropped: %v", err)
			}
			// Close without a flush would be enough; a corrupt replica's is not looked at.
			_ = c.Close()
			flip(t, mem, table, off)
		}
	}
	t.Logf("%d places in %d tables: %d refused at opening, %d dropped when read", len(offsets), len(tables), refused, dropped)
	if dropped+refused < len(offsets)/2 {
		t.Fatal("most damage was not noticed")
	}
}

func tablesOf(t *testing.T, fs vfs.FS, dir string) []string {
	t.Helper()
	names, err := fs.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, n := range names {
		if strings.HasSuffix(n, ".sst") {
			out = append(out, dir+"/"+n)
		}
	}
	if len(out) == 0 {
		t.Fatal("no tables")
	}
	return out
}

func flip(t *testing.T, fs vfs.FS, name string, off int64) {
	t.Helper()
	f, err := fs.OpenReadWrite(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], off); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 0x10
	if _, err := f.WriteAt(b[:], off); err != nil {
		t.Fatal(err)
	}
}

// TestAllFailed fails all: the answer is ErrUnavailable, never ErrNotFound.
func TestAllFailed(t *testing.T) {
	mem := newFS(t, 2)
	fill(t, mem, 2)
	m := &troublemaker{dir: ""}
	var d drops
	c := newUncached(t, errorfs.Wrap(mem, m), Options{OnDrop: d.on}, 2)
	m.do(func(op errorfs.Op, _ int64) error { return errorfs.ErrInjected })
	for _, key := range []string{"key1500", "nothing"} {
		if _, err := c.Object(t.Context(), b1, key); !errors.Is(err, ErrUnavailable) {
			t.Fatalf("%s: %v", key, err)
		}
	}
	d.wait(t, "d0")
	d.wait(t, "d1")
	_ = c.Close()
}

// TestFatal is what Pebble calls in place of ending the process.
func TestFatal(t *testing.T) {
	c := newCatalog(t, newFS(t, 2), Options{}, 2)
	apply(t, c, &BucketCreate{Name: "one"})
	pebbleLogger{c.members[0].r}.Fatalf("MANIFEST: %v", errorfs.ErrInjected)
	if _, err := c.Bucket(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	if n := len(c.Replicas()); n != 1 {
		t.Fatalf("%d replicas", n)
	}
}

// TestCloneOntoBadDrive fails each write of a clone's drive, then lets it hang:
// Clone says so, and the catalog goes on without it.
func TestCloneOntoBadDrive(t *testing.T) {
	mem := newFS(t, 2)
	fill(t, mem, 1)
	m := &troublemaker{dir: catalogDir(1)}
	c := newCatalog(t, errorfs.Wrap(mem, m), Options{}, 1)
	fs := errorfs.Wrap(mem, m)
	clone := func(at int64) error {
		m.ops.Store(0)
		m.do(func(op errorfs.Op, n int64) error {
			if isWrite(op) && n >= at {
				return errorfs.ErrInjected
			}
			return nil
		})
		return c.Clone(t.Context(), "d1", fs, catalogDir(1), ReplicaOptions{})
	}
	failures := 0
	for at := int64(1); clone(at) != nil; at++ {
		failures++
		if _, err := c.Object(t.Context(), b1, "key1500"); err != nil {
			t.Fatal(err)
		}
		if failures > 200 {
			t.Fatal("a clone never comes about")
		}
	}
	if failures < 10 {
		t.Fatalf("%d failures", failures)
	}
	if err := c.Detach(t.Context(), "d1"); err != nil {
		t.Fatal(err)
	}

	h := newHang()
	m.do(func(op errorfs.Op, _ int64) error {
		if op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData {
			h.wait()
		}
		return nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := c.Clone(ctx, "d1", fs, catalogDir(1), ReplicaOptions{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("a clone onto a hung drive: %v", err)
	}
	apply(t, c, &Delete{Bucket: b1, Key: "key1500"})
	h.release()
	waitFor(t, "the abandoned clone to end", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.leaving) == 0
	})
}

// TestSharedCache runs replicas on one cache, which outlives them.
func TestSharedCache(t *testing.T) {
	mem := newFS(t, 2)
	cache := NewCache(1<<20, 0)
	c := New(Options{})
	for i := range 2 {
		r, err := OpenReplica(mem, catalogDir(i), ReplicaOptions{Cache: cache})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Attach(r, fmt.Sprint("d", i)); err != nil {
			t.Fatal(err)
		}
	}
	apply(t, c, &BucketCreate{Name: "one"})
	if _, err := c.Bucket(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	cache.Close()
}
