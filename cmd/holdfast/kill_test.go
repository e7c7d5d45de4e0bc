package main

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// TestKills kills the daemon with SIGKILL while clients change and read objects, and starts it again: everything
// acknowledged is there, whole; what was under way has happened or has not, is whole in either case, and then stays;
// the listing says what the GETs say. HOLDFAST_KILLS says how often, 8 times if it is not set.
func TestKills(t *testing.T) {
	t.Parallel()
	kills := number(t, "HOLDFAST_KILLS", 8)
	rng := rand.New(rand.NewPCG(seedOf(t), 0))
	var total killCount
	began := time.Now()
	for pools := 1; total.kills < kills; pools++ {
		if t.Run(fmt.Sprintf("pool=%d", pools), func(t *testing.T) { killPool(t, rng, &total, kills) }); t.Failed() {
			break
		}
	}
	lost := "none of it lost"
	if t.Failed() {
		lost = "and it failed"
	}
	t.Logf("%d kills under load and %d while opening, in %v: %d changes acknowledged, %s; %d under way when killed, of which %d happened; %d objects compared",
		total.kills, total.openings, time.Since(began).Round(time.Second), total.acknowledged.Load(), lost, total.open, total.happened, total.compared.Load())
}

const (
	killClients  = 12
	killKeys     = 8       // that each of them owns
	killPoolSize = 2 << 30 // bytes put, after which the next kills are of a new pool: nothing is compacted yet
)

type killCount struct {
	kills, openings, open, happened int
	acknowledged, compared          atomic.Int64
}

// killPool kills the daemon of one pool until it has grown large, or enough is enough.
func killPool(t *testing.T, rng *rand.Rand, total *killCount, kills int) {
	drives := 2 + rng.IntN(6)
	d := newProcess(t, drives, "--segment-size", []string{"1MiB", "8MiB", "256MiB"}[rng.IntN(3)])
	t.Logf("%d drives, %v", drives, d.flags)
	d.begin()
	h := newHistory(rng)
	for h.put.Load() < killPoolSize && total.kills < kills {
		killUnderLoad(t, d, h, rng, total)
		for rng.IntN(4) == 0 {
			killWhileOpening(t, d, rng, total)
		}
		if d.child == nil {
			d.start()
		}
		h.settle(t, d, total)
	}
	// All of it holds after an orderly end, too.
	d.stop()
	d.start()
	h.settle(t, d, total)
	if out, code := d.run("status"); code != exitDone {
		t.Errorf("after the last start, status gives %d:\n%s", code, out)
	}
}

// killUnderLoad lets the clients work for a while and kills the daemon under them.
func killUnderLoad(t *testing.T, d *process, h *history, rng *rand.Rand, total *killCount) {
	t.Helper()
	group, ctx := errgroup.WithContext(t.Context())
	var killed atomic.Bool
	for i := range h.owned {
		w := &killClient{d: d, h: h, keys: h.owned[i], rng: rand.New(rand.NewPCG(rng.Uint64(), 0)), total: total}
		group.Go(func() error {
			for {
				err := w.step(ctx)
				if err == nil {
					continue
				}
				if killed.Load() && !errors.Is(err, errImpossible) {
					return nil
				}
				return err
			}
		})
	}
	select {
	case <-time.After(time.Duration(20+rng.IntN(600)) * time.Millisecond):
	case <-ctx.Done():
	}
	killed.Store(true)
	d.kill()
	if err := group.Wait(); err != nil {
		t.Fatalf("kill %d: %v", total.kills, err)
	}
	total.kills++
}

// killWhileOpening starts the daemon and kills it before it is ready, or just when it is.
func killWhileOpening(t *testing.T, d *process, rng *rand.Rand, total *killCount) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rng.IntN(150))*time.Millisecond)
	defer cancel()
	switch err := d.tryStart(ctx); {
	case err == nil:
		d.kill()
	case ctx.Err() == nil:
		t.Fatalf("the daemon does not start: %v", err)
	}
	total.openings++
}

// keyState is a state of a key.
type keyState struct {
	content
	exists bool
}

// ownedKey is a key that one client alone changes, so that its history is a sequence.
type ownedKey struct {
	name string
	now  keyState
	open *keyState // a change to this was under way at the kill

	mu   sync.Mutex
	sent map[string]bool // the ETag of every content ever sent
}

// sharedKey is a key that many clients want to create and only one may.
type sharedKey struct {
	name string

	mu    sync.Mutex
	won   []keyState
	lost  int // told that it exists
	open  []keyState
	tries int
	rest  bool // settled once: next time it is deleted
}

// history is what the clients know.
type history struct {
	owned [][]*ownedKey
	put   atomic.Int64 // bytes

	mu     sync.Mutex
	shared []*sharedKey
	made   int
}

