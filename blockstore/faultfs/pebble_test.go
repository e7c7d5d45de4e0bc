package faultfs

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2"
)

// quiet drops Pebble's messages; an error it cannot live with fails the test's goroutine by a panic.
type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(format string, args ...any) {
	panic(fmt.Sprintf(format, args...))
}

func openPebble(t testing.TB, fs *FS, dir string) *pebble.DB {
	t.Helper()
	db, err := pebble.Open(dir, &pebble.Options{FS: fs, DisableWAL: true, MemTableSize: 64 << 10, Logger: quiet{},
		L0CompactionThreshold: 2})
	must(t, err)
	return db
}

// prefix returns n when db holds exactly what the batches 1 to n leave behind.
func prefix(t testing.TB, db *pebble.DB, keys int) int {
	t.Helper()
	get := func(key string) int {
		value, closer, err := db.Get([]byte(key))
		if err == pebble.ErrNotFound {
			return 0
		}
		must(t, err)
		defer func() { _ = closer.Close() }()
		return int(binary.BigEndian.Uint64(value))
	}
	n := get("applied")
	for i := range keys {
		// Batch b writes key b mod keys.
		want := n - (n-i+keys)%keys
		if n < i || want < 1 {
			want = 0
		}
		if got := get(fmt.Sprintf("key %d", i)); got != want {
			t.Fatalf("applied %d, key %d is of batch %d, want %d", n, i, got, want)
		}
	}
	return n
}

func apply(t testing.TB, db *pebble.DB, rng *rand.Rand, n, keys int) {
	t.Helper()
	batch := db.NewBatch()
	value := make([]byte, 8+rng.IntN(300))
	for i := range value {
		value[i] = byte(rng.Uint32())
	}
	binary.BigEndian.PutUint64(value, uint64(n))
	must(t, batch.Set(fmt.Appendf(nil, "key %d", n%keys), value, nil))
	must(t, batch.Set([]byte("applied"), binary.BigEndian.AppendUint64(nil, uint64(n)), nil))
	must(t, batch.Commit(pebble.NoSync))
}

// TestPebblePrefix: Pebble without its log comes back from every power cut with the
// effect of an exact prefix of the batches, at least as far as the last flush that
// was waited for; from a kill, too. So it is with images of images.
func TestPebblePrefix(t *testing.T) {
	rng := random(t)
	const keys = 50
	images := 0
	for range 3 {
		fs := newTree(t)
		db := openPebble(t, fs, "a/b/db")
		must(t, db.Flush())
		for _, dir := range []string{"a/b", "a/b/db"} {
			syncDir(t, fs, dir)
		}
		type crash struct {
			image   *FS
			flushed int64
		}
		var flushed atomic.Int64
		var mu sync.Mutex
		var crashes []crash
		cut := seeded(rng.Uint64())
		fs.AfterSync(func(Op) {
			mu.Lock()
			defer mu.Unlock()
			at := flushed.Load()
			crashes = append(crashes, crash{fs.PowerCut(cut, []int{0, 20, 50, 80, 100}[cut.IntN(5)]), at})
		})
		check := func(c crash, applied int) {
			t.Helper()
			images++
			db := openPebble(t, c.image, "a/b/db")
			if got := prefix(t, db, keys); got < int(c.flushed) || got > applied {
				t.Fatalf("%d batches after a crash, flushed were %d, applied %d", got, c.flushed, applied)
			}
			must(t, db.Close())
		}
		for n := 1; n <= 400; n++ {
			apply(t, db, rng, n, keys)
			if rng.IntN(60) == 0 {
				must(t, db.Flush())
				flushed.Store(int64(n))
			}
			if rng.IntN(40) != 0 {
				continue
			}
			for _, image := range []*FS{fs.Kill(), fs.PowerCut(rng, rng.IntN(101)), fs.Kill().PowerCut(rng, 50)} {
				check(crash{image, flushed.Load()}, n)
			}
		}
		must(t, db.Flush())
		must(t, db.Close())
		fs.AfterSync(nil)
		check(crash{fs.PowerCut(nil, 0), 400}, 400)
		for _, c := range crashes {
			check(c, 400)
		}
	}
	t.Logf("%d images", images)
}

// TestPebbleFailedSync: tables that a failed sync lost are not there after a power cut,
// however often Pebble tries again.
func TestPebbleFailedSync(t *testing.T) {
	rng := random(t)
	fs := newTree(t)
	db := openPebble(t, fs, "a/b/db")
	for _, dir := range []string{"a/b", "a/b/db"} {
		syncDir(t, fs, dir)
	}
	for n := 1; n <= 20; n++ {
		apply(t, db, rng, n, 10)
	}
	must(t, db.Flush())
	var once sync.Once
	fs.SetHook(func(op Op) (f Fault) {
		if op.Kind == Sync && len(op.Path) > 4 && op.Path[len(op.Path)-4:] == ".sst" {
			once.Do(func() { f.Err = syscall.EIO })
		}
		return f
	})
	for n := 21; n <= 30; n++ {
		apply(t, db, rng, n, 10)
	}
	must(t, db.Flush())
	must(t, db.Close())
	fs.SetHook(nil)
	other := openPebble(t, fs.PowerCut(nil, 0), "a/b/db")
	if n := prefix(t, other, 10); n != 30 {
		t.Errorf("%d batches, want the 30 that a second table took in", n)
	}
	must(t, other.Close())
}
