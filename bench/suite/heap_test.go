package suite

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-storage/holdfast/bench"
)

// kept keeps what TestCounted allocates from being optimized away.
type kept struct{ all [][]byte }

// TestCounted: what a server allocates while a side runs is counted to a small part of it, and asking is not.
func TestCounted(t *testing.T) {
	servers := &fakes{t: t}
	bare := servers.server(nil)
	defer bare.Kill()
	h := &heap{server: newAdmin(bare)}
	h.server.base = bare.Endpoint
	const ops, each = 64, 256 * kib
	var k kept
	side := func(each int) bench.Side {
		return h.counted(bench.Side{Name: "load", Run: func(context.Context, time.Duration) (bench.Sample, error) {
			for range ops {
				k.all = append(k.all, make([]byte, each))
			}
			return bench.Sample{Ops: ops}, nil
		}})
	}
	for _, each := range []int{each, 0} {
		sample, err := side(each).Run(t.Context(), 0)
		// The client of these servers is in the same process, so that asking costs more than elsewhere.
		if got := bytesPerOp(sample); err != nil || got < float64(each)-16*kib || got > float64(each)+16*kib {
			t.Errorf("%.0f bytes for each operation, where there were %d: %v", got, each, err)
		}
	}
}

func TestAsking(t *testing.T) {
	if cost, doubt := asking([]int64{1000, 1100, 1205, 1302, 1500}); cost != 105 || doubt != 93 {
		t.Errorf("asking costs %d ± %d", cost, doubt)
	}
}

// TestBeyond: what the other does of each operation is taken off, and one may do less than the other.
func TestBeyond(t *testing.T) {
	side := func(ops, bytes int64) bench.Side {
		return bench.Side{Run: func(context.Context, time.Duration) (bench.Sample, error) {
			return bench.Sample{Ops: ops, Bytes: bytes}, nil
		}}
	}
	for _, c := range []struct{ theirs, want int64 }{{30, 70}, {130, -30}} {
		done := 0
		sample, err := beyond(side(10, 1000), side(4, 4*c.theirs), func() { done++ }).Run(t.Context(), 0)
		if err != nil || bytesPerOp(sample) != float64(c.want) || done != 1 {
			t.Errorf("%v bytes for each operation, want %d: %v", bytesPerOp(sample), c.want, err)
		}
	}
}

// TestKnown: a figure below 0 is not passed off as one.
func TestKnown(t *testing.T) {
	for bytes, want := range map[int64]bool{-70: true, 70: false} {
		series := bench.Series{Samples: []bench.Sample{{Ops: 10, Bytes: bytes}}}
		if text := known(series, 12); !strings.Contains(text, "±12 B") || strings.Contains(text, "below 0") != want {
			t.Errorf("of %d bytes it says %q", bytes, text)
		}
	}
}

// TestRest: who never rests is not waited for for ever, and nobody whose processor time is not known is at all.
func TestRest(t *testing.T) {
	began := time.Now()
	if err := (&heap{}).rest(t.Context()); err != nil || time.Since(began) > restAtMost {
		t.Errorf("waited %v: %v", time.Since(began), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (&heap{pid: os.Getpid()}).rest(ctx); err == nil {
		t.Error("waited after the end")
	}
}
