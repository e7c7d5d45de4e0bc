package s3

import (
	"fmt"
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
					if sample.Ops == 0 || sample.P50 <= 0 || sample.P999 < sample.P99 || sample.P99 < sample.P50 {
						t.Errorf("%+v", sample)
					}
					if bodies := operation != bench.Head && operation != bench.Delete; bodies != (sample.Bytes > 0) {
						t.Errorf("%d bytes", sample.Bytes)
					}
				}
				if err := l.Clean(t.Context()); err != nil {
					t.Fatal(err)
				}
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
