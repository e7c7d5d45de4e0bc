package blockstore

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/semaphore"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// Shares of the memory budget (R21). Uploads may wait for memory while they
// hold none; commits, parity and reads have reserves of their own, are bounded
// in time, and so always give back what an upload may be waiting for. Nobody else
// takes the share of batches, so that drives are left out whatever waits.
//
// A drive that hangs keeps the buffers of the operations that it is at until they
// come back, which may be never: of drive.RunMax writes, and of ReadersDefault reads. What
// waits in its queue is given back: writes when the drive is left out, reads when
// their caller leaves. So every share has room for what m drives may keep and for
// the most that is taken at once.
//
// Waiting cannot deadlock, since who holds some of a share waits only for shares
// that come later here: uploads and reads, rescues, spread, parity. What it needs
// of one share it takes at once, and who has parity waits for drives alone. Only
// a download may wait for its next stripe while it holds another; that one it
// sends meanwhile, or gives back (see lend.go). What it is just writing to its client
// it cannot give back: that has a share of its own, for which nobody waits. A digester that holds columns waits
// for nothing at all (digest.go), so waiting for it is no different from work.
const (
	uploadShare  = 57 // percent
	spreadShare  = 3  // further data columns: of short stripes, and of stripes that are written again
	parityShare  = 9  // of uploads, and stripes that are written again
	journalShare = 8  // batches
	readShare    = 12 // stripes on their way to clients
	writeShare   = 3  // columns that are being written to clients
	sipShare     = 3  // single columns, so that small reads go on beside large ones
	rescueShare  = 5  // the further columns that a degraded read needs

	// waitersMax bounds the requests that wait for memory; one more is told
	// to slow down.
	waitersMax = 4096

	pageBytes = 4096
)

// memory hands out buffers of one column each from a fixed budget.
//
// A buffer has room for the largest header and a full payload. The payload
// always starts at payloadAt, so that data can be read into it before the
// header's length is known; the header ends where the payload begins.
type memory struct {
	payloadAt int
	uploads   *share
	spread    *share
	parity    *share
	journal   *share
	reads     *share
	writes    *share
	sips      *share
	rescues   *share
	checks    *share
	arena     *arena
	own       leftovers[[ownBytes]byte] // requests' own memory (see lend.go)
	first     sync.Pool                 // *[intakeFirst]byte, what small requests begin with
}

// share is one part of the budget.
type share struct {
	home    *memory
	total   int64
	sem     *semaphore.Weighted
	waiting atomic.Int64
	used    atomic.Int64
	always  bool     // nobody who waits for it is told to slow down
	lending *lending // nil: nobody holds any of it while waiting for a client
}

// buffer is one column's memory. It is counted: the I/O that uses it holds it
// too, so that a request may leave a hung drive behind without giving the
// memory away under it.
type buffer struct {
	b     []byte
	refs  atomic.Int32
	home  *memory
	share *share // that it counts against
}

func newMemory(total int64, k, m int) *memory {
	mem := &memory{payloadAt: drive.PayloadStart(drive.Bulk, k, m, drive.MaxColumnBytes)}
	unit := int64(mem.columnBytes())
	buffers := 0
	part := func(percent, columnsMin int64) *share {
		bytes := max(total*percent/100, columnsMin*unit)
		buffers += int(bytes / unit)
		return &share{home: mem, total: bytes, sem: semaphore.NewWeighted(bytes)}
	}
	width := int64(k + m)
	kept := int64(m) * drive.ReadersDefault // by drives that hang in reads
	written := int64(m) * drive.RunMax      // and in writes, which are of stripes on end,
	rotations := (drive.RunMax + width - 1) / width
	parity := int64(m*m) * rotations // so that m of width are of parity
	mem.uploads = part(uploadShare, width+written)
	mem.spread = part(spreadShare, int64(k)+written)
	mem.parity = part(parityShare, max(width, int64(m)+parity))
	mem.journal = part(journalShare, 3*width)
	mem.journal.always = true
	mem.reads = part(readShare, 4*width)
	mem.writes = part(writeShare, 1)
	mem.sips = part(sipShare, 1+kept)
	mem.uploads.lending, mem.reads.lending = newLending(), newLending()
	mem.rescues = part(rescueShare, max(2*width, width+kept))
	mem.checks = part(0, width) // stripes that are verified, beside all that clients need
	mem.checks.always = true
	mem.arena = newArena(mem, buffers, int(unit))
	return mem
}

