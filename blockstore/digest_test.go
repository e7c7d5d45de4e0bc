package blockstore

import (
	"bytes"
	"crypto/md5"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/blockstore/faultfs"
)

// listener is a Digest that keeps what it is given, and notes what should not be.
type listener struct {
	t        *testing.T
	busy     atomic.Bool
	finished atomic.Bool
	heard    bytes.Buffer
	slow     time.Duration
}

func (l *listener) digest(p []byte) {
	if !l.busy.CompareAndSwap(false, true) {
		l.t.Error("two calls of Digest at once")
	}
	if l.finished.Load() {
		l.t.Error("a call of Digest after Finish")
	}
	time.Sleep(l.slow)
	l.heard.Write(p)
	l.busy.Store(false)
}

func (l *listener) finish() (Finished, error) {
	l.finished.Store(true)
	return Finished{}, nil
}

func (l *listener) options(size int64) PutOptions {
	return PutOptions{Size: size, Digest: l.digest, Finish: l.finish}
}

// TestDigestHearsTheBody: all bytes, in their order, before Finish; of an object as
// of a part, announced or not, in one piece or many.
func TestDigestHearsTheBody(t *testing.T) {
	p, _, _ := poolWithBucket(t, 6, nil)
	id := beginUpload(t, p, "parts")
	stripe := 4 * drive.MaxColumnBytes
	for _, n := range append(bodySizes, stripe, stripe+1, 3*stripe-1, 5*stripe+300_000) {
		body := randomBody(uint64(n), n)
		for _, size := range []int64{int64(n), -1} {
			for name, r := range map[string]io.Reader{"at once": bytes.NewReader(body), "in drops": &trickle{bytes.NewReader(body), 1 + n/7}} {
				l := &listener{t: t}
				_, err := p.Put(t.Context(), "bucket", "k", r, l.options(size))
				must(t, err)
				if !bytes.Equal(l.heard.Bytes(), body) {
					t.Errorf("%d bytes (announced %d, %s): Digest heard %d, or others", n, size, name, l.heard.Len())
				}
			}
			l := &listener{t: t}
			_, err := p.PutPart(t.Context(), "bucket", "parts", id, 1, bytes.NewReader(body), PartOptions{Size: size, Digest: l.digest, Finish: l.finish})
			must(t, err)
			if !bytes.Equal(l.heard.Bytes(), body) {
				t.Errorf("a part of %d bytes (announced %d): Digest heard %d, or others", n, size, l.heard.Len())
			}
		}
	}
}

// TestDigestOfShortStripes: what is moved within its columns, since others want
// memory while the client is slow, is digested as it came (R21).
func TestDigestOfShortStripes(t *testing.T) {
	p, _, fsys := poolWithBucket(t, 6, nil)
	p.mem.uploads.waiting.Add(1) // as if
	p.mem.uploads.lending.want()
	defer p.mem.uploads.waiting.Add(-1)
	body := randomBody(1, 1_300_000)
	l := &listener{t: t, slow: 20 * time.Millisecond}
	hurry := make(chan struct{}) // closed when the first stripe is written
	goOn := sync.OnceFunc(func() { close(hurry) })
	fsys.SetHook(func(op faultfs.Op) (f faultfs.Fault) {
		if op.Kind == faultfs.Write && op.Offset >= drive.FirstBlock && kindOf(p, op) == drive.Bulk {
			goOn()
		}
		return f
	})
	_, err := p.Put(t.Context(), "bucket", "k", &drip{rest: bytes.Clone(body), first: 700_000, every: 100 * time.Millisecond, hurry: hurry}, l.options(-1))
	must(t, err)
	if !bytes.Equal(l.heard.Bytes(), body) {
		t.Errorf("Digest heard %d bytes of %d, or others", l.heard.Len(), len(body))
	}
	o, err := p.Get(t.Context(), "bucket", "k")
	must(t, err)
	defer o.Close()
	if len(o.object.Extents) < 2 {
		t.Error("the upload wrote no short stripe")
	}
	wantBytes(t, p, "bucket", "k", body)
}

