package blockstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/holdfast-storage/holdfast/blockstore/faultfs"
)

// crashImage is a file system as a crash left it, and when that was.
type crashImage struct {
	fs   *faultfs.FS
	at   span
	what string
	seed uint64
	out  int // drives that the pool may count as gone already
}

// camera takes images of a world after sync points.
type camera struct {
	w      *world
	mu     sync.Mutex
	rng    *rand.Rand
	out    int
	points int
	images []crashImage
	ways   int // of crashing, per sync point; 0: all of them
	sparse int // of so many sync points one is taken; 0: all
}

// start takes images from now on.
func (c *camera) start() {
	c.w.fs.AfterSync(c.shoot)
}

func (c *camera) shoot(op faultfs.Op) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.points++
	if c.sparse > 0 && c.rng.IntN(c.sparse) > 0 {
		return
	}
	ways := crashWays()
	if c.ways > 0 {
		c.rng.Shuffle(len(ways), func(i, j int) { ways[i], ways[j] = ways[j], ways[i] })
		ways = ways[:c.ways]
	}
	for _, how := range ways {
		im := crashImage{what: fmt.Sprintf("%s after %v of %s (sync point %d)", crashName(how), op.Kind, op.Path, c.points), seed: c.rng.Uint64(), out: c.out}
		im.at.from = c.w.h.now()
		im.fs = takeImage(c.w.fs, newRand(im.seed), how)
		im.at.to = c.w.h.now()
		c.images = append(c.images, im)
	}
}

// take ends the shooting and returns the images.
func (c *camera) take() []crashImage {
	c.w.fs.AfterSync(nil)
	c.mu.Lock()
	defer c.mu.Unlock()
	list := c.images
	c.images = nil
	return list
}

// verifier opens images and holds them against a history.
type verifier struct {
	t     testing.TB
	w     *world // the history, options and shape; its file system is not touched
	count *atomic.Int64
}

// all verifies images, and forgets each when it is done.
func (v verifier) all(images []crashImage) error {
	for i := range images {
		im := images[i]
		images[i] = crashImage{}
		if err := v.one(im, true); err != nil {
			return fmt.Errorf("%s (image seed %d): %w", im.what, im.seed, err)
		}
	}
	return nil
}

// one verifies an image: it opens, with up to m drives away; all that was
// acknowledged is there; and then it may crash once more.
func (v verifier) one(im crashImage, further bool) error {
	v.count.Add(1)
	ctx := context.Background()
	rng := newRand(im.seed ^ 0x5eed)
	if away := v.w.shape.spare() - im.out; away > 0 && rng.IntN(3) == 0 {
		for _, d := range rng.Perm(v.w.shape.drives)[:1+rng.IntN(away)] {
			if _, err := im.fs.Stat(v.w.dirs[d]); err == nil {
				im.fs.Detach(v.w.dirs[d])
			}
		}
	}
	next := rng.IntN(100)
	if further && next < 1 {
		return v.duringRecovery(im, rng)
	}
	if further && next < 3 {
		return v.withoutCatalogs(im)
	}
	p, err := openOn(ctx, v.w.opt, im.fs)
	if err != nil {
		return fmt.Errorf("opening: %w", err)
	}
	defer func() { abandon(p, im.fs) }()
	found, err := v.w.h.check(ctx, p, im.at)
	if err != nil || !further || next > 20 {
		return err
	}
	// Used again, it crashes again: what was found stays.
	w := &world{shape: v.w.shape, dirs: v.w.dirs, fs: im.fs, opt: v.w.opt, p: p, h: newHistory()}
	for name, val := range found {
		w.h.end(w.h.begin(name, val), nil)
	}
	if next > 10 {
		if err := w.createBucket(ctx, "after", fuss{}); err != nil {
			return err
		}
		if err := w.put(ctx, "after", "crash", newValue(rng, 100), fuss{}, nil); err != nil {
			return err
		}
	}
	at := w.h.now()
	again := crashImage{fs: takeImage(im.fs, rng, rng.IntN(4)*10), at: span{at, at}, what: "second crash", seed: rng.Uint64(), out: v.w.shape.drives}
	if err := (verifier{v.t, w, v.count}).one(again, false); err != nil {
		return fmt.Errorf("second crash: %w", err)
	}
	return nil
}

