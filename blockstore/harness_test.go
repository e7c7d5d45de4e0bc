package blockstore

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/blockstore/faultfs"
)

// The random tests print their seed and take it back: one seed, one run. With
// concurrent writers the interleaving is the scheduler's, so a seed may have to
// be run several times (-count).
var seedFlag = flag.Uint64("holdfast.seed", 0, "seed of the random tests; 0: a new one")

func testSeed(t testing.TB) uint64 {
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano()) & (1<<40 - 1)
	}
	t.Logf("replay with: go test ./blockstore -run '^%s$' -holdfast.seed %d", t.Name(), seed)
	return seed
}

// soaking says whether the long tests were asked for.
func soaking() bool { return os.Getenv("HOLDFAST_SOAK") != "" }

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0x686f6c6466617374)) }

// lockedRand is randomness for a pool.
type lockedRand struct {
	mu sync.Mutex
	r  *rand.ChaCha8
}

func newLockedRand(seed uint64) io.Reader {
	var s [32]byte
	for i := range 8 {
		s[i] = byte(seed >> (8 * i))
	}
	return &lockedRand{r: rand.NewChaCha8(s)}
}

func (l *lockedRand) Read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.r.Read(p)
}

// shape is the geometry of a small pool.
type shape struct{ k, m, drives int }

func (s shape) String() string { return fmt.Sprintf("%d+%d over %d", s.k, s.m, s.drives) }

// spare is how many drives may be away without the pool going read-only.
func (s shape) spare() int { return s.drives - quorum(s.drives, s.m) }

// shapes are those the model in shared/model hunts in, too.
func shapes() []shape { return []shape{{2, 1, 3}, {2, 2, 4}, {4, 2, 6}, {2, 1, 6}} }

// world is a pool on a file system that can crash, and what is known of it.
type world struct {
	shape shape
	dirs  []string
	fs    *faultfs.FS
	opt   Options
	p     *Pool
	h     *history
}

const smallSegment = 64 << 10

// newWorld makes an empty pool; it is not open yet.
func newWorld(t testing.TB, s shape, segmentBytes int64, seed uint64) *world {
	t.Helper()
	w := &world{shape: s, dirs: dirsOf(s.drives, "/pool"), fs: faultfs.New(), h: newHistory()}
	if err := w.fs.MkdirAll("/pool", 0o700); err != nil {
		t.Fatal(err)
	}
	if root, err := w.fs.OpenDir("/"); err != nil || root.Sync() != nil || root.Close() != nil {
		t.Fatal("the root cannot be synced")
	}
	random := newLockedRand(seed)
	w.opt = Options{
		Dirs: w.dirs, SegmentBytes: segmentBytes, MemoryBytes: 16 << 20, Logger: testLogger(), Rand: random,
		Patience: 5 * time.Minute, PresencePeriod: time.Hour, EventGather: time.Hour, unyielding: true,
	}
	l := drive.Label{Reserved: 1, Membership: drive.Membership{Epoch: 1, Parity: s.m, Width: s.k + s.m, SegmentBytes: segmentBytes}}
	newID := func() uuid.UUID {
		id, err := uuid.NewRandomFromReader(random)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	l.Pool = newID()
	for i := range s.drives {
		l.Members = append(l.Members, drive.Member{ID: newID(), Slot: i + 1, State: drive.Online, Joined: 1})
	}
	for i, dir := range w.dirs {
		l.Drive = l.Members[i].ID
		d, err := drive.Create(drive.Options{FS: w.fs}, dir, l)
		if err == nil {
			err = d.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// open opens the pool.
func (w *world) open(ctx context.Context) error {
	var err error
	w.p, err = openOn(ctx, w.opt, w.fs)
	return err
}

func openOn(ctx context.Context, o Options, fsys *faultfs.FS) (*Pool, error) {
	o.FS = fsys
	return Open(ctx, o)
}

// abandon ends a pool whose file system nobody looks at any more.
func abandon(p *Pool, fsys *faultfs.FS) {
	fsys.AfterSync(nil)
	fsys.SetHook(nil)
	_ = p.Close(context.Background())
}

// replicated waits until the catalog has all its replicas, and they are durable.
func replicated(ctx context.Context, p *Pool) error {
	for {
		n := wholeReplicas(p)
		if n > p.parity {
			_, err := p.catalog.Flush(ctx)
			return err
		}
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%d replicas of the catalog: %w", n, ctx.Err())
		}
	}
}

// crash goes on from an image of now: the process was killed, or the power cut
// with so many percent of what was not synced kept.
func (w *world) crash(rng *rand.Rand, how int) {
	image := takeImage(w.fs, rng, how)
	if w.p != nil {
		abandon(w.p, w.fs)
		w.p = nil
	}
	w.fs = image
}

// killed, as an argument of takeImage: the process dies, the page cache lives.
const killed = -1

// crashWays are the kinds of crash that images are taken of.
func crashWays() []int { return []int{killed, 0, 20, 50, 80, 100} }

func takeImage(fsys *faultfs.FS, rng *rand.Rand, how int) *faultfs.FS {
	if how == killed {
		return fsys.Kill()
	}
	return fsys.PowerCut(rng, how)
}

func crashName(how int) string {
	if how == killed {
		return "kill"
	}
	return fmt.Sprintf("power cut, %d%% kept", how)
}

// wipeCatalogs empties the catalog directory of every drive that is there.
func wipeCatalogs(fsys *faultfs.FS, dirs []string) {
	for _, dir := range dirs {
		if _, err := fsys.Stat(dir + "/catalog"); err == nil {
			fsys.Wipe(dir + "/catalog")
		}
	}
}

// maybe says of a change's error that the change may have happened.
func maybe(err error) bool {
	return errors.Is(err, ErrUnavailable) || errors.Is(err, ErrClosed)
}
