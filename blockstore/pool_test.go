package blockstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
	"github.com/holdfast-storage/holdfast/blockstore/faultfs"
)

// testLogger logs to stderr when HOLDFAST_TEST_LOG is set.
func testLogger() *slog.Logger {
	if os.Getenv("HOLDFAST_TEST_LOG") == "" {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo}))
}

func dirsOf(n int, base string) []string {
	dirs := make([]string, n)
	for i := range dirs {
		dirs[i] = filepath.Join(base, fmt.Sprintf("d%d", i+1))
	}
	return dirs
}

func randomBody(seed uint64, n int) []byte {
	b := make([]byte, n)
	rng := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), byte(seed >> 24)})
	_, _ = rng.Read(b)
	return b
}

func putBytes(t *testing.T, p *Pool, bucket, key string, body []byte) {
	t.Helper()
	if _, err := p.Put(t.Context(), bucket, key, bytes.NewReader(body), PutOptions{Size: int64(len(body))}); err != nil {
		t.Fatalf("put %s/%s: %v", bucket, key, err)
	}
}

func getBytes(ctx context.Context, p *Pool, bucket, key string) ([]byte, error) {
	o, err := p.Get(ctx, bucket, key)
	if err != nil {
		return nil, err
	}
	defer o.Close()
	var b bytes.Buffer
	err = o.WriteTo(ctx, &b, 0, o.Info().Size)
	return b.Bytes(), err
}

func wantBytes(t *testing.T, p *Pool, bucket, key string, want []byte) {
	t.Helper()
	got, err := getBytes(t.Context(), p, bucket, key)
	if err != nil {
		t.Fatalf("get %s/%s: %v", bucket, key, err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("get %s/%s: %d bytes, not the %d that were put", bucket, key, len(got), len(want))
	}
}

func openPool(t *testing.T, o Options) *Pool {
	t.Helper()
	if o.Logger == nil {
		o.Logger = testLogger()
	}
	if o.Patience == 0 {
		o.Patience = calmPatience
	}
	p, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(context.Background()); err != nil && !errors.Is(err, ErrClosed) {
			t.Errorf("closing the pool: %v", err)
		}
	})
	return p
}

var bodySizes = []int{0, 1, 300, 4096, 5000, 16 << 10, 16<<10 + 1, 100_000, 256 << 10, 256<<10 + 1, 512 << 10, 512<<10 + 1, 3_000_000}

