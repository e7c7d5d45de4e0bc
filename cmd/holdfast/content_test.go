package main

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"
)

// content is the bytes of an object, by what makes them: nothing of it is kept in memory.
type content struct {
	seed uint64
	size int64
}

func (c content) reader() io.Reader {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], c.seed)
	return io.LimitReader(rand.NewChaCha8(key), c.size)
}

// etag is what the daemon must give the object: the MD5 of its bytes, in hexadecimal.
func (c content) etag() string {
	sum := md5.New()
	_, _ = io.Copy(sum, c.reader()) // neither of them fails
	return hex.EncodeToString(sum.Sum(nil))
}

// equal reads a body to its end and compares.
func (c content) equal(body io.Reader) error {
	want, got := make([]byte, 64<<10), make([]byte, 64<<10)
	made := c.reader()
	for at := int64(0); ; {
		n, err := io.ReadFull(body, got)
		m, _ := io.ReadFull(made, want[:n])
		if m < n {
			return fmt.Errorf("longer than %d bytes", c.size)
		}
		if !bytes.Equal(got[:n], want[:m]) {
			for i := range n {
				if got[i] != want[i] {
					return &wrongByte{at + int64(i), c.size}
				}
			}
		}
		at += int64(n)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF) && at == c.size:
			if at != c.size {
				return fmt.Errorf("%d bytes of %d", at, c.size)
			}
			return nil
		case err != nil:
			return fmt.Errorf("after %d bytes of %d: %w", at, c.size, err)
		}
	}
}

// wrongByte is what must never be.
type wrongByte struct{ at, size int64 }

func (e *wrongByte) Error() string { return fmt.Sprintf("byte %d of %d is wrong", e.at, e.size) }

// randomContent has a size from each of the ranges that are stored in different ways: in one block, in a batch over
// several columns, near the limit between batch and bulk, in several stripes.
func randomContent(rng *rand.Rand) content {
	c := content{seed: rng.Uint64()}
	switch n := rng.IntN(100); {
	case n < 3:
		c.size = 0
	case n < 50:
		c.size = rng.Int64N(4 << 10)
	case n < 75:
		c.size = rng.Int64N(64 << 10)
	case n < 85:
		c.size = 256<<10 + rng.Int64N(128) - 64
	case n < 97:
		c.size = rng.Int64N(1 << 20)
	default:
		c.size = rng.Int64N(5 << 20)
	}
	return c
}

// getAll reads an object whole and compares it. A missing object is not an error: found is false.
func (d *process) getEqual(ctx context.Context, key string, want content) (found bool, err error) {
	head, body, err := d.get(ctx, testBucket, key)
	if isStatus(err, http.StatusNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer body.Close()
	if head.Size != want.size {
		return true, fmt.Errorf("%d bytes announced, want %d", head.Size, want.size)
	}
	return true, want.equal(body)
}

// listing is every object of the bucket as the listing has it, asked for in pages of a few.
func (d *process) listing(ctx context.Context) (map[string]listedObject, error) {
	all := make(map[string]listedObject)
	last := ""
	for token := ""; ; {
		page, err := d.list(ctx, testBucket, "", "", token, 37)
		if err != nil {
			return nil, err
		}
		for _, o := range page.Objects {
			if o.Key <= last {
				return nil, fmt.Errorf("listing: %q comes after %q", o.Key, last)
			}
			all[o.Key], last = o, o.Key
		}
		if token = page.Next; token == "" {
			return all, nil
		}
	}
}

// shelf is what a test has stored and knows of: every key has one content, acknowledged.
type shelf struct {
	mu      sync.Mutex
	objects map[string]content
}

func newShelf() *shelf { return &shelf{objects: make(map[string]content)} }

func (s *shelf) note(key string, c content) {
	s.mu.Lock()
	s.objects[key] = c
	s.mu.Unlock()
}

func (s *shelf) forget(key string) {
	s.mu.Lock()
	delete(s.objects, key)
	s.mu.Unlock()
}

func (s *shelf) snapshot() map[string]content {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.objects)
}

// any picks one.
func (s *shelf) any(rng *rand.Rand) (key string, c content, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := rng.IntN(max(1, len(s.objects)))
	for key, c = range s.objects {
		if n--; n < 0 {
			return key, c, true
		}
	}
	return "", content{}, false
}

// store puts one object and notes it once it is acknowledged.
func (d *process) store(ctx context.Context, s *shelf, key string, c content) error {
	if _, err := d.put(ctx, testBucket, key, c.reader(), c.size, nil); err != nil {
		return err
	}
	s.note(key, c)
	return nil
}

// fill stores n objects of all sizes under prefix.
func (d *process) fill(s *shelf, prefix string, n int, rng *rand.Rand) {
	d.t.Helper()
	group, ctx := errgroup.WithContext(d.t.Context())
	group.SetLimit(8)
	for i := range n {
		c := randomContent(rng)
		group.Go(func() error {
			key := fmt.Sprintf("%s/%04d", prefix, i)
			if err := d.store(ctx, s, key, c); err != nil {
				return fmt.Errorf("put %s: %w", key, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		d.t.Fatal(err)
	}
}

// wantAll reads everything on the shelf, and wants the listing to be exactly that.
func (d *process) wantAll(s *shelf) {
	d.t.Helper()
	objects := s.snapshot()
	group, ctx := errgroup.WithContext(d.t.Context())
	group.SetLimit(8)
	for key, c := range objects {
		group.Go(func() error {
			found, err := d.getEqual(ctx, key, c)
			if err == nil && !found {
				err = errors.New("it is gone")
			}
			if err != nil {
				return fmt.Errorf("get %s: %w", key, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		d.t.Fatal(err)
	}
	listed, err := d.listing(d.t.Context())
	if err != nil {
		d.t.Fatal(err)
	}
	wantListed(d.t, listed, objects)
}

func wantListed(t testing.TB, listed map[string]listedObject, objects map[string]content) {
	t.Helper()
	for _, key := range slices.Sorted(maps.Keys(objects)) {
		o, found := listed[key]
		switch c := objects[key]; {
		case !found:
			t.Errorf("listing: %s is not in it", key)
		case o.Size != c.size || o.ETag != `"`+c.etag()+`"`:
			t.Errorf("listing: %s has %d bytes and ETag %s, want %d and %q", key, o.Size, o.ETag, c.size, c.etag())
		}
	}
	for key := range listed {
		if _, want := objects[key]; !want {
			t.Errorf("listing: %s is in it, and should not be", key)
		}
	}
	if t.Failed() {
		t.FailNow()
	}
}
