package suite

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-storage/holdfast/blockstore"
)

// fakeMending mends a pool in the plainest way: all segments one after the other, again and again. It takes its time, so
// that it is seen.
type fakeMending struct {
	pool    *blockstore.Pool
	end     context.CancelFunc
	running sync.WaitGroup
	wanted  chan struct{} // a scrub
	scrubs  atomic.Int64  // that were ended

	mu             sync.Mutex
	scrub, rebuild WorkState
}

func startFakeMending(ctx context.Context, pool *blockstore.Pool) Mending {
	return newFakeMending(ctx, pool)
}

func newFakeMending(ctx context.Context, pool *blockstore.Pool) *fakeMending {
	ctx, cancel := context.WithCancel(ctx)
	m := &fakeMending{pool: pool, end: cancel, wanted: make(chan struct{}, 1), scrub: WorkState{Over: true}, rebuild: WorkState{Over: true}}
	m.running.Go(func() { m.scrubAll(ctx) })
	m.running.Go(func() { m.rebuildAll(ctx) })
	return m
}

func (m *fakeMending) StartScrub(context.Context) error {
	m.begin(&m.scrub)
	m.wanted <- struct{}{}
	return nil
}

func (m *fakeMending) Scrubbed() WorkState { return m.of(&m.scrub) }
func (m *fakeMending) Rebuilt() WorkState  { return m.of(&m.rebuild) }

func (m *fakeMending) Stop() {
	m.end()
	m.running.Wait()
}

func (m *fakeMending) of(w *WorkState) WorkState {
	m.mu.Lock()
	defer m.mu.Unlock()
	return *w
}

func (m *fakeMending) begin(w *WorkState) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if w.Over {
		*w = WorkState{Running: true}
	}
}

func (m *fakeMending) finish(w *WorkState) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w.Running, w.Over = false, true
}

func (m *fakeMending) did(w *WorkState, bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w.Bytes += bytes
}

func (m *fakeMending) scrubAll(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.wanted:
		}
		_ = m.pool.SealOpen(ctx)
		for _, id := range m.pool.Segments() {
			report, _ := m.pool.Mend(ctx, id, blockstore.MendOptions{ReadOnly: true})
			m.did(&m.scrub, report.ReadBytes)
			_ = pause(ctx, 2*pollPeriod)
		}
		m.scrubs.Add(1)
		m.finish(&m.scrub)
	}
}

func (m *fakeMending) rebuildAll(ctx context.Context) {
	for ctx.Err() == nil {
		due, _ := m.pool.Work(ctx)
		for _, w := range due {
			m.begin(&m.rebuild)
			report, _ := m.pool.Mend(ctx, w.Segment, blockstore.MendOptions{Move: true})
			_ = pause(ctx, 2*pollPeriod)
			m.did(&m.rebuild, report.WrittenBytes)
			_ = pause(ctx, 2*pollPeriod)
		}
		if len(due) == 0 && m.pool.SettleDrives(ctx) == nil {
			m.finish(&m.rebuild)
		}
		_ = pause(ctx, time.Millisecond)
	}
}
