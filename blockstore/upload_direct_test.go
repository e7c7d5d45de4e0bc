package blockstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// sudden is an ImmediateBody: its bytes come in heaps of any length, and Read gives of one heap only.
type sudden struct {
	rest  []byte
	heap  int           // bytes that are there
	next  func() int    // length of the next heap
	pause func()        // while it waits for one
	fail  error         // behind the last byte, in place of io.EOF
	no    bool          // it cannot be read so
	on    bool          // it is
	check func(at bool) // in each Read that does not wait
}

func (b *sudden) Immediate(on bool) bool {
	if b.no {
		return false
	}
	b.on = on
	return true
}

func (b *sudden) Await() {
	if !b.on {
		panic("Await of a body that waits by itself")
	}
	b.come()
}

func (b *sudden) come() {
	if b.heap > 0 || len(b.rest) == 0 {
		return
	}
	if b.pause != nil {
		b.pause()
	}
	b.heap = min(b.next(), len(b.rest))
}

func (b *sudden) Read(p []byte) (int, error) {
	if b.check != nil {
		b.check(b.on)
	}
	if !b.on {
		b.come()
	}
	n := copy(p, b.rest[:b.heap])
	b.rest, b.heap = b.rest[n:], b.heap-n
	if len(b.rest) > 0 {
		return n, nil
	}
	if b.fail != nil {
		return n, b.fail
	}
	return n, io.EOF
}

// yieldAll has every upload that waits give its columns back.
func yieldAll(p *Pool) {
	p.mem.uploads.lending.mu.Lock()
	var list []borrower
	for b := range p.mem.uploads.lending.borrowers {
		list = append(list, b)
	}
	p.mem.uploads.lending.mu.Unlock()
	for _, b := range list {
		b.yield()
	}
}

// TestImmediateBodies: whatever comes when, and is given to others meanwhile, is stored as it came, in stripes that are
// no smaller than those of other bodies; and nobody has a column while a read may write to it.
func TestImmediateBodies(t *testing.T) {
	p, _, _ := poolWithBucket(t, 6, nil)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	heaps := map[string]func() int{
		"all":   func() int { return 1 << 30 },
		"any":   func() int { return 1 + rng.IntN(200_000) },
		"pages": func() int { return 4096 * (1 + rng.IntN(40)) },
		"drips": func() int { return 1 + rng.IntN(3000) },
	}
	for name, next := range heaps {
		for _, size := range []int{1, intakeBytes, intakeBytes + 1, 200_000, 300_000, 1 << 20, 3<<20 + 12_345} {
			for _, yields := range []int{0, 3, 1} { // none; one pause of so many
				key := fmt.Sprintf("%s of %d, %d", name, size, yields)
				body := randomBody(seed+uint64(size), size)
				read := &sudden{rest: body, next: next, check: func(on bool) {
					for b := range p.mem.uploads.lending.borrowers { // the one, if it has columns
						locked := !b.(*upload).mu.TryLock()
						if !locked {
							b.(*upload).mu.Unlock()
						}
						if on != locked {
							t.Errorf("%s: a read that waits: %v; the columns are the upload's own: %v", key, !on, locked)
						}
					}
				}}
				read.pause = func() {
					if yields > 0 && rng.IntN(yields) == 0 {
						yieldAll(p)
					}
				}
				if _, err := p.Put(t.Context(), "bucket", key, read, PutOptions{Size: int64(size)}); err != nil {
					t.Fatalf("%s: %v", key, err)
				}
				if read.on {
					t.Errorf("%s: left as one that does not wait", key)
				}
				wantBytes(t, p, "bucket", key, body)
			}
		}
	}
	wantGivenBack(t, p)
}

// wantGivenBack: no upload holds memory any more.
func wantGivenBack(t *testing.T, p *Pool) {
	t.Helper()
	waitFor(t, "the uploads' memory to be given back", func() bool { return p.mem.uploads.used.Load() == 0 })
}

// TestImmediateDripsAreNotStripes: an upload of which little comes at a time gives its column back without a stripe of
// that little.
func TestImmediateDripsAreNotStripes(t *testing.T) {
	p, _, _ := poolWithBucket(t, 6, nil)
	body := randomBody(1, 700_000)
	yielded := 0
	var u *upload
	read := &sudden{rest: bytes.Clone(body), next: func() int { return 1000 }, pause: func() {
		yieldAll(p)
		if yielded++; len(u.cols) > 0 {
			t.Error("it keeps columns while it waits")
		}
	}}
	u = p.newUpload(t.Context(), read, int64(len(body)), nil)
	defer u.close()
	if err := u.receive(); err != nil {
		t.Fatal(err)
	}
	if yielded < 600 {
		t.Fatalf("it waited %d times only", yielded)
	}
	for i, s := range u.stripes[:len(u.stripes)-1] {
		if s.bytes < intakeBytes {
			t.Errorf("stripe %d of %d holds %d bytes", i, len(u.stripes), s.bytes)
		}
	}
}

// TestImmediateBodiesThatEnd too early, or cannot be read so.
func TestImmediateBodiesThatEnd(t *testing.T) {
	p, _, _ := poolWithBucket(t, 6, nil)
	body := randomBody(1, 1<<20)
	all := func() int { return 100_000 }
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		body *sudden
		size int64
		want error
	}{
		"short":  {&sudden{next: all}, 2 << 20, io.ErrUnexpectedEOF},
		"broken": {&sudden{next: all, fail: broken}, 2 << 20, broken},
		"no":     {&sudden{next: all, no: true}, 1 << 20, nil},
	} {
		c.body.rest = body
		_, err := p.Put(t.Context(), "bucket", name, c.body, PutOptions{Size: c.size})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if c.want == nil {
			wantBytes(t, p, "bucket", name, body)
		}
		if c.body.on {
			t.Errorf("%s: left as one that does not wait", name)
		}
	}
	wantGivenBack(t, p)
}

// TestIdleImmediateUploadsGiveBack is TestIdleUploadsGiveBack of bodies that do not wait in a read.
func TestIdleImmediateUploadsGiveBack(t *testing.T) {
	p, _, _ := poolWithBucket(t, 6, func(o *Options) { o.MemoryBytes = 16 << 20 })
	stop := make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(stop)
	var stand sync.WaitGroup
	for i := range 80 {
		stand.Add(1)
		wg.Go(func() {
			first, once := true, sync.OnceFunc(stand.Done)
			body := &sudden{rest: make([]byte, 10<<20), next: func() int { return 400 << 10 }, fail: io.ErrUnexpectedEOF}
			body.pause = func() {
				if !first {
					once()
					<-stop
					body.rest = body.rest[:min(1, len(body.rest))]
				}
				first = false
			}
			_, err := p.Put(context.Background(), "bucket", fmt.Sprint("x", i), body, PutOptions{Size: 10 << 20})
			once()
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("upload %d: %v", i, err)
			}
		})
	}
	stand.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for _, n := range []int{10_000, 1_000_000} {
		body := randomBody(1, n)
		if _, err := p.Put(ctx, "bucket", fmt.Sprint(n), bytes.NewReader(body), PutOptions{Size: int64(n)}); err != nil {
			t.Errorf("a body of %d bytes while others stand still: %v", n, err)
		}
		wantBytes(t, p, "bucket", fmt.Sprint(n), body)
	}
}