// BuffersOnHeap is how many bytes of Go's heap the buffers for bodies take: none, unless the system had no memory of
// their own for them. Who bounds the heap has to count them in.
func (p *Pool) BuffersOnHeap() int64 { return int64(p.mem.arena.onHeap) }

// columnBytes is the size of every buffer: the largest header, the payload, and
// the slack that brings a block to whole pages.
func (mem *memory) columnBytes() int { return mem.payloadAt + drive.MaxColumnBytes + pageBytes }

// get waits for one buffer. It returns ErrBusy when too many wait already.
func (s *share) get(ctx context.Context) (*buffer, error) {
	bufs, err := s.getAll(ctx, 1)
	if err != nil {
		return nil, err
	}
	return bufs[0], nil
}

// getAll waits for n buffers at once. Taking them together is what keeps two
// callers from each holding half of what both need.
func (s *share) getAll(ctx context.Context, n int) ([]*buffer, error) {
	return s.appendAll(ctx, nil, n)
}

// appendAll is getAll behind what a list has.
func (s *share) appendAll(ctx context.Context, list []*buffer, n int) ([]*buffer, error) {
	if n == 0 {
		return list, nil // not even behind others
	}
	unit := int64(s.home.columnBytes())
	if !s.sem.TryAcquire(unit * int64(n)) {
		if s.waiting.Add(1) > waitersMax && !s.always {
			s.waiting.Add(-1)
			return nil, ErrBusy
		}
		if s.lending != nil {
			s.lending.want()
		}
		err := s.sem.Acquire(ctx, unit*int64(n))
		s.waiting.Add(-1)
		if err != nil {
			return nil, err
		}
	}
	list = slices.Grow(list, n)
	for range n {
		list = append(list, s.take(unit))
	}
	return list, nil
}

// further waits for what a stripe needs beyond the columns that it came in, which are
// the list: some for data, and m for parity.
func (mem *memory) further(ctx context.Context, list []*buffer, data, m int) ([]*buffer, error) {
	bufs, err := mem.spread.appendAll(ctx, list, data)
	if err != nil {
		return nil, err
	}
	all, err := mem.parity.appendAll(ctx, bufs, m)
	if err != nil {
		releaseAll(bufs[len(list):])
		return nil, err
	}
	return all, nil
}

// tryGet takes a buffer if one is free.
func (s *share) tryGet() *buffer {
	unit := int64(s.home.columnBytes())
	if !s.sem.TryAcquire(unit) {
		return nil
	}
	return s.take(unit)
}

// pressed says whether somebody waits for memory.
func (s *share) pressed() bool { return s.waiting.Load() > 0 }

func (s *share) take(unit int64) *buffer {
	s.used.Add(unit)
	buf := s.home.arena.get()
	buf.share = s
	buf.refs.Store(1)
	return buf
}

// Hold keeps the buffer until one more Release.
func (b *buffer) Hold() { b.refs.Add(1) }

// Release gives the buffer back when nobody holds it any more.
func (b *buffer) Release() {
	switch n := b.refs.Add(-1); {
	case n == 0:
		s := b.share
		unit := int64(len(b.b))
		s.used.Add(-unit)
		s.home.arena.put(b)
		s.sem.Release(unit)
	case n < 0:
		panic("blockstore: a buffer was released twice")
	}
}

// trade has each of two buffers count against the other's share. The caller holds
// both: then nobody else looks at that.
func trade(a, b *buffer) { a.share, b.share = b.share, a.share }

// moveTo has a buffer count against another share, if there is room in it. The caller
// holds the buffer.
func (b *buffer) moveTo(s *share) bool {
	other := s.tryGet()
	if other == nil {
		return false
	}
	trade(b, other)
	other.Release()
	return true
}

// payload is the column's payload area, drive.MaxColumnBytes bytes.
func (b *buffer) payload() []byte {
	at := b.home.payloadAt
	return b.b[at : at+drive.MaxColumnBytes]
}

func releaseAll(bufs []*buffer) {
	for i, b := range bufs {
		if b != nil {
			b.Release()
			bufs[i] = nil
		}
	}
}

// usage is the memory handed out, and the budget.
func (mem *memory) usage() (used, total int64) {
	for _, s := range []*share{mem.uploads, mem.spread, mem.parity, mem.journal, mem.reads, mem.writes, mem.sips, mem.rescues, mem.checks} {
		used, total = used+s.used.Load(), total+s.total
	}
	return used, total
}
