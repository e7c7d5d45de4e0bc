package engine

import (
	"context"
	"io"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/holdfast-storage/holdfast/bench"
	"github.com/holdfast-storage/holdfast/blockstore"
)

// testPool is a new pool of six directories, 4+2.
func testPool(t testing.TB) *blockstore.Pool {
	t.Helper()
	pool, err := blockstore.Open(t.Context(), blockstore.Options{Dirs: testDirs(t), Init: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pool.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return pool
}

func testDirs(t testing.TB) []string {
	root := t.TempDir()
	dirs := make([]string, 6)
	for i := range dirs {
		dirs[i] = filepath.Join(root, "d"+strconv.Itoa(i+1))
	}
	return dirs
}

// TestLoads: every operation does what it says, on objects of its own and no
// others, again and again, and leaves nothing once it is cleaned away.
func TestLoads(t *testing.T) {
	pool := testPool(t)
	for _, operation := range bench.Operations() {
		for _, size := range []int64{1, 5000, 1 << 20} {
			load := Load{Operation: operation, Size: size, Clients: 3, MD5: true, MostBytes: 8 * size, Keys: 20}
			if operation == bench.List {
				if load.Keys = bench.ListKeys; size > 5000 {
					continue
				}
			}
			t.Run(load.String(), func(t *testing.T) {
				r, err := NewRunner(pool, load)
				if err != nil {
					t.Fatal(err)
				}
				if err := r.Prepare(t.Context()); err != nil {
					t.Fatal(err)
				}
				for range 3 {
					s := runSome(t, r)
					if s.Ops == 0 || s.Elapsed == 0 || s.P50 == 0 || s.P99 != 0 && s.P99 < s.P50 {
						t.Errorf("a run gave %+v", s)
					}
					wantBytes := s.Ops * map[bench.Operation]int64{
						bench.Put: size, bench.Get: size, bench.Mix: size, bench.Range: min(size, bench.RangeBytes),
					}[operation]
					if s.Bytes != wantBytes {
						t.Errorf("%d operations were about %d bytes, want %d", s.Ops, s.Bytes, wantBytes)
					}
					if operation == bench.Put && s.Bytes > load.MostBytes+size {
						t.Errorf("%d bytes were written, the most was to be %d", s.Bytes, load.MostBytes)
					}
				}
				if err := r.Clean(t.Context()); err != nil {
					t.Fatal(err)
				}
			})
		}
	}
	page, err := pool.List(t.Context(), "bench", blockstore.ListOptions{Max: 10})
	if err != nil || len(page.Objects) > 0 {
		t.Errorf("the loads left %d objects (%v)", len(page.Objects), err)
	}
}

// runSome runs the load for a moment, or for longer where no client had its turn in that.
func runSome(t *testing.T, r *Runner) bench.Sample {
	t.Helper()
	for span := 10 * time.Millisecond; ; span *= 2 {
		s, err := r.Side().Run(t.Context(), span)
		if err != nil {
			t.Fatal(err)
		}
		if s.Ops > 0 || span > time.Minute {
			return s
		}
	}
}

// TestListPages: a list of objects that are there already begins at full pages only, and says so if there is none.
func TestListPages(t *testing.T) {
	pool := testPool(t)
	for _, keys := range []int64{0, 999, 2500} {
		if err := Fill(t.Context(), pool, Filling{Bucket: "bench", Prefix: "pool", Size: 10, To: keys}); err != nil {
			t.Fatal(err)
		}
		r, err := NewRunner(pool, Load{Operation: bench.List, Size: 10, There: true})
		if err != nil {
			t.Fatal(err)
		}
		err = r.Prepare(t.Context())
		if got, want := len(r.pages), int(keys/bench.ListKeys); got != want || (err == nil) != (want > 0) {
			t.Errorf("%d keys: %d pages, want %d (%v)", keys, got, want, err)
		}
	}
}

func TestWrongLoads(t *testing.T) {
	for _, load := range []Load{{Operation: "PATCH", Size: 1}, {Operation: bench.Put}} {
		if _, err := NewRunner(nil, load); err == nil {
			t.Errorf("%+v was taken", load)
		}
	}
}

// TestBody: a body has the length that was asked for, whatever it begins with.
func TestBody(t *testing.T) {
	b := newBody()
	for _, n := range []int64{0, 1, bodyBytes, 2*bodyBytes + 3} {
		for _, seed := range []uint64{0, bodyBytes - 1, 1 << 63} {
			if got, err := io.Copy(io.Discard, b.reader(seed, n)); got != n || err != nil {
				t.Errorf("a body of %d bytes from %d had %d (%v)", n, seed, got, err)
			}
		}
	}
}
