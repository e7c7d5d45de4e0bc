package rebuild

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

// fakePool is a pool whose segments take a given time to mend.
type fakePool struct {
	changed chan struct{}
	took    time.Duration // what mending a segment takes; for ever if negative
	paced   bool          // mend at the pace of the cap instead

	mu       sync.Mutex
	due      map[uint64]Work
	fails    map[uint64]int  // how often Mend is still to fail
	stubborn map[uint64]bool // stays due although Mend succeeds
	refuses  error           // of Work
	settling error
	prepares int
	settles  int
	begun    []uint64
	at, most int // mending now, and at the most
}

func newFakePool(work ...Work) *fakePool {
	p := &fakePool{
		changed: make(chan struct{}, 1), took: time.Minute,
		due: make(map[uint64]Work), fails: make(map[uint64]int), stubborn: make(map[uint64]bool),
	}
	p.set(work...)
	return p
}

// set adds work, or changes it.
func (p *fakePool) set(work ...Work) {
	p.do(func() {
		for _, w := range work {
			p.due[w.Segment] = w
		}
	})
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

func (p *fakePool) do(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

func (p *fakePool) order() []uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.begun)
}

func (p *fakePool) Prepare(context.Context) error {
	p.do(func() { p.prepares++ })
	return nil
}

func (p *fakePool) Work(context.Context) ([]Work, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Collect(maps.Values(p.due)), p.refuses
}

func (p *fakePool) Settle(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settles++
	return p.settling
}

func (p *fakePool) Changed() <-chan struct{} { return p.changed }

func (p *fakePool) Mend(ctx context.Context, segment uint64, o MendOptions) (int64, error) {
	p.mu.Lock()
	p.begun = append(p.begun, segment)
	p.at++
	p.most = max(p.most, p.at)
	w := p.due[segment]
	p.mu.Unlock()
	defer p.do(func() { p.at-- })
	if err := p.work(ctx, w, o); err != nil {
		return 0, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fails[segment] > 0 {
		p.fails[segment]--
		return 0, errBoom
	}
	if !p.stubborn[segment] {
		delete(p.due, segment)
	}
	return w.Bytes, nil
}

func (p *fakePool) work(ctx context.Context, w Work, o MendOptions) error {
	if p.paced {
		const step = 100_000
		for done := int64(0); done < w.Bytes; done += step {
			if err := o.Pace(ctx, step); err != nil {
				return err
			}
			o.Progress(0, step)
		}
		return nil
	}
	if p.took < 0 {
		<-ctx.Done()
		return ctx.Err()
	}
	sleep(ctx, p.took)
	return ctx.Err()
}

// run gives test a Rebuilder that runs, in a bubble with a clock of its own.
func run(t *testing.T, p *fakePool, o Options, test func(t *testing.T, r *Rebuilder)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p.changed = make(chan struct{}, 1) // of the bubble
		ctx, cancel := context.WithCancel(t.Context())
		r := New(p, o)
		over := make(chan struct{})
		go func() {
			defer close(over)
			r.Run(ctx)
		}()
		test(t, r)
		cancel()
		before := time.Now()
		<-over
		if d := time.Since(before); d > time.Second {
			t.Errorf("Run took %v to return after its context ended", d)
		}
		if p.at != 0 {
			t.Errorf("%d segments are being mended after Run returned", p.at)
		}
	})
}

func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
