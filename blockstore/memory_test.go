package blockstore

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// drip is a body that comes a byte at a time, and ends when it is told to.
type drip struct {
	rest  []byte
	first int // bytes that come at once
	every time.Duration
	hurry <-chan struct{} // closed: the rest comes at once
}

func (r *drip) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		return 0, io.EOF
	}
	n := 1
	if r.first > 0 {
		n = min(len(p), r.first)
		r.first -= n
	} else {
		select {
		case <-time.After(r.every):
		case <-r.hurry:
			n = len(p)
		}
	}
	n = copy(p[:min(n, len(p))], r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// TestTricklingUploads: 500 uploads of which a byte comes now and then, some of
// them with a megabyte at first, against a budget that holds a few of them.
// Others are served meanwhile, and no more memory is used than there may be.
func TestTricklingUploads(t *testing.T) {
	const uploads = 500
	p, _, _ := poolWithBucket(t, 6, func(o *Options) { o.MemoryBytes = 8 << 20 })
	hurry := make(chan struct{})
	var wg sync.WaitGroup
	body := func(i int) []byte {
		if i%5 == 0 {
			return randomBody(uint64(i), 600_000+i)
		}
		return randomBody(uint64(i), 1000+i)
	}
	for i := range uploads {
		wg.Go(func() {
			b := body(i)
			r := &drip{rest: b, first: len(b) * (i % 2) * 9 / 10, every: 200 * time.Millisecond, hurry: hurry}
			size := int64(len(b))
			if i%3 == 0 {
				size = -1
			}
			if _, err := p.Put(t.Context(), "bucket", fmt.Sprint("slow", i), r, PutOptions{Size: size}); err != nil {
				t.Errorf("upload %d: %v", i, err)
			}
		})
	}
	done := make(chan struct{})
	var most atomic.Int64
	go func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(time.Millisecond):
				if used, _ := p.mem.usage(); used > most.Load() {
					most.Store(used)
				}
			}
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for round := range 3 {
		for i, n := range bodySizes {
			b := randomBody(uint64(i), n)
			if _, err := p.Put(ctx, "bucket", fmt.Sprint("quick", n), bytes.NewReader(b), PutOptions{Size: int64(n)}); err != nil {
				t.Fatalf("round %d: put of %d bytes: %v", round, n, err)
			}
			wantBytes(t, p, "bucket", fmt.Sprint("quick", n), b)
		}
	}
	close(hurry)
	wg.Wait()
	close(done)
	for i := range uploads {
		wantBytes(t, p, "bucket", fmt.Sprint("slow", i), body(i))
	}
	m := status(t, p).Memory
	if m.UsedBytes != 0 {
		t.Errorf("%d bytes are in use when nothing is under way", m.UsedBytes)
	}
	if most.Load() > m.TotalBytes {
		t.Errorf("%d bytes were in use; the budget is %d", most.Load(), m.TotalBytes)
	}
	// Every share has a floor, and verifying has its stripe beside what clients get.
	if verifying := p.mem.checks.total; m.TotalBytes-verifying > 16<<20 {
		t.Errorf("the budget is %d bytes, %d of them for verifying; 8 MiB were asked for", m.TotalBytes, verifying)
	}
	t.Logf("at most %d of %d bytes in use", most.Load(), m.TotalBytes)
}

// TestMorePutsThanMemory: more large objects at once than the budget holds
// stripes for, read back at once: all complete.
func TestMorePutsThanMemory(t *testing.T) {
	p, o, fsys := poolWithBucket(t, 6, func(o *Options) { o.MemoryBytes = 4 << 20 })
	each := func(what string, do func(i int) error) {
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() {
				if err := do(i); err != nil {
					t.Errorf("%s %d: %v", what, i, err)
				}
			})
		}
		wg.Wait()
	}
	body := func(i int) []byte { return randomBody(uint64(i), 2_000_000+i) }
	put := func(i int) error {
		b := body(i)
		_, err := p.Put(t.Context(), "bucket", fmt.Sprint(i), bytes.NewReader(b), PutOptions{Size: int64(len(b))})
		return err
	}
	get := func(i int) error {
		got, err := getBytes(t.Context(), p, "bucket", fmt.Sprint(i))
		if err == nil && !bytes.Equal(got, body(i)) {
			err = fmt.Errorf("wrong bytes")
		}
		return err
	}
	each("put", put)
	each("get", get)
	// Reconstruction takes more of it.
	fsys.Unplug(o.Dirs[1])
	fsys.Unplug(o.Dirs[4])
	each("degraded get", get)
	each("degraded put", put)
	each("degraded get", get)
	waitFor(t, "the buffers to come back", func() bool { return status(t, p).Memory.UsedBytes == 0 })
}