// TestDigestOfNarrowerStripes: stripes that go into a segment narrower than the one
// they were made for are digested once.
func TestDigestOfNarrowerStripes(t *testing.T) {
	p, _, _ := poolWithBucket(t, 6, nil)
	body := randomBody(1, 9*4*drive.MaxColumnBytes+1000)
	for _, at := range []int{100, 2_300_000} {
		l := &listener{t: t}
		slot := fmt.Sprint(1 + at%2 + at/1_000_000)
		r := &gatedBody{body: bytes.NewReader(body), at: at, do: func() {
			_, err := p.FailDrive(t.Context(), slot, ChangeOptions{})
			if err != nil {
				t.Error(err)
			}
		}}
		_, err := p.Put(t.Context(), "bucket", "k", r, l.options(int64(len(body))))
		must(t, err)
		if !bytes.Equal(l.heard.Bytes(), body) {
			t.Errorf("Digest heard %d bytes of %d, or others", l.heard.Len(), len(body))
		}
		wantBytes(t, p, "bucket", "k", body)
	}
}

// TestDigestersGiveBack: with the least memory there is, as many uploads as there
// are columns, each with a Digest that is slow: all come to their end, and all memory
// comes back, that of those which are cut too (R21).
func TestDigestersGiveBack(t *testing.T) {
	o, _ := ruleOptions(t, 4, 2)
	o.MemoryBytes = 1
	p := rulePool(t, o)
	n := int(p.mem.uploads.total / int64(p.mem.columnBytes()))
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			body := randomBody(uint64(i), 1_500_000)
			size := int64(len(body))
			if i%4 == 3 {
				size++ // which it has not
			}
			sum := md5.New()
			opt := PutOptions{Size: size, Digest: func(p []byte) {
				time.Sleep(time.Millisecond)
				sum.Write(p)
			}, Finish: func() (Finished, error) { return Finished{ETag: fmt.Sprintf("%x", sum.Sum(nil))}, nil }}
			info, err := p.Put(t.Context(), "bucket", fmt.Sprint(i), bytes.NewReader(body), opt)
			switch {
			case i%4 == 3 && errors.Is(err, ErrBodySize):
			case err != nil || info.ETag != fmt.Sprintf("%x", md5.Sum(body)):
				t.Errorf("upload %d: %+v, %v", i, info, err)
			}
		})
	}
	wg.Wait()
	waitFor(t, "the buffers to come back", func() bool { used, _ := p.mem.usage(); return used == 0 })
}

// blank is a body of n bytes that cost nothing to make.
type blank struct{ left int64 }

func (r *blank) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), r.left))
	r.left -= int64(n)
	return n, nil
}

// BenchmarkPutDigest stores 64 MiB, with an MD5 of it and without, beside MD5 alone.
func BenchmarkPutDigest(b *testing.B) {
	const size = 64 << 20
	p, err := Open(b.Context(), Options{Init: true, Dirs: dirsOf(6, b.TempDir()), Logger: testLogger()})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = p.Close(b.Context()) }()
	if err := p.CreateBucket(b.Context(), "bucket"); err != nil {
		b.Fatal(err)
	}
	b.Run("md5 alone", func(b *testing.B) {
		b.SetBytes(size)
		buf := make([]byte, drive.MaxColumnBytes)
		for b.Loop() {
			sum := md5.New()
			for n := 0; n < size; n += len(buf) {
				sum.Write(buf)
			}
		}
	})
	for name, with := range map[string]func() hash.Hash{"put": nil, "put with md5": md5.New} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(size)
			for b.Loop() {
				opt := PutOptions{Size: size}
				if with != nil {
					sum := with()
					opt.Digest = func(p []byte) { sum.Write(p) }
				}
				if _, err := p.Put(b.Context(), "bucket", "k", &blank{size}, opt); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
