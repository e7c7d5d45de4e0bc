package blockstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/blockstore/yield"
	"github.com/holdfast-storage/holdfast/erasure"
)

// Open opens a pool read-write, recovering it first (R8, R9), or makes one of
// empty directories if asked to.
//
// Errors: ErrOptions, ErrNoPool, ErrForeign, ErrQuorum, ErrDamaged,
// ErrUnavailable, drive.ErrLocked.
func Open(ctx context.Context, o Options) (*Pool, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	f, err := discover(o)
	if err != nil {
		return nil, err
	}
	p, err := newPool(o, f)
	if err != nil {
		return nil, errors.Join(err, closeDrives(f.drives))
	}
	if err := p.start(ctx, f); err != nil {
		return nil, errors.Join(err, p.shutDown())
	}
	p.serving.Store(true)
	return p, nil
}

func newPool(o Options, f *found) (*Pool, error) {
	top := f.top
	p := &Pool{
		opt: o, id: top.Pool, parity: top.Parity, width: top.Width, segmentBytes: top.SegmentBytes,
		patience: o.Patience, log: o.Logger, now: o.Now, rand: o.Rand,
		segments: newSegmentTable(), space: newSpace(o.FS), codes: make(map[int]*erasure.Code),
		requests: make(chan *request, 1024), replicaWanted: make(chan struct{}, 1), replicasTried: make(chan struct{}), workToken: make(chan struct{}, 1), stopped: make(chan struct{}), committed: make(chan struct{}),
	}
	if o.SegmentBytes != 0 {
		p.segmentBytes = o.SegmentBytes
	}
	k := top.Width - top.Parity
	if k < 1 { // it may be wider than there are drives by now
		return nil, fmt.Errorf("%w: the label says %d columns with parity %d", drive.ErrMalformed, top.Width, top.Parity)
	}
	p.mem = newMemory(o.MemoryBytes, k, top.Parity)
	p.gate = yield.New()
	p.batchBytes = int64(k) * drive.MaxColumnBytes
	p.inlineMax = min(inlineMax, p.batchBytes/2)
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.members = &members{log: o.Logger, patience: o.Patience, clock: o.Now, left: make(map[uuid.UUID]time.Time), changed: p.membersChanged}
	p.book = newDriveBook(o.Dirs)
	p.bulk = &bulkSet{p: p}
	p.events = newEventLog(p)
	p.cache = catalog.NewCache(catalogCacheBytes, top.Parity+1)
	return p, nil
}

// start makes the new epoch, recovers the log and the catalog, and begins to
// serve. What it has opened is closed by shutDown.
func (p *Pool) start(ctx context.Context, f *found) error {
	// Until the first epoch of this opening, there is a view to close drives by.
	p.members.view.Store(&membership{label: f.top.Membership, drives: f.drives, why: make(map[uuid.UUID]error)})
	p.noteMembers()
	p.knowPaths(f)
	if p.opt.ReadOnly {
		return p.startLooking(ctx, f)
	}
	if err := p.join(f); err != nil {
		var few *tooFewError
		if errors.As(err, &few) && few.readable {
			if err := p.openReadOnly(ctx, f, err); err != nil {
				return err
			}
			p.wg.Go(p.watch)
			p.noteOpened()
			p.wg.Go(p.keepEvents)
			return nil
		}
		return err
	}
	for _, d := range p.members.now().here() {
		_, _ = patiently(p.patience, func() (struct{}, error) { p.space.look(d); return struct{}{}, nil }, nil)
	}
	if err := p.recover(ctx, f); err != nil {
		return err
	}
	if err := p.loadProof(ctx); err != nil {
		return err
	}
	p.committing = true
	go p.commitLoop()
	p.wg.Go(p.watch)
	p.awaitReplicas(ctx)
	if !p.opt.offline {
		p.wg.Go(p.reconcileLive)
	}
	p.noteOpened()
	p.wg.Go(p.keepEvents)
	return nil
}
