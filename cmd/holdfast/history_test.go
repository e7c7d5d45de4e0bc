package main

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"golang.org/x/sync/errgroup"
)

// TestHistories lets 16 clients put, read, delete, compare and swap the same few keys of a real daemon, which is killed
// and whose drives are taken away meanwhile, and has Porcupine find the order in which all of it makes sense: the
// promise of S3, that whoever has been answered has changed what everybody sees (layer 4 of our proof).
//
// It goes in rounds, each checked by itself, with a pause between in which every key is read: that is how the next one
// begins. Some rounds list the bucket, too; those have few keys, since a listing reads all of them at one moment. What
// gets no clear answer may have happened, or may happen, until the next start of the daemon.
//
// HOLDFAST_HISTORIES is the number of requests, 6,000 if it is not set.
func TestHistories(t *testing.T) {
	t.Parallel()
	h := &histories{t: t, d: newProcess(t, 6, "--segment-size", "32MiB"), rng: rand.New(rand.NewPCG(seedOf(t), 0)), began: time.Now()}
	h.d.begin()
	for want := number(t, "HOLDFAST_HISTORIES", 6000); h.requests < want; h.rounds++ {
		h.round()
	}
	h.findDrives()
	t.Logf("%d requests in %d rounds, of which %d with listings, %d with a SIGKILL, %d begun or ended without drives; %d answers left it open; every round linearizable; %v",
		h.requests, h.rounds, h.listRounds, h.kills, h.reduced, h.maybes, time.Since(h.began).Round(time.Second))
}

const (
	historyClients = 16
	historyRound   = 2000 // requests at most
	listRound      = 64   // all of them on one state: the checker's time grows fast
)

// histories is what goes on from round to round.
type histories struct {
	t     *testing.T
	d     *process
	rng   *rand.Rand
	began time.Time

	names []string
	// begin is what is under the keys; of each key those requests that may yet happen.
	begin   map[string]string
	pending map[string][]porcupine.Operation
	away    []string // drives
	coming  bool     // they are back, and have not been seen to take part again

	requests, rounds, listRounds, kills, reduced, maybes int
}

// round is one quiesced history.
func (h *histories) round() {
	t := h.t
	t.Helper()
	listing := h.rounds%6 == 3
	if h.rounds%8 == 0 { // other keys, so that all sizes of keys' histories occur
		h.names, h.begin, h.pending = h.newNames(), map[string]string{}, map[string][]porcupine.Operation{}
	}
	names, size := h.names, 200+h.rng.IntN(historyRound-200)
	if listing {
		names, size = h.names[:listKeys], listRound
		h.listRounds++
	}
	end := h.trouble()
	defer end()
	r := &historyRun{h: h, names: names, listing: listing, left: size}
	kill := h.rng.IntN(8) == 1 || h.crowded()
	r.run(kill)
	if kill {
		h.kills++
		h.d.start()
		h.pending = map[string][]porcupine.Operation{} // what has not happened by now never will
	}
	r.readAll()
	h.requests += len(r.history)
	h.check(r, kill)
}

// newNames gives keys of which the first few are all that lies below one prefix.
func (h *histories) newNames() []string {
	n := listKeys + h.rng.IntN(12)
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("round%05d/other/%02d", h.rounds, i)
		if i < listKeys {
			names[i] = fmt.Sprintf("round%05d/listed/%02d", h.rounds, i)
		}
	}
	return names
}

// crowded says that so much is pending that the checker would take long.
func (h *histories) crowded() bool {
	for _, list := range h.pending {
		if len(list) > 4 {
			return true
		}
	}
	return false
}

// trouble takes up to two drives away for some rounds, and brings them back. What it starts in the middle of the round
// has ended when the function that it returns has.
func (h *histories) trouble() (wait func()) {
	var act func() error
	switch {
	case h.coming:
		h.whole()
		return func() {}
	case len(h.away) == 0 && h.rng.IntN(6) == 0:
		gone := slices.Clone(h.d.dirs)
		h.rng.Shuffle(len(gone), func(i, j int) { gone[i], gone[j] = gone[j], gone[i] })
		h.away = gone[:1+h.rng.IntN(2)]
		act = func() error { return h.move(h.away, "", ".away") }
	case len(h.away) > 0 && h.rng.IntN(3) == 0:
		back := h.away
		h.away = nil
		h.coming = true
		act = func() error { return h.move(back, ".away", "") }
	default:
		return func() {}
	}
	h.reduced++
	var group errgroup.Group
	pause := time.Duration(h.rng.IntN(150)) * time.Millisecond
	group.Go(func() error {
		time.Sleep(pause)
		return act()
	})
	return func() {
		if err := group.Wait(); err != nil {
			h.t.Fatal(err)
		}
	}
}

