package s3

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-storage/holdfast/bench"
)

const testSpan = 20 * time.Millisecond

func newTestLoad(t *testing.T, f *fake, load Load) *Loader {
	t.Helper()
	load.Stored = min(max(load.Stored, 20*load.Size), 4<<20)
	load.Keys = 20
	l, err := NewLoad(f.target(), load)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// TestOperations runs every operation, through TLS and without, and leaves nothing behind.
func TestOperations(t *testing.T) {
	for _, secure := range []bool{false, true} {
		for _, operation := range bench.Operations() {
			t.Run(fmt.Sprintf("%s, TLS %v", operation, secure), func(t *testing.T) {
				f := newFake(t, secure)
				l := newTestLoad(t, f, Load{Operation: operation, Size: 5000, Clients: 3})
				if err := l.Prepare(t.Context()); err != nil {
					t.Fatal(err)
				}
				for range 2 {
					sample, err := l.Side().Run(t.Context(), testSpan)
					if err != nil {
						t.Fatal(err)
					}
					if sample.Ops == 0 || sample.P50 <= 0 || sample.P99 != 0 && sample.P99 < sample.P50 {
						t.Errorf("%+v", sample)
					}
					if bodies := operation != bench.Head && operation != bench.Delete; bodies != (sample.Bytes > 0) {
						t.Errorf("%d bytes", sample.Bytes)
					}
				}
				if err := l.Clean(t.Context()); err != nil {
					t.Fatal(err)
				}
				f.mu.Lock()
				defer f.mu.Unlock()
				if len(f.objects) > 0 || len(f.buckets) > 0 {
					t.Errorf("%d objects and %d buckets are left", len(f.objects), len(f.buckets))
				}
			})
		}
	}
}

// TestPayloads stores bodies that end within the ring and go round it, signed in every way, and reads them back.
func TestPayloads(t *testing.T) {
	for _, payload := range []Payload{Unsigned, Signed, Streaming} {
		for _, size := range []int64{0, 1, 7, 4096, frameBytes, 3*frameBytes + 5, sourceBytes + 100} {
			t.Run(fmt.Sprintf("%s, %d bytes", payload, size), func(t *testing.T) {
				f := newFake(t, false)
				l, err := NewLoad(f.target(), Load{Operation: bench.Put, Size: size, Payload: payload, Keys: 3, Stored: 64 << 20, Written: 3 * max(1, size)})
				if err != nil {
					t.Fatal(err)
				}
				defer l.Close()
				if err := l.Prepare(t.Context()); err != nil {
					t.Fatal(err)
				}
				if _, err := l.Side().Run(t.Context(), time.Minute); err != nil {
					t.Fatal(err)
				}
				f.mu.Lock()
				defer f.mu.Unlock()
				for path, data := range f.objects {
					if n := int64(path[len(path)-1] - '0'); int64(len(data)) != size || !l.objects.source.equal(data, place(n)) {
						t.Errorf("%s is not what was sent", path)
					}
				}
				if len(f.objects) != 3 {
					t.Errorf("%d objects are stored", len(f.objects))
				}
			})
		}
	}
}

func prepared(t *testing.T, f *fake, load Load) *Loader {
	t.Helper()
	l := newTestLoad(t, f, load)
	if err := l.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestBusyServer(t *testing.T) {
	f := newFake(t, false)
	l := prepared(t, f, Load{Operation: bench.Put, Size: 10, Clients: 2, Written: 100})
	f.set(func() { f.busy = 3 })
	sample, err := l.Side().Run(t.Context(), time.Minute)
	if err != nil || sample.Ops != 7 || l.Refused() != 3 {
		t.Errorf("%+v, %d refused, %v", sample, l.Refused(), err)
	}
}

// TestServerWithout cleans up where keys can only be deleted one by one, and leaves a bucket that was there.
func TestServerWithout(t *testing.T) {
	f := newFake(t, false)
	f.set(func() { f.single, f.buckets["/bench"] = true, true })
	l := prepared(t, f, Load{Operation: bench.Get, Size: 10})
	f.set(func() { f.objects["/bench/load/10/other"] = nil })
	f.set(func() {
		if len(f.objects) != 21 {
			t.Errorf("%d objects before", len(f.objects))
		}
	})
	if err := l.Clean(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.objects) != 1 || !f.buckets["/bench"] {
		t.Errorf("%d objects are left, buckets %v", len(f.objects), f.buckets)
	}
}

func TestFailures(t *testing.T) {
	f := newFake(t, false)
	l := prepared(t, f, Load{Operation: bench.Get, Size: 10})
	f.set(func() { f.spoil = true })
	if _, err := l.Side().Run(t.Context(), testSpan); err == nil || !strings.Contains(err.Error(), "other bytes came") {
		t.Errorf("spoilt: %v", err)
	}
	f.set(func() { clear(f.objects) })
	_, err := l.Side().Run(t.Context(), testSpan)
	var answer *Error
	if !errors.As(err, &answer) || answer.Status != 404 || answer.Code != "NoSuchKey" {
		t.Errorf("gone: %v", err)
	}
	target := f.target()
	target.SecretKey = "another secret"
	if l, err = NewLoad(target, Load{Operation: bench.Put}); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.Prepare(t.Context()); err == nil || !strings.Contains(err.Error(), "403") || strings.Contains(fmt.Sprintf("%v %+v %#v", target, target, target), "secret") {
		t.Errorf("with another secret: %v", err)
	}
}

// TestAs reads with one load what another has stored.
func TestAs(t *testing.T) {
	f := newFake(t, false)
	l := prepared(t, f, Load{Operation: bench.Mix, Size: 10})
	f.set(func() {
		if len(f.objects) != 10 {
			t.Errorf("%d objects are stored for the mix", len(f.objects))
		}
	})
	for _, operation := range []bench.Operation{bench.Get, bench.Put, bench.Delete, bench.List} {
		other, err := l.As(operation, 2)
		if err != nil {
			t.Fatal(err)
		}
		if err := other.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := other.Side().Run(t.Context(), testSpan); err != nil {
			t.Errorf("%s: %v", operation, err)
		}
		other.Close()
	}
	err := l.Clean(t.Context())
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil || len(f.objects) > 0 {
		t.Errorf("%d objects are left: %v", len(f.objects), err)
	}
}

func TestWrongLoads(t *testing.T) {
	good := Target{Endpoint: "http://localhost", AccessKey: "a", SecretKey: "b"}
	for name, c := range map[string]struct {
		target Target
		load   Load
	}{
		"no operation":    {good, Load{}},
		"a small range":   {good, Load{Operation: bench.Range, Size: 100}},
		"a negative size": {good, Load{Operation: bench.Put, Size: -1}},
		"a payload":       {good, Load{Operation: bench.Put, Payload: "sealed"}},
		"a bucket":        {good, Load{Operation: bench.Put, Bucket: "A"}},
		"a prefix":        {good, Load{Operation: bench.Put, Prefix: "a b"}},
		"no keys":         {Target{Endpoint: "http://localhost"}, Load{Operation: bench.Put}},
		"a path":          {Target{Endpoint: "http://localhost/s3", AccessKey: "a", SecretKey: "b"}, Load{Operation: bench.Put}},
		"no scheme":       {Target{Endpoint: "localhost:9000", AccessKey: "a", SecretKey: "b"}, Load{Operation: bench.Put}},
	} {
		if _, err := NewLoad(c.target, c.load); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestServers(t *testing.T) {
	for endpoint, want := range map[string]string{
		"http://h":             "h:80 h",
		"http://h:80/":         "h:80 h",
		"https://h:443":        "h:443 h",
		"https://h:9000":       "h:9000 h:9000",
		"http://[::1]":         "[::1]:80 [::1]",
		"https://[::1]:9000":   "[::1]:9000 [::1]:9000",
		"http://127.0.0.1:443": "127.0.0.1:443 127.0.0.1:443",
	} {
		s, err := newServer(Target{Endpoint: endpoint, AccessKey: "a", SecretKey: "b"})
		if err != nil {
			t.Fatal(err)
		}
		if got := s.address + " " + s.host; got != want {
			t.Errorf("%s: %s, want %s", endpoint, got, want)
		}
	}
}
