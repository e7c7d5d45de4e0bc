package blockstore

import (
	"context"
	"math/bits"
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
	gone := s.suspect
	for i, id := range s.drives {
		if !v.isLive(id) {
			gone |= 1 << i
		}
	}
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

// begun notes that the walk computes from now on.
func (m *mender) begun() {
	m.idle.Store(0)
	m.since = time.Now()
}

// waited notes that the walk, or what it has begun, has waited until now.
func (m *mender) waited(since time.Time) { m.idle.Add(int64(time.Since(since))) }

// computed rests for what was computed since begun (R18).
func (m *mender) computed(ctx context.Context) error {
	return m.work.Computed(ctx, max(0, time.Since(m.since)-time.Duration(m.idle.Load())))
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
