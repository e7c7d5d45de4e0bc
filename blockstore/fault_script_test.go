package blockstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/blockstore/faultfs"
)

// faultRun is one run of the fixed script on a pool of 2+1 over three drives:
// everything a client does, over two openings. While it runs, one fault is
// injected; one is within m, so nothing that the client sees may tell.
type faultRun struct {
	o    Options
	fsys *faultfs.FS
	in   *injector

	background sync.WaitGroup // that the script does not wait for

	pool   *Pool
	want   map[string][]byte // what was acknowledged, by key
	upload string            // id of the one that is under way
	parts  []byte            // of it
	seen   []Status          // before each close
	cut    bool              // the power was cut once already
	inEnd  int               // the close during which the fault hit, from 1; 0: none
	log    []string          // what a person should know, and no failure
}

const faultBucket = "bucket"

func newFaultRun(in *injector) (*faultRun, error) {
	fsys, err := poolFS()
	if err != nil {
		return nil, err
	}
	r := &faultRun{fsys: fsys, in: in, want: make(map[string][]byte)}
	r.o = Options{
		Init: true, FS: fsys, Dirs: dirsOf(3, "/pool"), Parity: 1, SegmentBytes: 512 << 10, MemoryBytes: 16 << 20,
		Logger: testLogger(), Rand: rand.NewChaCha8([32]byte{1}),
		Patience: calmPatience, PresencePeriod: 20 * time.Millisecond,
		replicasWait: calmPatience,
		EventGather:  time.Hour, // what the log reads and writes at its own time would make a call site's turn a matter of luck
	}
	if in.fault.hangs {
		r.o.Patience, r.o.replicasWait = in.patience, in.patience
	}
	p, err := Open(context.Background(), r.o)
	if err != nil {
		return nil, err
	}
	if err := p.Close(context.Background()); err != nil {
		return nil, err
	}
	r.o.Init = false
	in.attach(r.o.Dirs, fsys)
	return r, nil
}

// poolFS is a file system with a durable directory for a pool's drives.
func poolFS() (*faultfs.FS, error) {
	fsys := faultfs.New()
	if err := fsys.MkdirAll("/pool", 0o700); err != nil {
		return nil, err
	}
	root, err := fsys.OpenDir("/")
	if err != nil {
		return nil, err
	}
	return fsys, errors.Join(root.Sync(), root.Close())
}

// script is the whole of it. An error is a broken promise.
func (r *faultRun) script(ctx context.Context) error {
	if err := r.open(ctx); err != nil {
		return err
	}
	steps := []func(context.Context) error{
		func(ctx context.Context) error { return r.pool.CreateBucket(ctx, faultBucket) },
		r.put("small", 1, 300), r.put("page", 2, 5000), r.put("a/large", 3, 400_000), r.put("a/gone", 4, 200_000),
		r.put("small", 5, 700), r.put("empty", 6, 0), r.putUnknown("a/stream", 7, 300_000),
		r.delete("a/gone"), r.delete("page"),
		r.get("small"), r.ranges("a/large"), r.list, r.whole,
		r.begin("parts"), r.part("parts", 1, 14, 300_000), r.part("parts", 2, 15, 300), r.complete("parts"), r.amend("parts"),
		r.begin("open"), r.part("open", 1, 16, 200_000),
		r.checkpoint,
		r.put("late", 8, 20_000), r.put("a/large", 9, 250_000), r.delete("empty"),
		r.whole,
	}
	if err := r.steps(ctx, "first opening", steps); err != nil {
		return err
	}
	if r.cut = r.in.hit(); r.cut || soaking() {
		if err := r.powerCuts(ctx); err != nil {
			return fmt.Errorf("first opening: %w", err)
		}
	}
	if err := r.close(); err != nil {
		return err
	}
	if err := r.open(ctx); err != nil {
		return fmt.Errorf("second opening: %w", err)
	}
	steps = []func(context.Context) error{
		r.whole, r.list,
		r.put("again", 10, 300), r.put("b/large", 11, 300_000), r.put("late", 12, 10), r.delete("a/stream"),
		r.checkpoint,
		r.part("open", 2, 17, 300), r.complete("open"),
		r.put("last", 13, 2000), r.ranges("b/large"), r.whole, r.list,
	}
	if err := r.steps(ctx, "second opening", steps); err != nil {
		return err
	}
	if !r.cut || soaking() {
		if err := r.powerCuts(ctx); err != nil {
			return fmt.Errorf("second opening: %w", err)
		}
	}
	if err := r.close(); err != nil || r.inEnd < 2 || r.in.fault.ever == nil {
		return err
	}
	// Nobody has looked since the fault: the next opening has to show it.
	if err := r.open(ctx); err != nil {
		return fmt.Errorf("third opening: %w", err)
	}
	return errors.Join(r.steps(ctx, "third opening", []func(context.Context) error{r.put("third", 14, 300), r.whole}), r.close())
}