func (h *histories) move(dirs []string, from, to string) error {
	for _, dir := range dirs {
		if err := os.Rename(dir+from, dir+to); err != nil {
			return err
		}
	}
	return nil
}

// findDrives brings back what is away.
func (h *histories) findDrives() {
	if err := h.move(h.away, ".away", ""); err != nil {
		h.t.Fatal(err)
	}
	h.away = nil
	h.whole()
}

// whole waits until all drives take part again: only then others may go.
func (h *histories) whole() {
	h.t.Helper()
	h.coming = false
	deadline := time.Now().Add(time.Minute)
	for time.Now().Before(deadline) {
		report, _, err := h.d.admin.status(h.t.Context())
		if err == nil && report.Pool.State == stateOnline {
			return
		}
		time.Sleep(50 * time.Millisecond) // killed meanwhile, perhaps
	}
	h.t.Fatal("the drives that came back do not take part again")
}

// check has each key's history judged, or that of all keys together if it has listings.
func (h *histories) check(r *historyRun, killed bool) {
	t := h.t
	t.Helper()
	next := make(map[string]string)
	for i, name := range r.names {
		next[name] = r.final[i]
	}
	judge := func(begin keyEtags, history []porcupine.Operation) {
		if ok, why := linearizable(begin, history); !ok {
			t.Fatalf("round %d: %s", h.rounds, why)
		}
	}
	if r.listing {
		var begin keyEtags
		history := r.history
		for i, name := range r.names {
			begin[i] = h.begin[name]
			for _, o := range h.pending[name] {
				d := o.Input.(deed)
				d.key = i
				o.Input = d
				history = append(history, o)
			}
		}
		judge(begin, history)
	} else {
		for i, name := range r.names {
			history := slices.Clone(h.pending[name])
			for _, o := range r.history {
				if d := o.Input.(deed); d.key == i {
					d.key = 0
					o.Input = d
					history = append(history, o)
				}
			}
			judge(keyEtags{h.begin[name]}, history)
		}
	}
	for _, o := range r.history {
		d, a := o.Input.(deed), o.Output.(answer)
		if !a.maybe {
			continue
		}
		h.maybes++
		if !killed {
			name := r.names[d.key]
			d.key, o.Input = 0, d
			h.pending[name] = append(h.pending[name], o)
		}
	}
	for name, etag := range next {
		h.begin[name] = etag
		// What was seen has happened, and will not happen again.
		h.pending[name] = slices.DeleteFunc(h.pending[name], func(o porcupine.Operation) bool {
			d := o.Input.(deed)
			return d.kind != deedDelete && d.etag == etag
		})
	}
}

// historyRun is one round while it goes on.
type historyRun struct {
	h       *histories
	names   []string
	listing bool
	killed  atomic.Bool

	mu      sync.Mutex
	left    int
	history []porcupine.Operation
	final   []string // ETags at the end
}

// run has the clients work until the round is full, or the daemon was killed.
func (r *historyRun) run(kill bool) {
	h := r.h
	h.t.Helper()
	group, ctx := errgroup.WithContext(h.t.Context())
	for i := range historyClients {
		c := &historyClient{r: r, id: i, rng: rand.New(rand.NewPCG(h.rng.Uint64(), 0)), seen: make([]string, len(r.names))}
		group.Go(func() error { return c.work(ctx) })
	}
	if kill {
		select {
		case <-time.After(time.Duration(10+h.rng.IntN(400)) * time.Millisecond):
		case <-ctx.Done():
		}
		r.killed.Store(true)
		h.d.kill()
	}
	if err := group.Wait(); err != nil {
		h.t.Fatalf("round %d: %v", h.rounds, err)
	}
}

func (r *historyRun) next() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left--
	return r.left >= 0
}

