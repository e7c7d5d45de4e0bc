package blockstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
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
	return p, nil
}

func newPool(o Options, f *found) (*Pool, error) {
	top := f.top
	p := &Pool{
		opt: o, id: top.Pool, parity: top.Parity, width: top.Width, segmentBytes: top.SegmentBytes,
		patience: o.Patience, log: o.Logger, now: o.Now, rand: o.Rand,
		segments: newSegmentTable(), space: newSpace(o.FS), codes: make(map[int]*erasure.Code),
		requests: make(chan *request, 1024), replicaWanted: make(chan struct{}, 1), stopped: make(chan struct{}), committed: make(chan struct{}),
	}
	if o.SegmentBytes != 0 {
		p.segmentBytes = o.SegmentBytes
	}
	k := top.Width - top.Parity
	if top.Width > len(top.Members) || k < 1 {
		return nil, fmt.Errorf("%w: the label says %d columns over %d drives with parity %d", drive.ErrMalformed, top.Width, len(top.Members), top.Parity)
	}
	p.mem = newMemory(o.MemoryBytes, k, top.Parity)
	p.batchBytes = int64(k) * drive.MaxColumnBytes
	p.inlineMax = min(inlineMax, p.batchBytes/2)
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.members = &members{log: o.Logger, patience: o.Patience}
	p.bulk = &bulkSet{p: p}
	p.events = newEventLog(p)
	p.cache = catalog.NewCache(16 << 20)
	return p, nil
}

// start makes the new epoch, recovers the log and the catalog, and begins to
// serve. What it has opened is closed by shutDown.
func (p *Pool) start(ctx context.Context, f *found) error {
	// Until the first epoch of this opening, there is a view to close drives by.
	p.members.view.Store(&membership{label: f.top.Membership, drives: f.drives, why: make(map[uuid.UUID]error)})
	p.noteMembers()
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
	for _, d := range p.members.now().live {
		_, _ = patiently(p.patience, func() (struct{}, error) { p.space.look(d); return struct{}{}, nil }, nil)
	}
	if err := p.recover(ctx, f); err != nil {
		return err
	}
	p.committing = true
	go p.commitLoop()
	p.wg.Go(p.watch)
	p.noteOpened()
	p.wg.Go(p.keepEvents)
	return nil
}

// join makes the epoch of this opening (R8).
func (p *Pool) join(f *found) error {
	top := f.top.Membership
	faulted := func(id uuid.UUID) bool {
		i := slices.IndexFunc(top.Members, func(m drive.Member) bool { return m.ID == id })
		return i >= 0 && top.Members[i].State == drive.Faulted
	}
	votes := func(id uuid.UUID) bool { return f.drives[id] != nil && !faulted(id) }
	if !enough(votes, top.Parity, top.Members, top.Old) {
		return p.tooFew(f, votes)
	}
	next := top.Clone()
	why := make(map[uuid.UUID]error)
	for i, m := range next.Members {
		here := f.drives[m.ID] != nil
		switch m.State {
		case drive.Online, drive.Removed, drive.Unavail:
			next.Members[i].State = drive.Online
			if !here {
				next.Members[i].State = drive.Unavail
				why[m.ID] = f.missing()
			}
		case drive.Faulted, drive.Offline:
			why[m.ID] = fmt.Errorf("it was left out before: %v", m.State)
		}
	}
	for _, d := range f.drives {
		p.members.top = max(p.members.top, d.Label().Reserved, d.Label().Epoch)
	}
	p.members.change.Lock()
	err := p.members.advance(next, f.drives, f.drives, why)
	p.members.change.Unlock()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrQuorum, err) // a label failed: not the time to guess
	}
	if absent := len(next.Members) - len(p.members.now().live); absent > top.Parity {
		return p.tooFew(f, p.members.now().isLive)
	}
	return nil
}

var errMissing = errors.New("it was not there when the pool was opened")

// missing says of a drive that it is, and where it may belong.
func (f *found) missing() error {
	if where := f.where(); where != "" {
		return fmt.Errorf("%w%s", errMissing, where)
	}
	return errMissing
}

// where tells of the directories that hold no drive, or one that does not work.
func (f *found) where() string {
	where := ""
	if len(f.empty) > 0 {
		where = "; there is no drive at " + strings.Join(f.empty, ", ")
	}
	for _, dir := range slices.Sorted(maps.Keys(f.broken)) {
		where += fmt.Sprintf("; %s: %v", dir, f.broken[dir])
	}
	return where
}

// tooFew says which drives are missing and how many are needed.
func (p *Pool) tooFew(f *found, votes func(uuid.UUID) bool) error {
	members := f.top.Members
	var missing []string
	for _, m := range members {
		if !votes(m.ID) {
			missing = append(missing, fmt.Sprintf("drive %d (%v)", m.Slot, m.ID))
		}
	}
	need := quorum(len(members), f.top.Parity)
	return &tooFewError{
		text: fmt.Sprintf("%d of the pool's %d drives are usable and %d are needed; missing: %s%s; bring them back and start again",
			len(members)-len(missing), len(members), need, strings.Join(missing, ", "), f.where()),
		readable: len(members)-len(f.drives) <= f.top.Parity && len(f.top.Old) == 0,
	}
}

// tooFewError is an ErrQuorum. Readable: enough is there to serve reads.
type tooFewError struct {
	text     string
	readable bool
}

func (e *tooFewError) Error() string { return ErrQuorum.Error() + ": " + e.text }
func (e *tooFewError) Unwrap() error { return ErrQuorum }
