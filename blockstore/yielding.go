package blockstore

import (
	"context"
	"math/bits"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/yield"
)

// background begins a piece of background work.
func (p *Pool) background(k yield.Kind) *yield.Work {
	if p.opt.unyielding {
		k = yield.Urgent
	}
	return p.gate.Begin(k)
}

// workKind says how far mending a segment yields to clients (R18). A walk that moves
// nothing does not make it lack less, but for single blocks: that is routine.
func (p *Pool) workKind(s *segment, o MendOptions) yield.Kind {
	switch {
	case !o.Move:
		return yield.Routine
	case p.bare(s):
		return yield.Urgent
	default:
		return yield.Repair
	}
}

// bare says whether some stripe of a segment may have no parity left.
func (p *Pool) bare(s *segment) bool {
	v := p.members.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	gone := s.out(v)
	for _, b := range s.bad {
		gone |= b.files
	}
	return bits.OnesCount64(gone) >= s.m
}

// diskOf is what turns are given by: the device that a drive is on, so that folders of
// one disk share them, or the drive itself where that is not known.
func (p *Pool) diskOf(id uuid.UUID) any {
	if device := p.space.device(id); device != (vfs.DeviceID{}) {
		return device
	}
	return id
}

// lookKind says how far holding a drive against the segment table yields (R18): one that
// takes part can wait; without one that does not yet, further losses may be of data.
func (p *Pool) lookKind(id uuid.UUID) yield.Kind {
	switch v := p.members.now(); {
	case v.isHere(id):
		return yield.Routine
	case v.away() >= v.label.Parity:
		return yield.Urgent
	default:
		return yield.Repair
	}
}

// labour is background work that computes between its turns on disks, and rests for
// that too (R18).
type labour struct {
	work  *yield.Work
	since time.Time    // when it began to compute
	idle  atomic.Int64 // nanoseconds that were waited since then, less what others computed for it
}

// begun notes that it computes from now on.
func (l *labour) begun() {
	l.idle.Store(0)
	l.since = time.Now()
}

// waited notes that it, or what it has begun, has waited until now.
func (l *labour) waited(since time.Time) { l.idle.Add(int64(time.Since(since))) }

// helped notes that another goroutine has computed for it until now, while it waited.
func (l *labour) helped(since time.Time) { l.idle.Add(-int64(time.Since(since))) }

// computed rests for what was computed since begun.
func (l *labour) computed(ctx context.Context) error {
	return l.work.Computed(ctx, max(0, time.Since(l.since)-time.Duration(l.idle.Load())))
}

// pacing is a pace that yields besides: what happens between two calls is computing.
func pacing(work *yield.Work, pace func(context.Context, int) error) func(context.Context, int) error {
	const often = 200 * time.Microsecond // looking is not free
	began, took := time.Now(), time.Duration(0)
	return func(ctx context.Context, bytes int) (err error) {
		took += time.Since(began)
		if pace != nil {
			err = pace(ctx, bytes)
		}
		if err == nil && took > often {
			err, took = work.Computed(ctx, took), 0
		}
		began = time.Now()
		return err
	}
}