func newHistory(rng *rand.Rand) *history {
	h := &history{owned: make([][]*ownedKey, killClients)}
	for c := range h.owned {
		for k := range killKeys {
			// Names of one sub-tree and of many, long ones too.
			h.owned[c] = append(h.owned[c], &ownedKey{name: fmt.Sprintf("client%d/%0*d", c, 1+rng.IntN(200), k), sent: make(map[string]bool)})
		}
	}
	return h
}

// contest is a shared key that has not been tried by everybody.
func (h *history) contest() *sharedKey {
	h.mu.Lock()
	defer h.mu.Unlock()
	if n := len(h.shared); n > 0 {
		k := h.shared[n-1]
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.tries++; k.tries < killClients && !k.rest {
			return k
		}
	}
	h.made++
	k := &sharedKey{name: fmt.Sprintf("contest/%05d", h.made)}
	h.shared = append(h.shared, k)
	return k
}

// killClient is one client of the load.
type killClient struct {
	d     *process
	h     *history
	keys  []*ownedKey
	rng   *rand.Rand
	total *killCount
}

// errImpossible is an answer that is wrong whether the daemon was killed meanwhile or not.
var errImpossible = errors.New("impossible")

func impossible(key, format string, args ...any) error {
	return fmt.Errorf("%s: %w: %s", key, errImpossible, fmt.Sprintf(format, args...))
}

// step does one thing. Its errors are fine once the daemon has been killed, but for errImpossible.
func (w *killClient) step(ctx context.Context) error {
	k := w.keys[w.rng.IntN(len(w.keys))]
	switch n := w.rng.IntN(100); {
	case n < 40:
		return w.put(ctx, k, nil, w.rng.IntN(5) == 0)
	case n < 50:
		return w.delete(ctx, k)
	case n < 60 && k.now.exists: // compare and swap, with the right ETag
		return w.put(ctx, k, http.Header{"If-Match": {`"` + k.now.etag() + `"`}}, false)
	case n < 65:
		return w.refusedPut(ctx, k)
	case n < 75:
		return w.contest(ctx)
	case n < 80:
		return w.head(ctx, k)
	case n < 90:
		return w.get(ctx, k)
	default:
		owner := w.h.owned[w.rng.IntN(killClients)]
		return w.getForeign(ctx, owner[w.rng.IntN(len(owner))])
	}
}

func (w *killClient) put(ctx context.Context, k *ownedKey, header http.Header, chunked bool) error {
	c := randomContent(w.rng)
	k.mu.Lock()
	k.sent[c.etag()] = true
	k.mu.Unlock()
	k.open = &keyState{c, true}
	size := c.size
	if chunked {
		size = -1
	}
	head, err := w.d.put(ctx, testBucket, k.name, c.reader(), size, header)
	w.h.put.Add(c.size)
	if isStatus(err, http.StatusPreconditionFailed) {
		return impossible(k.name, "the condition holds and was refused: %v", err)
	}
	if err != nil {
		return fmt.Errorf("put %s: %w", k.name, err)
	}
	if head.ETag != c.etag() {
		return impossible(k.name, "ETag %q, want %q", head.ETag, c.etag())
	}
	w.settled(k)
	return nil
}

func (w *killClient) delete(ctx context.Context, k *ownedKey) error {
	k.open = &keyState{}
	if err := w.d.call(ctx, http.MethodDelete, "/"+testBucket+"/"+k.name); err != nil {
		return fmt.Errorf("delete %s: %w", k.name, err)
	}
	w.settled(k)
	return nil
}

func (w *killClient) settled(k *ownedKey) {
	k.now, k.open = *k.open, nil
	w.total.acknowledged.Add(1)
}

// refusedPut puts under a condition that does not hold.
func (w *killClient) refusedPut(ctx context.Context, k *ownedKey) error {
	header := http.Header{"If-None-Match": {"*"}}
	if !k.now.exists {
		header = http.Header{"If-Match": {`"d41d8cd98f00b204e9800998ecf8427e"`}}
	}
	c := randomContent(w.rng)
	_, err := w.d.put(ctx, testBucket, k.name, c.reader(), c.size, header)
	switch {
	case err == nil:
		return impossible(k.name, "a condition that does not hold (%v) let a PUT pass", header)
	case isStatus(err, http.StatusPreconditionFailed), !k.now.exists && isStatus(err, http.StatusNotFound):
		return nil
	default:
		return fmt.Errorf("put %s: %w", k.name, err)
	}
}

// contest wants to create a key that others want to create, too.
func (w *killClient) contest(ctx context.Context) error {
	k := w.h.contest()
	v := keyState{content{w.rng.Uint64(), w.rng.Int64N(20 << 10)}, true}
	_, err := w.d.put(ctx, testBucket, k.name, v.reader(), v.size, http.Header{"If-None-Match": {"*"}})
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case err == nil:
		w.total.acknowledged.Add(1)
		if k.won = append(k.won, v); len(k.won) > 1 {
			return impossible(k.name, "If-None-Match let two PUTs pass")
		}
	case isStatus(err, http.StatusPreconditionFailed):
		k.lost++
		return nil
	default:
		k.open = append(k.open, v)
		return fmt.Errorf("put %s: %w", k.name, err)
	}
	return nil
}