func (r *faultRun) steps(ctx context.Context, when string, steps []func(context.Context) error) error {
	for i, step := range steps {
		if err := step(ctx); err != nil {
			return fmt.Errorf("%s, step %d: %w", when, i, err)
		}
	}
	return nil
}

// open opens the pool. A label that rotted is refused by name (R22, R23), and
// so is a file system that hangs or fails under Open's hands once; a person
// then starts again, without that directory if it is named.
func (r *faultRun) open(ctx context.Context) error {
	for try := 0; ; try++ {
		p, err := r.openOnce(ctx, r.o)
		if err == nil {
			r.pool = p
			return nil
		}
		r.log = append(r.log, fmt.Sprintf("open refused: %v", err))
		if try == 2 {
			return fmt.Errorf("open: %w", err)
		}
		if o, ok := withoutRotten(r.o, err); ok {
			r.o = o
		}
	}
}

// withoutRotten leaves the directory out whose label an error of Open names.
func withoutRotten(o Options, err error) (Options, bool) {
	if !errors.Is(err, drive.ErrChecksum) && !errors.Is(err, drive.ErrMalformed) && !errors.Is(err, drive.ErrVersion) && !errors.Is(err, ErrForeign) {
		return o, false
	}
	for i, dir := range o.Dirs {
		if strings.Contains(err.Error(), dir) {
			o.Dirs = slices.Delete(slices.Clone(o.Dirs), i, i+1)
			return o, true
		}
	}
	return o, false
}

// openOnce opens the pool under a watch: what hangs is let go after a while.
func (r *faultRun) openOnce(ctx context.Context, o Options) (*Pool, error) {
	wait := 2 * time.Second
	if r.in.fault.hangs {
		wait += 2 * r.in.patience
	}
	stop := context.AfterFunc(after(ctx, wait), func() {
		if r.fsys.Hung() > 0 {
			r.in.note("open waited for a drive that hangs")
			r.fsys.ReleaseHung()
		}
	})
	defer stop()
	r.in.reopened()
	return Open(ctx, o)
}

// after is a context that ends when ctx does or the time has passed.
func after(ctx context.Context, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(ctx, d)
	context.AfterFunc(ctx, cancel)
	return ctx
}

// shownAfter is when a drive that hangs counts as not shown in the status.
const shownAfter = 2 * time.Minute

// close closes the pool, and lets go what hangs, which no process can.
func (r *faultRun) close() error {
	s, err := r.pool.Status(context.Background())
	if err != nil {
		return fmt.Errorf("status: %w", err)
	}
	r.seen = append(r.seen, s)
	// What hangs where nobody waits for it shows when the pool's patience has passed.
	for began := time.Now(); r.in.fault.hangs && r.in.hit() && r.shouldShow() && !r.shown() && time.Since(began) < shownAfter; {
		time.Sleep(5 * time.Millisecond)
		if s, err = r.pool.Status(context.Background()); err != nil {
			return fmt.Errorf("status: %w", err)
		}
		r.seen[len(r.seen)-1] = s
	}
	if s.Pool.ReadOnly {
		return fmt.Errorf("the pool is read-only: %s", s.Pool.Reason)
	}
	done, before := make(chan error, 1), r.in.hit()
	go func() { done <- r.pool.Close(context.Background()) }()
	for wait := time.Duration(0); ; wait = 50 * time.Millisecond {
		select {
		case err := <-done:
			if err != nil {
				r.log = append(r.log, fmt.Sprintf("close: %v", err))
			}
			r.background.Wait()
			if !before && r.in.hit() {
				r.inEnd = len(r.seen)
			}
			return nil
		case <-time.After(wait):
			r.fsys.ReleaseHung()
		}
	}
}

func (r *faultRun) put(key string, seed uint64, n int) func(context.Context) error {
	return func(ctx context.Context) error { return r.store(ctx, key, randomBody(seed, n), int64(n)) }
}

func (r *faultRun) putUnknown(key string, seed uint64, n int) func(context.Context) error {
	return func(ctx context.Context) error { return r.store(ctx, key, randomBody(seed, n), -1) }
}

func (r *faultRun) store(ctx context.Context, key string, body []byte, size int64) error {
	if _, err := r.pool.Put(ctx, faultBucket, key, bytes.NewReader(body), PutOptions{Size: size}); err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	r.want[key] = body
	return nil
}

