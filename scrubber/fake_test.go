package scrubber

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errBoom = errors.New("the drive does not answer")

const (
	segmentBytes = 6_000_000
	segmentTime  = time.Minute // to examine one
	storeMost    = 64 << 10
)

// fakePool is a pool whose segments take a minute each to examine. It outlives
// the Scrubbers of a test, as a pool does a restart.
type fakePool struct {
	suspects chan uint64
	steps    int  // in which a segment is read
	deaf     bool // Examine does not heed its context

	mu       sync.Mutex
	segments []uint64
	stored   map[string][]byte
	storing  error
	loading  error
	listing  error
	checking error
	result   map[uint64]Result // of Examine
	short    Result            // of one that is cut short
	fails    map[uint64][]error
	check    Result // of CrossCheck
	sealed   int
	examined []uint64 // in order, those that were cut short included
	cut      int
	checked  []map[uint64][]StripeRange
	at, most int
}

func newFakePool(segments ...uint64) *fakePool {
	return &fakePool{
		steps: 60, segments: segments, stored: make(map[string][]byte), result: make(map[uint64]Result), fails: make(map[uint64][]error),
	}
}

func (p *fakePool) do(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

// took gives the segments that were examined since it was last asked.
func (p *fakePool) took() []uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.examined
	p.examined = nil
	return list
}

// runs counts the runs that began.
func (p *fakePool) runs() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sealed
}

func (p *fakePool) SealOpen(context.Context) error {
	p.do(func() { p.sealed++ })
	return nil
}

func (p *fakePool) Segments(context.Context) ([]uint64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.segments), p.listing
}

func (p *fakePool) Examine(ctx context.Context, segment uint64, pace Pace) (Result, error) {
	p.do(func() {
		p.examined = append(p.examined, segment)
		p.at++
		p.most = max(p.most, p.at)
	})
	defer p.do(func() { p.at-- })
	heeded := ctx
	if p.deaf {
		heeded = context.WithoutCancel(ctx)
	}
	for range p.steps {
		err := pace(heeded, segmentBytes/p.steps)
		sleep(heeded, segmentTime/time.Duration(p.steps))
		if err != nil || heeded.Err() != nil {
			p.do(func() { p.cut++ })
			return p.short, heeded.Err()
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var err error
	if list := p.fails[segment]; len(list) > 0 {
		err, p.fails[segment] = list[0], list[1:]
	}
	r := p.result[segment]
	r.Bytes = segmentBytes
	r.Findings = slices.Clone(r.Findings)
	return r, err
}

func (p *fakePool) CrossCheck(_ context.Context, doubtful map[uint64][]StripeRange, _ Pace) (Result, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.checked = append(p.checked, maps.Clone(doubtful))
	return p.check, p.checking
}

func (p *fakePool) Load(_ context.Context, name string) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.stored[name]), p.loading
}

func (p *fakePool) Store(ctx context.Context, name string, value []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case p.storing != nil:
		return p.storing
	case len(value) > storeMost:
		return errors.New("too much for one name")
	case len(value) == 0:
		delete(p.stored, name)
	default:
		p.stored[name] = slices.Clone(value)
	}
	return nil
}

func (p *fakePool) Suspects() <-chan uint64 { return p.suspects }

// daemon is a Scrubber that runs.
type daemon struct {
	*Scrubber
	t    *testing.T
	end  context.CancelFunc
	over chan struct{}
}

func start(t *testing.T, p *fakePool, o Options) *daemon {
	ctx, cancel := context.WithCancel(t.Context())
	d := &daemon{Scrubber: New(p, o), t: t, end: cancel, over: make(chan struct{})}
	go func() {
		defer close(d.over)
		d.Run(ctx)
	}()
	synctest.Wait()
	return d
}

// stop ends the daemon as a shutdown does.
func (d *daemon) stop() {
	d.t.Helper()
	d.end()
	before := time.Now()
	<-d.over
	if took := time.Since(before); took > 2*time.Second {
		d.t.Errorf("Run took %v to return after its context ended", took)
	}
}

func (d *daemon) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// bubble runs test with a clock of its own, which begins on Saturday, the first
// of January 2000, at midnight UTC.
func bubble(t *testing.T, p *fakePool, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p.suspects = make(chan uint64, 100)
		test(t)
		if p.at != 0 || p.most > 1 {
			t.Errorf("%d examined at the end, %d at once", p.at, p.most)
		}
	})
}

func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