// duringRecovery crashes the opening of an image after each of its sync points.
func (v verifier) duringRecovery(im crashImage, rng *rand.Rand) error {
	w := &world{shape: v.w.shape, dirs: v.w.dirs, fs: im.fs, opt: v.w.opt, h: v.w.h}
	c := &camera{w: w, rng: rng, out: v.w.shape.drives}
	c.start()
	// What the history says of the time after the image is not known to it.
	err := w.open(context.Background())
	images := c.take()
	if err != nil {
		return fmt.Errorf("opening: %w", err)
	}
	abandon(w.p, w.fs)
	for _, second := range images {
		second.at = im.at
		if err := v.one(second, false); err != nil {
			return fmt.Errorf("%s, during recovery from %s (image seed %d): %w", second.what, im.what, second.seed, err)
		}
	}
	return nil
}

// withoutCatalogs opens what a recovery left twice more, once with every catalog
// gone: both must come out the same (R10).
func (v verifier) withoutCatalogs(im crashImage) error {
	p, err := openOn(context.Background(), v.w.opt, im.fs)
	if err != nil {
		return fmt.Errorf("opening: %w", err)
	}
	// One more change, so that what recovery kept is stable: what is not is
	// copied anew by every opening that finds no replica with it.
	err = p.CreateBucket(context.Background(), "settled")
	if errors.Is(err, ErrReadOnly) {
		err = nil
	}
	with := takeImage(im.fs, newRand(im.seed), killed)
	abandon(p, im.fs)
	if err != nil {
		return err
	}
	bare := with.Kill()
	wipeCatalogs(bare, v.w.dirs)
	v.count.Add(2)
	var digests [2]uint64
	var entries [2][]string
	for i, fsys := range []*faultfs.FS{with, bare} {
		o := v.w.opt
		o.Rand = newLockedRand(im.seed) // the same identities in both
		p, err := openOn(context.Background(), o, fsys)
		if err != nil {
			return fmt.Errorf("opening (%d): %w", i, err)
		}
		if err == nil {
			digests[i], err = p.catalog.Digest(context.Background())
		}
		if err == nil {
			entries[i], err = restatable(p)
		}
		abandon(p, fsys)
		if err != nil {
			return fmt.Errorf("catalogs gone: %d: %w", i, err)
		}
	}
	if !slices.Equal(entries[0], entries[1]) {
		return fmt.Errorf("the rebuilt catalog differs from the one that was there:\n%s\nrebuilt:\n%s",
			strings.Join(entries[0], "\n"), strings.Join(entries[1], "\n"))
	}
	if digests[0] != digests[1] {
		return errors.New("the rebuilt catalog has the same entries, and differs in what is derived from them")
	}
	return nil
}

// restatable lists what a checkpoint of the pool would restate now.
func restatable(p *Pool) ([]string, error) {
	snap, err := p.catalog.Snapshot(context.Background())
	if err != nil {
		return nil, err
	}
	defer func() { _ = snap.Close() }()
	list := []string{fmt.Sprintf("as of %d, %x", snap.LSN(), snap.UID())}
	for {
		page, err := snap.Next(context.Background(), 1<<20)
		if err != nil || len(page) == 0 {
			return list, err
		}
		for _, e := range page {
			list = append(list, fmt.Sprintf("%q %x", e.Key, e.Value))
		}
	}
}