func (r *faultRun) delete(key string) func(context.Context) error {
	return func(ctx context.Context) error {
		existed, err := r.pool.Delete(ctx, faultBucket, key, Condition{})
		if err != nil || !existed {
			return fmt.Errorf("delete %s: %v, %w", key, existed, err)
		}
		delete(r.want, key)
		return nil
	}
}

// checkpoint makes one, or tries to: nobody waits for it, and it is tried again.
func (r *faultRun) checkpoint(ctx context.Context) error {
	done := make(chan error, 1)
	r.background.Go(func() {
		err := r.pool.checkpoint()
		if err != nil {
			err = r.pool.checkpoint()
		}
		done <- err
	})
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("checkpoint, twice: %w", err)
		}
	case <-time.After(time.Second):
		r.log = append(r.log, "the checkpoint takes long")
	}
	return nil
}

func (r *faultRun) get(key string) func(context.Context) error {
	return func(ctx context.Context) error { return sameBytes(ctx, r.pool, key, r.want[key]) }
}

func (r *faultRun) whole(ctx context.Context) error { return holds(ctx, r.pool, r.want) }

func (r *faultRun) list(ctx context.Context) error { return lists(ctx, r.pool, r.want) }

// ranges reads parts of an object: within a piece, over columns, over stripes.
func (r *faultRun) ranges(key string) func(context.Context) error {
	return func(ctx context.Context) error {
		body := r.want[key]
		o, err := r.pool.Get(ctx, faultBucket, key)
		if err != nil {
			return fmt.Errorf("get %s: %w", key, err)
		}
		defer o.Close()
		for _, at := range [][2]int{{0, 1}, {100_000, 5000}, {130_000, 3000}, {len(body) - 1, 1}, {1, len(body) - 2}} {
			var b bytes.Buffer
			if err := o.WriteTo(ctx, &b, int64(at[0]), int64(at[1])); err != nil {
				return fmt.Errorf("get %s %v: %w", key, at, err)
			}
			if !bytes.Equal(b.Bytes(), body[at[0]:at[0]+at[1]]) {
				return fmt.Errorf("get %s %v: WRONG BYTES", key, at)
			}
		}
		return nil
	}
}

func sameBytes(ctx context.Context, p *Pool, key string, want []byte) error {
	got, err := getBytes(ctx, p, faultBucket, key)
	if err != nil {
		return fmt.Errorf("get %s: %w", key, err)
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("get %s: WRONG BYTES", key)
	}
	return nil
}

// holds compares everything that was acknowledged.
func holds(ctx context.Context, p *Pool, want map[string][]byte) error {
	for key, body := range want {
		if err := sameBytes(ctx, p, key, body); err != nil {
			return err
		}
	}
	return nil
}

// lists compares the listing: what was acknowledged, and nothing else.
func lists(ctx context.Context, p *Pool, want map[string][]byte) error {
	page, err := p.List(ctx, faultBucket, ListOptions{Max: 1000})
	if err != nil {
		return fmt.Errorf("list: %w", err)
	}
	for _, o := range page.Objects {
		if body, ok := want[o.Key]; !ok || int64(len(body)) != o.Size {
			return fmt.Errorf("list: %s of %d bytes is WRONG", o.Key, o.Size)
		}
	}
	if len(page.Objects) != len(want) {
		return fmt.Errorf("list: %d objects, not %d", len(page.Objects), len(want))
	}
	return nil
}

// powerCuts opens images as a power cut leaves them, and compares.
func (r *faultRun) powerCuts(ctx context.Context) error {
	for _, keep := range r.in.keeps {
		rng := rand.New(rand.NewPCG(uint64(keep), 7))
		image := r.fsys.PowerCut(rng, keep)
		if err := r.reopened(ctx, image); err != nil {
			return fmt.Errorf("after a power cut that keeps %d%%: %w", keep, err)
		}
	}
	return nil
}

func (r *faultRun) reopened(ctx context.Context, image *faultfs.FS) error {
	o := r.o
	o.FS, o.Init, o.Rand = image, false, rand.NewChaCha8([32]byte{2})
	p, err := Open(ctx, o)
	if err != nil {
		rest, ok := withoutRotten(o, err)
		if !ok {
			return fmt.Errorf("open: %w", err)
		}
		if p, err = Open(ctx, rest); err != nil {
			return fmt.Errorf("open without the rotten drive: %w", err)
		}
	}
	err = errors.Join(holds(ctx, p, r.want), lists(ctx, p, r.want))
	if err == nil {
		_, err = p.Put(ctx, faultBucket, "new", strings.NewReader("new"), PutOptions{Size: 3})
	}
	_ = p.Close(context.Background())
	return err
}