func (r *historyRun) add(id int, d deed, a answer, call, done int64) {
	if a.maybe {
		if !d.kind.writes() {
			return // says nothing
		}
		done = never
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.history = append(r.history, porcupine.Operation{ClientId: id, Input: d, Call: call, Output: a, Return: done})
}

func (r *historyRun) now() int64 { return int64(time.Since(r.h.began)) }

// readAll reads every key at the end of the round.
func (r *historyRun) readAll() {
	t := r.h.t
	t.Helper()
	c := &historyClient{r: r, id: historyClients, seen: make([]string, len(r.names))}
	r.final = make([]string, len(r.names))
	for i := range r.names {
		d := deed{kind: deedGet, key: i}
		call := r.now()
		a, err := c.ask(t.Context(), d, content{})
		if err != nil || a.maybe {
			t.Fatalf("round %d: reading %s at the end: %v (%v)", r.h.rounds, r.names[i], err, a)
		}
		r.add(c.id, d, a, call, r.now())
		r.final[i] = a.etag
	}
}

// historyClient is one of the clients of a round.
type historyClient struct {
	r    *historyRun
	id   int
	rng  *rand.Rand
	seen []string // the ETag that this client knows last
}

func (c *historyClient) work(ctx context.Context) error {
	for c.r.next() {
		d, body := c.choose()
		call := c.r.now()
		a, err := c.ask(ctx, d, body)
		if err != nil && !c.r.killed.Load() {
			return fmt.Errorf("%v %s: %w", d.kind, c.r.names[d.key], err)
		}
		a.maybe = a.maybe || err != nil
		c.r.add(c.id, d, a, call, c.r.now())
		if err != nil {
			return nil // killed
		}
		c.learn(d, a)
	}
	return nil
}

func (c *historyClient) learn(d deed, a answer) {
	switch {
	case a.maybe || a.refused:
	case d.kind == deedList:
		copy(c.seen, a.listed[:])
	case d.kind.writes():
		c.seen[d.key] = d.etag
	default:
		c.seen[d.key] = a.etag
	}
}

func (c *historyClient) choose() (deed, content) {
	d := deed{key: c.rng.IntN(len(c.r.names))}
	switch n := c.rng.IntN(100); {
	case c.r.listing && n < 15:
		return deed{kind: deedList}, content{}
	case n < 30:
		d.kind = deedGet
	case n < 45:
		d.kind = deedHead
	case n < 60:
		d.kind = deedDelete
		return d, content{}
	case n < 75:
		d.kind = deedPut
	case n < 87 || c.seen[d.key] == "":
		d.kind = deedCreate
	default:
		d.kind, d.old = deedSwap, c.seen[d.key]
	}
	if !d.kind.writes() {
		return d, content{}
	}
	body := content{seed: c.rng.Uint64()}
	switch n := c.rng.IntN(100); {
	case n < 70:
		body.size = 1 + c.rng.Int64N(4<<10)
	case n < 98:
		body.size = 1 + c.rng.Int64N(32<<10)
	default: // not in a batch
		body.size = 256<<10 + c.rng.Int64N(256<<10)
	}
	d.etag = body.etag()
	return d, body
}

// ask does it. An error is one that must not be unless the daemon was killed.
func (c *historyClient) ask(ctx context.Context, d deed, body content) (answer, error) {
	p, key := c.r.h.d, c.r.names[d.key]
	switch d.kind {
	case deedGet:
		return readAnswer(c.get(ctx, key))
	case deedHead:
		head, err := p.head(ctx, testBucket, key)
		return readAnswer(head.ETag, err)
	case deedList:
		listed, err := c.list(ctx)
		a, err := readAnswer("", err)
		a.listed = listed
		return a, err
	case deedDelete:
		return writeAnswer(p.call(ctx, http.MethodDelete, "/"+testBucket+"/"+key))
	}
	var header http.Header
	switch d.kind {
	case deedCreate:
		header = http.Header{"If-None-Match": {"*"}}
	case deedSwap:
		header = http.Header{"If-Match": {`"` + d.old + `"`}}
	}
	_, err := p.put(ctx, testBucket, key, body.reader(), body.size, header)
	return writeAnswer(err)
}

func readAnswer(etag string, err error) (answer, error) {
	switch {
	case isStatus(err, http.StatusNotFound):
		return answer{}, nil
	case isStatus(err, http.StatusServiceUnavailable):
		return answer{maybe: true}, nil
	}
	return answer{etag: etag}, err
}

func writeAnswer(err error) (answer, error) {
	switch {
	case isStatus(err, http.StatusPreconditionFailed), isStatus(err, http.StatusNotFound):
		return answer{refused: true}, nil
	case isStatus(err, http.StatusServiceUnavailable):
		return answer{maybe: true}, nil
	}
	return answer{}, err
}

// get gives the ETag, which must be that of the bytes.
func (c *historyClient) get(ctx context.Context, key string) (string, error) {
	head, body, err := c.r.h.d.get(ctx, testBucket, key)
	if err != nil {
		return "", err
	}
	sum := md5.New()
	_, err = io.Copy(sum, body)
	if err := errors.Join(err, body.Close()); err != nil {
		return "", err
	}
	if etag := hex.EncodeToString(sum.Sum(nil)); etag != head.ETag {
		c.r.h.t.Errorf("%s: ETag %s over bytes with the MD5 %s", key, head.ETag, etag)
	}
	return head.ETag, nil
}

// list gives the ETags of the keys of a round with listings.
func (c *historyClient) list(ctx context.Context) (listed keyEtags, err error) {
	prefix, _, _ := strings.Cut(c.r.names[0], "listed/")
	p, err := c.r.h.d.list(ctx, testBucket, prefix+"listed/", "", "", 0)
	for _, o := range p.Objects {
		i := slices.Index(c.r.names, o.Key)
		if i < 0 {
			return listed, fmt.Errorf("%q is listed", o.Key)
		}
		listed[i] = strings.Trim(o.ETag, `"`)
	}
	return listed, err
}
