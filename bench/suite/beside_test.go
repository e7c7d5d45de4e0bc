package suite

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/holdfast-storage/holdfast/bench"
	"github.com/holdfast-storage/holdfast/bench/engine"
	"github.com/holdfast-storage/holdfast/blockstore"
)

// newBeside is a stage with a small pool in this process, whose mending is told. What leaks is an error at the end.
func newBeside(t *testing.T, change func(*Options)) (*stage, *blockstore.Pool, []string) {
	t.Helper()
	o, _ := newOptions(t)
	if change != nil {
		change(&o)
	}
	s, err := newStage(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	// Pebble has one for the whole process, which never ends.
	scheduler := goleak.IgnoreAnyFunction("github.com/cockroachdb/pebble/v2.(*ConcurrencyLimitScheduler).periodicGranter")
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		if err := s.end(); err != nil {
			t.Error(err)
		}
		goleak.VerifyNone(t, before, scheduler)
	})
	dirs := s.newDirs()
	options := s.newPool(dirs)
	options.RebuildAfter = -1
	store, err := blockstore.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	s.later(func() error {
		_ = store.Close(context.WithoutCancel(t.Context())) // a drive that was pulled cannot be closed well
		return nil
	})
	if err := engine.Fill(t.Context(), store, engine.Filling{Bucket: "bench", Prefix: "x", Size: mib, To: 4}); err != nil {
		t.Fatal(err)
	}
	return s, store, dirs
}

// TestBeside: the work goes on during each run and between them, is begun again when it is over, and ends with the family.
func TestBeside(t *testing.T) {
	t.Run("scrub", func(t *testing.T) {
		var mending *fakeMending
		s, store, _ := newBeside(t, func(o *Options) {
			o.Mending = func(ctx context.Context, pool *blockstore.Pool) Mending {
				mending = newFakeMending(ctx, pool)
				return mending
			}
		})
		b := s.scrubBeside(t.Context(), store)
		goesOnDuring(t, b)
		for scrubs := mending.scrubs.Load(); mending.scrubs.Load() < scrubs+2; {
			if err := pause(t.Context(), pollPeriod); err != nil {
				t.Fatal(err)
			}
		}
		goesOnDuring(t, b)
		endsBeside(t, s, b, store)
	})
	t.Run("rebuild", func(t *testing.T) {
		s, store, dirs := newBeside(t, nil)
		before := slices.Clone(dirs)
		b := s.rebuildBeside(t.Context(), store, dirs)
		goesOnDuring(t, b)
		for exists(before[1]) {
			if err := pause(t.Context(), pollPeriod); err != nil {
				t.Fatal(err)
			}
		}
		goesOnDuring(t, b)
		endsBeside(t, s, b, store)
		for _, dir := range slices.Concat(before, dirs) {
			if exists(dir) {
				t.Errorf("%s is still there", dir)
			}
		}
	})
}

// goesOnDuring has a side run that waits for the work, and wants it in the sample.
func goesOnDuring(t *testing.T, b *beside) {
	t.Helper()
	side := b.during(bench.Side{Name: "load", Run: func(ctx context.Context, _ time.Duration) (bench.Sample, error) {
		_, before, err := b.look(ctx)
		for done := before; err == nil && done == before; _, done, err = b.look(ctx) {
			if err := pause(ctx, pollPeriod/4); err != nil {
				return bench.Sample{}, err
			}
		}
		return bench.Sample{Ops: 7}, err
	}})
	sample, err := side.Run(t.Context(), time.Millisecond)
	if err != nil || sample.Ops != 7 || sample.Background == 0 || !strings.Contains(side.Name, b.name) {
		t.Errorf("%s: %+v, %v", side.Name, sample, err)
	}
}

// endsBeside wants that nothing goes on once the family is cleared.
func endsBeside(t *testing.T, s *stage, b *beside, store *blockstore.Pool) {
	t.Helper()
	if err := s.clear(); err != nil {
		t.Error(err)
	}
	select {
	case <-b.ended:
	default:
		t.Errorf("%s is still kept going", b.name)
	}
	if _, err := store.Status(t.Context()); !errors.Is(err, blockstore.ErrClosed) {
		t.Errorf("the pool is not closed: %v", err)
	}
}

// stubborn begins no scrub.
type stubborn struct {
	Mending
	err error
}

func (m stubborn) StartScrub(context.Context) error { return m.err }

// TestBesideFails: work that cannot be begun is the error of the run, and of the end.
func TestBesideFails(t *testing.T) {
	broken := errors.New("broken")
	s, store, _ := newBeside(t, func(o *Options) {
		o.Mending = func(ctx context.Context, pool *blockstore.Pool) Mending {
			return stubborn{startFakeMending(ctx, pool), broken}
		}
	})
	side := s.scrubBeside(t.Context(), store).during(steady(1, 1))
	if _, err := side.Run(t.Context(), time.Millisecond); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	if err := s.clear(); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
}

// TestBesideCancelled: what is cancelled ends as well.
func TestBesideCancelled(t *testing.T) {
	s, store, dirs := newBeside(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	b := s.rebuildBeside(ctx, store, dirs)
	goesOnDuring(t, b)
	cancel()
	waits := bench.Side{Run: func(ctx context.Context, span time.Duration) (bench.Sample, error) {
		return bench.Sample{}, pause(ctx, span)
	}}
	if _, err := b.during(waits).Run(ctx, time.Minute); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	endsBeside(t, s, b, store)
}

// TestPoolBeside takes a cell of a pool that is mended meanwhile through a group.
func TestPoolBeside(t *testing.T) {
	for _, state := range []string{rebuilds, scrubs} {
		t.Run(state, func(t *testing.T) {
			s, _, _ := newBeside(t, nil)
			s.ballast = 16 * mib
			groups, _ := matrix(2, called("pool, "+state+": HEAD 4 KiB, 8"))
			cells, _, err := s.matrix(t.Context(), groups)
			if err != nil || len(cells) != 1 {
				t.Fatalf("%d cells: %v", len(cells), err)
			}
			for _, c := range cells {
				if c.State != state || len(c.Series.Samples) != 3 || c.Series.Samples[0].Ops == 0 {
					t.Errorf("%+v", c)
				}
			}
		})
	}
}

// TestStoodStill: a cell beside which nothing was done is noted.
func TestStoodStill(t *testing.T) {
	at := func(state string, background ...int64) (c bench.Cell) {
		c = bench.Cell{Layer: layerPool, State: state, Operation: string(bench.Get), Size: mib, Clients: 8}
		for _, b := range background {
			c.Series.Samples = append(c.Series.Samples, bench.Sample{Background: b})
		}
		return c
	}
	notes := stoodStill([]bench.Cell{at(healthy, 0), at(rebuilds, 0, 5), at(scrubs, 0, 0)})
	if notes := stoodStill([]bench.Cell{at(healthy, 0)}); len(notes) > 0 {
		t.Errorf("notes %q", notes)
	}
	if len(notes) != 1 || !strings.HasSuffix(notes[0], "beside: pool, scrubbing: GET 1 MiB, 8 clients.") {
		t.Errorf("notes %q", notes)
	}
}
