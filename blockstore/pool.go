package blockstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/blockstore/yield"
	"github.com/holdfast-storage/holdfast/erasure"
)

// Pool is an open pool. Its methods may be called from any goroutine.
type Pool struct {
	opt          Options
	id           uuid.UUID
	parity       int // m
	width        int // k+m at full width
	segmentBytes int64
	inlineMax    int64
	batchBytes   int64
	patience     time.Duration
	log          *slog.Logger
	now          func() time.Time
	rand         io.Reader

	observer  bool       // opened read-only: writes nothing
	unsettled *unsettled // read-only: what is not served

	mem      *memory
	members  *members
	segments *segmentTable
	files    openFiles
	catalog  *catalog.Catalog
	cache    *catalog.Cache
	bulk     *bulkSet
	space    *space
	journal  *journal // the committer's
	gate     *yield.Gate

	segmentCounter atomic.Uint32
	codesMu        sync.Mutex
	codes          map[int]*erasure.Code

	requests   chan *request
	announceMu sync.Mutex
	announced  []catalog.Record
	acked      atomic.Uint64 // LSN of the last batch acknowledged
	tail       atomic.Int64  // records in the journal since the checkpoint
	batches    atomic.Int64  // committed since the pool was opened
	changes    atomic.Int64  // in them

	events       *eventLog
	full         atomic.Bool // the drives have no room for new data, and an event says so
	replicasLost atomic.Bool // a replica of the catalog was lost in this opening

	book *driveBook // what it knows of drives beside the membership

	renewed       *renewal      // the catalog was made again, as Fsck was asked to
	badLines      logLines      // of columns that are not good
	replicaWanted chan struct{} // one token: a replica of the catalog is gone, or the drives have changed
	dropMu        sync.Mutex    // held while replicas of the catalog are dropped
	replicasTried chan struct{} // closed: those that were missing at the opening were made, or could not be
	workToken     chan struct{} // one token: there may be more to mend
	mending       mending
	mendRooms     mendRooms
	distrusted    distrust
	lineage       lineage
	firstEpoch    uint32       // of this opening
	serving       atomic.Bool  // it has been opened
	rollWanted    atomic.Bool  // the journal's next batch begins a segment
	lastLoss      atomic.Int64 // when a drive was last found missing, seconds since 1970
	wereAway      atomic.Int64 // voting members that did not take part, when it was looked last
	unlucky       sync.Map     // uuid.UUID of drives whose replica was dropped

	readings  sync.Pool // of *reading of one column that are over
	senders   sync.Pool // of *sender likewise
	fileWorks sync.Pool // of *fileWork likewise
	// Of *stripeRead that were released.
	stripeReads  sync.Pool
	puttings     sync.Pool              // of *putting that have ended
	kits         leftovers[uploadKit]   // of uploads likewise
	answers      leftovers[fileAnswers] // of files likewise
	wideReadings leftovers[reading]     // of readings of several columns likewise

	pinning sync.RWMutex // held for writing while segments are dropped

	ctx        context.Context // ends when the pool has closed
	cancel     context.CancelFunc
	stopped    chan struct{} // closed: no new work
	committed  chan struct{} // closed: the committer is done
	committing bool          // the committer was started
	stopOnce   sync.Once
	busy       sync.WaitGroup // calls under way
	busyMu     sync.Mutex
	leave      func() // ends a call
	closing    bool
	wg         sync.WaitGroup // goroutines of the pool
	checking   atomic.Bool    // a checkpoint is being made
	flushing   atomic.Bool    // the catalog is made durable up to the end of a journal segment
}

// code is the erasure code for k data columns.
func (p *Pool) code(k int) (*erasure.Code, error) {
	p.codesMu.Lock()
	defer p.codesMu.Unlock()
	if c := p.codes[k]; c != nil {
		return c, nil
	}
	c, err := erasure.New(k, p.parity)
	if err != nil {
		return nil, err
	}
	p.codes[k] = c
	return c, nil
}

// fullK is the number of data columns that a new segment would have now.
func (p *Pool) fullK() int {
	v := p.members.now()
	return max(1, min(v.label.Width, v.accepting())-p.parity)
}

// enter registers a call; the pool does not close under it.
func (p *Pool) enter() (leave func(), err error) {
	p.busyMu.Lock()
	defer p.busyMu.Unlock()
	if p.closing {
		return nil, ErrClosed
	}
	p.busy.Add(1)
	if p.leave == nil {
		p.leave = p.busy.Done // made once, which every call would make anew
	}
	return p.leave, nil
}