func (w *killClient) head(ctx context.Context, k *ownedKey) error {
	head, err := w.d.head(ctx, testBucket, k.name)
	switch {
	case isStatus(err, http.StatusNotFound):
		if k.now.exists {
			return impossible(k.name, "acknowledged and not found")
		}
		return nil
	case err != nil:
		return fmt.Errorf("head %s: %w", k.name, err)
	case !k.now.exists:
		return impossible(k.name, "deleted and found")
	case head.Size != k.now.size || head.ETag != k.now.etag():
		return impossible(k.name, "%d bytes with ETag %q, want %d with %q", head.Size, head.ETag, k.now.size, k.now.etag())
	}
	return nil
}

func (w *killClient) get(ctx context.Context, k *ownedKey) error {
	found, err := w.d.getEqual(ctx, k.name, k.now.content)
	var wrong *wrongByte
	switch {
	case errors.As(err, &wrong):
		return impossible(k.name, "%v", err)
	case err != nil:
		return fmt.Errorf("get %s: %w", k.name, err)
	case found != k.now.exists:
		return impossible(k.name, "found: %v, want %v", found, k.now.exists)
	}
	return nil
}

// getForeign reads what another client may be changing: it must be something that was sent, whole.
func (w *killClient) getForeign(ctx context.Context, k *ownedKey) error {
	head, body, err := w.d.get(ctx, testBucket, k.name)
	if isStatus(err, http.StatusNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("get %s: %w", k.name, err)
	}
	defer body.Close()
	sum := md5.New()
	n, err := io.Copy(sum, body)
	if err != nil {
		return fmt.Errorf("get %s: %w", k.name, err)
	}
	etag := hex.EncodeToString(sum.Sum(nil))
	k.mu.Lock()
	sent := k.sent[etag]
	k.mu.Unlock()
	if head.ETag != etag || head.Size != n || !sent {
		return impossible(k.name, "ETag %q over %d bytes whose MD5 is %s, %d announced; sent: %v", head.ETag, n, etag, head.Size, sent)
	}
	return nil
}

// settle reads everything after a start. What was under way is decided by it, and stays so.
func (h *history) settle(t *testing.T, d *process, total *killCount) {
	t.Helper()
	var mu sync.Mutex
	objects := make(map[string]content)
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(8)
	is := func(key string, v keyState) error {
		if v.exists {
			mu.Lock()
			objects[key] = v.content
			mu.Unlock()
			total.compared.Add(1)
		}
		return nil
	}
	for _, keys := range h.owned {
		for _, k := range keys {
			may := []keyState{k.now}
			if k.open != nil {
				may = append(may, *k.open)
				total.open++
			}
			group.Go(func() error {
				i, err := d.whichOf(ctx, k.name, may)
				if err != nil {
					return err
				}
				if k.open != nil && i > 0 {
					mu.Lock()
					total.happened++
					mu.Unlock()
				}
				k.now, k.open = may[i], nil
				return is(k.name, k.now)
			})
		}
	}
	var left []*sharedKey
	for _, k := range h.shared {
		if !k.rest {
			left = append(left, k)
		}
		group.Go(func() error {
			v, err := k.settle(ctx, d)
			if err != nil {
				return err
			}
			if k.rest { // seen after two starts
				return d.call(ctx, http.MethodDelete, "/"+testBucket+"/"+k.name)
			}
			k.rest = true
			return is(k.name, v)
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatalf("after kill %d: %v", total.kills, err)
	}
	h.shared = left
	listed, err := d.listing(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wantListed(t, listed, maps.Clone(objects))
}

func (k *sharedKey) settle(ctx context.Context, d *process) (keyState, error) {
	may := k.won
	if len(may) == 0 {
		may = k.open
		if k.lost == 0 {
			may = append([]keyState{{}}, may...) // nobody was told that it is there
		}
	}
	i, err := d.whichOf(ctx, k.name, may)
	if err != nil {
		return keyState{}, err
	}
	v := may[i]
	k.open, k.lost = nil, 0
	if k.won = nil; v.exists {
		k.won = []keyState{v}
	}
	return v, nil
}

// whichOf says which of the versions that may be there is there.
func (d *process) whichOf(ctx context.Context, key string, may []keyState) (int, error) {
	var errs []error
	for i, v := range may {
		found, err := d.getEqual(ctx, key, v.content)
		if err == nil && found == v.exists {
			return i, nil
		}
		if err == nil {
			err = fmt.Errorf("found: %v", found)
		}
		errs = append(errs, fmt.Errorf("not %d bytes of seed %d (exists: %v): %w", v.size, v.seed, v.exists, err))
	}
	return 0, fmt.Errorf("get %s: it is none of what it may be: %w", key, errors.Join(errs...))
}