// script is a short life of a pool that meets every path once. It stops at the
// first error.
func (w *world) script(ctx context.Context, c *camera, rng *rand.Rand) error {
	none := fuss{}
	put := func(key string, n int) func() error {
		return func() error { return w.put(ctx, "bucket", key, newValue(rng, n), none, nil) }
	}
	reopen := func() error {
		err := w.p.Close(ctx)
		if err == nil {
			err = w.open(ctx)
		}
		return err
	}
	large := int(w.p.inlineMax) + 1000
	var up, left *uploadAs // one is completed, one is left under way
	begin := func(up **uploadAs, key string) func() error {
		return func() (err error) {
			*up, err = w.beginUpload(ctx, "bucket", key, none, rng)
			return err
		}
	}
	part := func(up **uploadAs, number, n int) func() error {
		return func() error { return w.putPart(ctx, *up, number, newValue(rng, n), none, nil) }
	}
	steps := []func() error{
		func() error { return w.createBucket(ctx, "bucket", none) },
		put("a", 300), put("b", 0), put("c", 5000), put("a", 400),
		func() error { return w.delete(ctx, "bucket", "b", none) },
		put("large", large),
		put("d", 20_000), put("e", 40_000), put("f", 30_000), // over several journal segments
		func() error { return w.delete(ctx, "bucket", "a", none) },
		put("large", large+1), // v1 acknowledged
		begin(&up, "parts"), part(&up, 1, large), part(&up, 2, 300),
		begin(&left, "left"), part(&left, 1, 40_000), part(&left, 2, large),
		reopen,
		part(&up, 2, 500), part(&left, 1, 200),
		put("b", 16<<10),
		func() error { return w.delete(ctx, "bucket", "c", none) },
		func() error { return w.p.checkpoint() },
		put("a", 300),
		func() error { return w.complete(ctx, up, none, rng) },
		func() error { return w.amend(ctx, "bucket", "parts", none, rng) },
		func() error { return w.amend(ctx, "bucket", "a", none, rng) },
		begin(&up, "parts"), part(&up, 1, 300),
		func() error { return w.abort(ctx, up, none) },
		func() error { return w.createBucket(ctx, "second", none) },
		func() error { return w.deleteBucket(ctx, "second", none) },
		func() error { return w.createBucket(ctx, "second", none) },
		reopen,
		func() error { return w.delete(ctx, "bucket", "large", none) },
		put("g", 60_000), put("g", 300),
		func() error {
			c.mu.Lock()
			c.out = 1
			c.mu.Unlock()
			_, err := w.p.FailDrive(ctx, "2", ChangeOptions{})
			return err
		},
		put("h", 300), put("large", large+2),
	}
	for i, step := range steps {
		if err := step(); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	return nil
}

// imagesEveryday is the least number of images that TestCrashImages opens.
const imagesEveryday = 20_000

// TestCrashImages crashes scripted and random workloads after every sync point,
// in every way, and opens what is left.
func TestCrashImages(t *testing.T) { crashImages(t, imagesEveryday) }

// TestSoakCrashImages does the same for longer.
func TestSoakCrashImages(t *testing.T) {
	if !soaking() {
		t.Skip("set HOLDFAST_SOAK for 200,000 images")
	}
	crashImages(t, 200_000)
}

func crashImages(t *testing.T, least int64) {
	t.Parallel()
	if testing.Short() {
		least /= 20
	}
	seed := testSeed(t)
	var count atomic.Int64
	t.Run("script", func(t *testing.T) {
		for i, s := range shapes() {
			t.Run(s.String(), func(t *testing.T) {
				t.Parallel()
				if err := crashScript(t, s, seed+uint64(i), &count); err != nil {
					t.Fatal(err)
				}
			})
		}
	})
	t.Run("random", func(t *testing.T) {
		var run atomic.Uint64
		for lane := range 4 {
			t.Run(fmt.Sprint(lane), func(t *testing.T) {
				t.Parallel()
				for count.Load() < least && !t.Failed() {
					n := run.Add(1)
					if err := crashRandom(t, seed+100*n, &count); err != nil {
						t.Fatalf("run %d: %v", n, err)
					}
				}
			})
		}
	})
	t.Logf("images: %d", count.Load())
	if n := count.Load(); n < least && !t.Failed() {
		t.Errorf("only %d images were opened, of %d", n, least)
	}
}

func crashScript(t *testing.T, s shape, seed uint64, count *atomic.Int64) error {
	ctx := t.Context()
	w := newWorld(t, s, smallSegment, seed)
	c := &camera{w: w, rng: newRand(seed)}
	if s.drives > 3 && !soaking() {
		c.ways = 1
	}
	if testing.Short() {
		c.ways, c.sparse = 1, 2
	}
	c.start()
	err := w.open(ctx)
	if err == nil {
		err = w.script(ctx, c, newRand(seed+1))
	}
	images := c.take()
	if w.p != nil {
		abandon(w.p, w.fs)
	}
	if err != nil {
		return err
	}
	t.Logf("%d sync points", c.points)
	return verifier{t, w, count}.all(images)
}

// crashRandom is one random run: a few clients at once, each with names of its
// own, crashed after every sync point; then once more from one of the images.
func crashRandom(t *testing.T, seed uint64, count *atomic.Int64) error {
	ctx := t.Context()
	rng := newRand(seed)
	all := shapes()
	s := all[[]int{0, 0, 0, 0, 1, 1, 2, 3}[rng.IntN(8)]] // the smaller, the cheaper
	w := newWorld(t, s, smallSegment<<rng.IntN(2), seed)
	if err := w.open(ctx); err != nil {
		return err
	}
	defer func() {
		if w.p != nil {
			abandon(w.p, w.fs)
		}
	}()
	if err := w.createBucket(ctx, "bucket", fuss{}); err != nil {
		return err
	}
	c := &camera{w: w, rng: rng}
	c.start()
	err := w.clients(ctx, 1+rng.IntN(3), 2+rng.IntN(4), rng.Uint64(), fuss{})
	if err == nil && rng.IntN(4) == 0 {
		err = w.p.checkpoint()
	}
	images := c.take()
	if err != nil {
		return err
	}
	return verifier{t, w, count}.all(images)
}

// clients runs n clients at once, each with some changes of names of its own.
func (w *world) clients(ctx context.Context, n, changes int, seed uint64, f fuss) error {
	errs := make(chan error, n)
	for i := range n {
		go func() {
			rng := newRand(seed + uint64(i))
			for range changes {
				if err := w.act(ctx, fmt.Sprint(i), f, rng); err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	var err error
	for range n {
		if e := <-errs; err == nil {
			err = e
		}
	}
	return err
}

// act is one random change or look of a client; the names it uses are its own.
func (w *world) act(ctx context.Context, client string, f fuss, rng *rand.Rand) error {
	bucket, key := "bucket", fmt.Sprintf("%s/%c", client, 'a'+rune(rng.IntN(4)))
	own := "own-" + client
	if v, known := w.h.current(own); known && v != nil && rng.IntN(3) == 0 {
		bucket = own
	}
	switch rng.IntN(17) {
	case 12, 13, 14, 15:
		return w.multipart(ctx, bucket, key, f, rng)
	case 16:
		return w.amend(ctx, bucket, key, f, rng)
	case 0:
		return w.delete(ctx, bucket, key, f)
	case 1:
		return w.get(ctx, bucket, key, rng)
	case 2:
		if v, known := w.h.current(own); known && v != nil && rng.IntN(2) == 0 {
			return w.deleteBucket(ctx, own, f)
		}
		return w.createBucket(ctx, own, f)
	default:
		return w.put(ctx, bucket, key, newValue(rng, w.randomSize(rng)), f, rng)
	}
}

// randomSize draws the length of a body, mostly near a limit of the format.
func (w *world) randomSize(rng *rand.Rand) int {
	around := func(n int) int { return max(0, n-2+rng.IntN(5)) }
	stripe := int(w.p.batchBytes)
	switch rng.IntN(16) {
	case 0, 1:
		return 0
	case 2:
		return around(4096)
	case 3:
		return around(wholeBytes)
	case 4:
		return around(int(w.p.inlineMax))
	case 5:
		return around(stripe)
	case 6:
		return rng.IntN(2*stripe + 5000)
	case 7, 8:
		return rng.IntN(40_000)
	default:
		return rng.IntN(600)
	}
}