// readOnly returns why the pool takes no changes, or nil.
func (p *Pool) readOnly() error { return p.members.now().readOnly }

// writable returns why the pool takes no new data, or nil. Deletes go on when
// the drives are full (R19).
func (p *Pool) writable() error {
	v := p.members.now()
	if v.readOnly != nil {
		return v.readOnly
	}
	err := p.space.check(v)
	p.noteSpace(err)
	return err
}

// exclude leaves drives out, durably, before it returns. Every open segment
// with a file on one of them is sealed.
func (p *Pool) exclude(ctx context.Context, bad map[uuid.UUID]error) error {
	err := p.leaveOut(ctx, bad)
	p.bulk.retire(false)
	return err
}

// leaveOut is exclude without sealing bulk segments: those are sealed when the
// next upload asks for one.
func (p *Pool) leaveOut(ctx context.Context, bad map[uuid.UUID]error) error {
	err := p.members.exclude(ctx, bad)
	p.dropReplicas()
	return err
}

// dropReplicas closes the replicas of drives that take part no more.
func (p *Pool) dropReplicas() {
	// Not only those of bad: a drive that did not take the label that leaves
	// another one out is out as well.
	if p.catalog != nil {
		p.dropMu.Lock() // or of the last two, each may be dropped because there is the other
		defer p.dropMu.Unlock()
		v := p.members.now()
		whole := 0
		for _, r := range p.catalog.Replicas() {
			if !r.Cloning {
				whole++
			}
		}
		for _, r := range p.catalog.Replicas() {
			id, err := uuid.Parse(r.Name)
			if err != nil || v.isLive(id) {
				continue
			}
			// A pool that takes no more changes reads the last one while it can.
			if v.readOnly != nil && whole == 1 && !r.Cloning && !errors.Is(v.why[id], errHung) {
				continue
			}
			p.dropReplica(id)
			if !r.Cloning {
				whole--
			}
		}
	}
}

// Close stops taking requests, waits for those under way until ctx ends, and
// makes the catalog durable. The pool can be opened again at once.
func (p *Pool) Close(ctx context.Context) error {
	p.busyMu.Lock()
	if p.closing {
		p.busyMu.Unlock()
		return ErrClosed
	}
	p.closing = true
	p.busyMu.Unlock()
	idle := make(chan struct{})
	go func() {
		p.busy.Wait()
		close(idle)
	}()
	var err error
	select {
	case <-idle:
	case <-ctx.Done():
		err = fmt.Errorf("requests were still under way: %w", ctx.Err())
	}
	p.events.flush(ctx)
	return errors.Join(err, p.shutDown())
}

// shutDown ends the pool's goroutines and closes what it has open.
func (p *Pool) shutDown() error {
	p.stopOnce.Do(func() { close(p.stopped) })
	if p.committing {
		<-p.committed
	}
	p.members.closed.Store(true) // before a drive is: what then fails says nothing of it
	p.cancel()
	var errs []error
	if p.catalog != nil {
		p.giveUpReplicas()
		errs = append(errs, p.catalog.Close())
	}
	for _, s := range p.segments.all() {
		s.closeFiles()
	}
	if v := p.members.now(); v != nil {
		errs = append(errs, closeDrives(v.drives))
	}
	p.mendRooms.close() // what a drive still reads into or writes from is given back with that
	if !p.settleDown(closeWait) {
		return errors.Join(append(errs, errors.New("a drive still holds up a goroutine of the pool"))...)
	}
	if p.cache != nil {
		p.cache.Close()
	}
	return errors.Join(errs...)
}

// closeWait bounds the wait for what hangs in a drive.
const closeWait = 10 * time.Second

// settleDown waits until every goroutine of the pool has ended, or says no.
func (p *Pool) settleDown(wait time.Duration) bool {
	done := make(chan struct{})
	go func() { // outlives the wait only with what hangs
		p.wg.Wait()
		p.members.wg.Wait()
		close(done)
	}()
	late := time.NewTimer(wait)
	defer late.Stop()
	select {
	case <-done:
		return true
	case <-late.C:
		return false
	}
}

func closeDrives(drives map[uuid.UUID]*drive.Drive) error {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	for id, d := range drives {
		wg.Go(func() {
			if err := d.Close(); err != nil {
				mu.Lock()
				errs = append(errs, fmt.Errorf("drive %v: %w", id, err))
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