func TestPutGetReopen(t *testing.T) {
	for name, fsys := range map[string]*faultfs.FS{"memory": faultfs.New(), "disk": nil} {
		t.Run(name, func(t *testing.T) {
			base := "/pool"
			o := Options{Init: true}
			if fsys != nil {
				o.FS = fsys
				if err := fsys.MkdirAll(base, 0o700); err != nil {
					t.Fatal(err)
				}
			} else {
				base = t.TempDir()
			}
			o.Dirs = dirsOf(6, base)
			for round := range 3 {
				p := openPool(t, o)
				if round == 0 {
					if err := p.CreateBucket(t.Context(), "bucket"); err != nil {
						t.Fatal(err)
					}
					for i, n := range bodySizes {
						putBytes(t, p, "bucket", fmt.Sprint(n), randomBody(uint64(i), n))
					}
				}
				for i, n := range bodySizes {
					wantBytes(t, p, "bucket", fmt.Sprint(n), randomBody(uint64(i), n))
				}
				s, err := p.Status(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if s.Pool.Objects != int64(len(bodySizes)) || s.Pool.State != "ONLINE" {
					t.Errorf("round %d: status %+v", round, s)
				}
				if err := p.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func memOptions(t *testing.T, n int) (Options, *faultfs.FS) {
	t.Helper()
	fsys := faultfs.New()
	if err := fsys.MkdirAll("/pool", 0o700); err != nil {
		t.Fatal(err)
	}
	return Options{Init: true, FS: fsys, Dirs: dirsOf(n, "/pool"), Patience: calmPatience}, fsys
}

// TestEveryPairOfDrivesGone: any two of six drives leave under load, in each
// of three ways, and nothing is missed: not while running, not after a restart
// without them.
func TestEveryPairOfDrivesGone(t *testing.T) {
	for _, way := range []string{"detach", "unplug", "fail"} {
		for i := range 6 {
			for j := i + 1; j < 6; j++ {
				t.Run(fmt.Sprintf("%s/%d+%d", way, i+1, j+1), func(t *testing.T) {
					t.Parallel()
					o, fsys := memOptions(t, 6)
					p := openPool(t, o)
					if err := p.CreateBucket(t.Context(), "bucket"); err != nil {
						t.Fatal(err)
					}
					for i, n := range bodySizes {
						putBytes(t, p, "bucket", fmt.Sprint(n), randomBody(uint64(i), n))
					}
					for _, d := range []int{i, j} {
						switch way {
						case "detach":
							fsys.Detach(o.Dirs[d])
						case "unplug":
							fsys.Unplug(o.Dirs[d])
						case "fail":
							if _, err := p.FailDrive(t.Context(), fmt.Sprint(d+1), ChangeOptions{}); err != nil {
								t.Fatal(err)
							}
						}
					}
					check := func(p *Pool) {
						for i, n := range bodySizes {
							wantBytes(t, p, "bucket", fmt.Sprint(n), randomBody(uint64(i), n))
						}
					}
					check(p)
					for i, n := range bodySizes {
						putBytes(t, p, "bucket", fmt.Sprint("new", n), randomBody(uint64(100+i), n))
					}
					s, err := p.Status(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					for d := range 6 {
						if gone := d == i || d == j; gone == (s.Drives[d].State == "ONLINE") {
							t.Errorf("drive %d: %s", d+1, s.Drives[d].State)
						}
					}
					if s.Pool.State != "DEGRADED" {
						t.Errorf("pool: %s", s.Pool.State)
					}
					if err := p.Close(t.Context()); err != nil {
						t.Log(err)
					}
					o.Init = false
					p = openPool(t, o)
					check(p)
					for i, n := range bodySizes {
						wantBytes(t, p, "bucket", fmt.Sprint("new", n), randomBody(uint64(100+i), n))
					}
				})
			}
		}
	}
}

// TestReadOnlyOpening: with one of two drives, or two of four, reads are
// served, nothing is written, and the pool goes on when the others are back.
func TestReadOnlyOpening(t *testing.T) {
	for _, c := range []struct{ drives, gone int }{{2, 1}, {4, 2}} {
		t.Run(fmt.Sprintf("%d of %d", c.drives-c.gone, c.drives), func(t *testing.T) {
			o, fsys := memOptions(t, c.drives)
			p := openPool(t, o)
			if err := p.CreateBucket(t.Context(), "bucket"); err != nil {
				t.Fatal(err)
			}
			for i, n := range bodySizes {
				if i == len(bodySizes)-1 {
					flushEvents(t, p) // so that this is the last batch
				}
				putBytes(t, p, "bucket", fmt.Sprint(n), randomBody(uint64(i), n))
			}
			if err := p.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, dir := range o.Dirs[:c.gone] {
				fsys.Unplug(dir)
			}
			for _, catalogs := range []bool{true, false} {
				if !catalogs {
					for _, dir := range o.Dirs[c.gone:] {
						if err := fsys.RemoveAll(dir + "/catalog"); err != nil {
							t.Fatal(err)
						}
					}
				}
				writes := 0
				fsys.SetHook(func(op faultfs.Op) faultfs.Fault {
					if op.Kind.Changes() && op.Kind != faultfs.Lock {
						writes++
						t.Errorf("a read-only pool does %v %s", op.Kind, op.Path)
					}
					return faultfs.Fault{}
				})
				p = openPool(t, o)
				// The batches past stable are settled only by a catalog that has
				// them: here, the end of the last opening, and the last put before.
				settled := bodySizes
				if !catalogs {
					settled = bodySizes[:len(bodySizes)-1]
					if _, err := getBytes(t.Context(), p, "bucket", fmt.Sprint(bodySizes[len(bodySizes)-1])); !errors.Is(err, ErrUnavailable) {
						t.Errorf("get of what is not settled: %v", err)
					}
				}
				for i, n := range settled {
					wantBytes(t, p, "bucket", fmt.Sprint(n), randomBody(uint64(i), n))
				}
				page, err := p.List(t.Context(), "bucket", ListOptions{Max: 1000})
				if len(settled) < len(bodySizes) {
					if !errors.Is(err, ErrUnavailable) {
						t.Errorf("list of what is not settled: %v", err)
					}
				} else if err != nil || len(page.Objects) != len(bodySizes) {
					t.Errorf("list: %d objects, %v", len(page.Objects), err)
				}
				_, err = p.Put(t.Context(), "bucket", "new", bytes.NewReader(nil), PutOptions{})
				if !errors.Is(err, ErrReadOnly) {
					t.Errorf("put: %v", err)
				}
				if _, err := p.Delete(t.Context(), "bucket", "300", Condition{}); !errors.Is(err, ErrReadOnly) {
					t.Errorf("delete: %v", err)
				}
				s, err := p.Status(t.Context())
				if err != nil || s.Pool.State != "UNAVAIL" || !s.Pool.ReadOnly {
					t.Errorf("status %+v, %v", s.Pool, err)
				}
				if err := p.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
				fsys.SetHook(nil)
			}
			for _, dir := range o.Dirs[:c.gone] {
				fsys.Plug(dir)
			}
			p = openPool(t, o)
			putBytes(t, p, "bucket", "new", []byte("new"))
			for i, n := range bodySizes {
				wantBytes(t, p, "bucket", fmt.Sprint(n), randomBody(uint64(i), n))
			}
		})
	}
}

// TestFullBatches: batches whose columns are filled to the last byte.
func TestFullBatches(t *testing.T) {
	o, _ := memOptions(t, 6)
	p := openPool(t, o)
	if err := p.CreateBucket(t.Context(), "bucket"); err != nil {
		t.Fatal(err)
	}
	release := holdCommits(p)
	results := make(chan error)
	const n = 64
	for i := range n {
		go func() {
			_, err := p.Put(t.Context(), "bucket", fmt.Sprint(i), bytes.NewReader(randomBody(uint64(i), 31_000+i*777)), PutOptions{Size: -1})
			results <- err
		}()
	}
	release()
	for range n {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	for i := range n {
		wantBytes(t, p, "bucket", fmt.Sprint(i), randomBody(uint64(i), 31_000+i*777))
	}
}

// holdCommits keeps the committer busy until the function it returns is called,
// so that a batch gathers.
func holdCommits(p *Pool) (release func()) {
	hold := make(chan struct{})
	r := &request{done: make(chan outcome, 1), decide: func(*decision) (catalog.Record, error) {
		<-hold
		return nil, errNothingToDo
	}}
	p.requests <- r
	return func() {
		for len(p.requests) == 0 {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(20 * time.Millisecond)
		close(hold)
		<-r.done
	}
}

// TestDrivesLeftOutAreReadLast: with more drives left out than parity bears,
// but still readable, what they hold is served.
func TestDrivesLeftOutAreReadLast(t *testing.T) {
	o, _ := memOptions(t, 6)
	p := openPool(t, o)
	if err := p.CreateBucket(t.Context(), "bucket"); err != nil {
		t.Fatal(err)
	}
	for i, n := range bodySizes {
		putBytes(t, p, "bucket", fmt.Sprint(n), randomBody(uint64(i), n))
	}
	for slot := 1; slot <= 3; slot++ {
		_, err := p.FailDrive(t.Context(), fmt.Sprint(slot), ChangeOptions{Force: true})
		if slot < 3 && err != nil || slot == 3 && !errors.Is(err, ErrReadOnly) {
			t.Fatalf("failing drive %d: %v", slot, err)
		}
	}
	for i, n := range bodySizes {
		wantBytes(t, p, "bucket", fmt.Sprint(n), randomBody(uint64(i), n))
	}
}
