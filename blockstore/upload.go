package blockstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

const (
	// inlineMax is the largest body that goes into a batch beside its record.
	inlineMax = 256 << 10
	// intakeBytes is what an upload reads into first, so that the slowest
	// clients cost none of the budget. It is also about the least that is ever
	// written as a stripe while the body goes on.
	intakeBytes = ownBytes
	// intakeFirst is what it begins with, enough for most small objects: those of
	// 4 KiB among them, with room to see their end.
	intakeFirst = 4<<10 + 512
	// uploadDepth bounds the writes that an upload has under way per file.
	uploadDepth = 4
)

// upload takes in one body: read into memory of its own, moved from there into
// the payloads of column buffers, stripe after stripe, or read right into these; or
// left in memory when it is small.
//
// An upload waits for memory only while it holds none: one that cannot have a
// further column writes what it has as a short stripe (its parity comes out of
// a reserve) and gives those columns back first. So uploads cannot deadlock
// however many there are (R21). One that waits for its client does not hold mu,
// and somebody else may have it write what it has: it is a borrower. A stripe that
// its digester has not done with yet comes back whatever the upload waits for.
type upload struct {
	p    *Pool
	ctx  context.Context
	body io.Reader
	size int64 // announced, or -1
	// Not nil: body, which is read without waiting, into columns (see upload_direct.go). drained: it gave all that was there.
	direct  ImmediateBody
	drained bool
	slot    int // among the open bulk segments

	intake    []byte // read, and not all in columns
	taken     int    // bytes of it that are
	total     int64
	sum       bodySum // of what has left the intake, but for what is still to be summed of the last column
	sawEnd    bool
	inlineMax int64

	wait    pause
	mu      sync.Mutex // held by whoever works on what follows, until receive has ended
	err     error      // of what was done meanwhile
	cols    []*buffer
	fill    int // bytes in the last column
	summed  int // and those of them that sum has (see upload_sums.go)
	pieces  columnSums
	limit   int // bytes per column of this stripe
	d       int // columns of this stripe
	outs    []*output
	pinned  []*segment // until close
	stripes []uploadedStripe
	digest  digester
	kit     *uploadKit // where cols and stripes begin; nil before the first
	lent    bool       // it has, or had, columns that others may have it give back
	one     [1][]byte  // where pieces begins
}

// uploadedStripe is one stripe written for an upload, not yet known durable.
type uploadedStripe struct {
	seg    *segment
	no     uint32
	offset int64
	d      int
	length int
	bytes  int64 // of the body
	// missing are the files (bit = file index) that did not take their block,
	// or are on drives that take part no more. Once missing, always missing.
	missing uint64
}

// good is the number of columns that are durable on drives that take part.
func (s *uploadedStripe) good() int {
	n := 0
	for i := range s.d + s.seg.m {
		if s.missing&(1<<s.seg.fileOf(drive.ColumnOf(i, s.d, s.seg.k), s.no)) == 0 {
			n++
		}
	}
	return n
}

func (p *Pool) newUpload(ctx context.Context, body io.Reader, size int64, digest func([]byte)) *upload {
	u := &upload{}
	u.begin(p, ctx, body, size, digest)
	return u
}

// begin begins an upload in the memory of none, or of one that was forgotten.
func (u *upload) begin(p *Pool, ctx context.Context, body io.Reader, size int64, digest func([]byte)) {
	u.p, u.ctx, u.body, u.size, u.slot, u.inlineMax = p, ctx, body, size, p.bulk.join(), p.inlineMax
	u.digest.digest = digest
	u.sum.begin(true)
}

// forget prepares the memory of an upload that was closed, and never had columns, for another one.
func (u *upload) forget() {
	u.ctx, u.body, u.digest, u.one = nil, nil, digester{}, [1][]byte{}
	u.taken, u.total, u.sawEnd, u.err = 0, 0, false, nil
	u.direct, u.drained, u.summed = nil, false, 0
}

// receive reads the body to its end. Afterwards it is either in memory (inline)
// or written, not yet synced.
func (u *upload) receive() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	defer u.lend(false)
	defer func() {
		if u.direct != nil { // others may still read from it
			u.direct.Immediate(false)
			u.direct = nil
		}
	}()
	for !u.sawEnd {
		if err := u.ctx.Err(); err != nil {
			return err
		}
		if err := u.read(); err != nil {
			return err
		}
	}
	if u.size >= 0 && u.total != u.size {
		return fmt.Errorf("%w: %d of %d bytes came: %w", ErrBodySize, u.total, u.size, io.ErrUnexpectedEOF)
	}
	if u.inline() {
		return nil
	}
	if err := u.take(); err != nil {
		return err
	}
	return u.flush()
}

// lend notes that others may have the upload give its columns back, from its first one
// on until all was received: small ones never have any. It has mu.
func (u *upload) lend(on bool) {
	switch l := u.p.mem.uploads.lending; {
	case on && !u.lent:
		u.lent = true
		l.add(u)
	case !on && u.lent:
		l.remove(u)
	}
}

// inline says whether what was received is small enough for the batch.
func (u *upload) inline() bool { return len(u.stripes) == 0 && u.total <= u.inlineMax }

// read takes one read's worth of the body.
func (u *upload) read() error {
	if len(u.intake) == cap(u.intake) {
		if err := u.makeRoom(); err != nil {
			return err
		}
	}
	if u.switchReads(); u.direct != nil {
		return u.readDirect()
	}
	n, err := u.readInto(u.intake[len(u.intake):cap(u.intake)])
	u.intake = u.intake[:len(u.intake)+n]
	if err == nil {
		err = u.err
	}
	return err
}

// makeRoom empties the intake into columns, or makes it larger first.
func (u *upload) makeRoom() error {
	most := intakeBytes
	if u.size >= 0 {
		most = int(min(u.size+1, intakeBytes)) // room to see the end
	}
	var larger []byte
	switch c := cap(u.intake); {
	case c >= most:
		return u.take()
	case c == 0:
		larger = u.p.mem.getFirst()[:0]
	case most == intakeBytes:
		larger = u.p.mem.getOwn()[:0]
	default:
		larger = make([]byte, 0, most)
	}
	larger = append(larger, u.intake...)
	u.giveIntake()
	u.intake = larger
	return nil
}

// giveIntake gives the intake back.
func (u *upload) giveIntake() {
	switch cap(u.intake) {
	case intakeFirst:
		u.p.mem.putFirst(u.intake)
	case intakeBytes:
		u.p.mem.putOwn(u.intake)
	}
	u.intake = nil
}

// getFirst gets an upload what it begins with, intakeFirst bytes.
func (mem *memory) getFirst() []byte {
	if b, ok := mem.first.Get().(*[intakeFirst]byte); ok {
		return b[:]
	}
	return make([]byte, intakeFirst)
}

// putFirst takes it back.
func (mem *memory) putFirst(b []byte) { mem.first.Put((*[intakeFirst]byte)(b[:intakeFirst])) }

// readInto reads once, and keeps account of it.
func (u *upload) readInto(b []byte) (int, error) {
	if u.size >= 0 && int64(len(b)) > u.size-u.total {
		b = b[:u.size-u.total+1] // one more, to notice a body that is too long
		if len(b) > 1 {
			b = b[:len(b)-1]
		}
	}
	var n int
	var err error
	u.waiting(func() { n, err = u.body.Read(b) })
	return n, u.came(n, err)
}

// waiting does what waits for the client, which others may see and have the columns meanwhile.
func (u *upload) waiting(do func()) {
	u.wait.held.Store(int64(len(u.cols)))
	u.wait.begin()
	u.mu.Unlock()
	defer func() { // after a panic, too: who gives the memory back unlocks mu
		u.mu.Lock()
		u.wait.end()
	}()
	do()
}

// came keeps account of a read.
func (u *upload) came(n int, err error) error {
	u.total += int64(n)
	switch {
	case u.size >= 0 && u.total > u.size:
		return fmt.Errorf("%w: more than %d bytes came", ErrBodySize, u.size)
	case errors.Is(err, io.EOF):
		u.sawEnd = true
	case err != nil:
		return fmt.Errorf("reading the body: %w", err)
	}
	return nil
}

// take moves what was read into columns.
func (u *upload) take() error {
	for u.taken < len(u.intake) {
		room, err := u.room()
		if err != nil {
			return err
		}
		n := copy(room, u.intake[u.taken:])
		u.taken += n
		u.filled(n)
	}
	u.intake, u.taken = u.intake[:0], 0
	return nil
}

func (u *upload) pause() *pause { return &u.wait }

// yield writes what the columns hold, and gives them back, if the upload waits
// for its client.
func (u *upload) yield() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.wait.since.Load() == 0 || u.err != nil {
		return
	}
	u.wait.held.Store(0) // before it takes its time, so that others are asked meanwhile
	if u.retreat() {
		return
	}
	if u.err = u.flush(); u.err != nil {
		releaseAll(u.cols)
		u.cols = nil
	}
}

// room returns the free rest of a column, getting one if there is none.
func (u *upload) room() ([]byte, error) {
	if len(u.cols) > 0 && u.fill < u.limit {
		return u.cols[len(u.cols)-1].payload()[u.fill:u.limit], nil
	}
	if len(u.cols) > 0 && len(u.cols) == u.d {
		if err := u.flush(); err != nil {
			return nil, err
		}
	}
	buf := u.p.mem.uploads.tryGet()
	if buf == nil {
		// Hold nothing while waiting.
		if err := u.flush(); err != nil {
			return nil, err
		}
		var err error
		if buf, err = u.p.mem.uploads.get(u.ctx); err != nil {
			return nil, err
		}
	}
	if len(u.cols) == 0 {
		u.lend(true)
		u.takeKit()
		u.plan()
	}
	u.cols, u.fill = append(u.cols, buf), 0
	u.beginSums()
	return buf.payload()[:u.limit], nil
}

// plan chooses the geometry of the stripe that begins: of a body of known size
// the last stripe gets columns that fit it.
func (u *upload) plan() {
	k := u.p.fullK()
	u.d, u.limit = k, drive.MaxColumnBytes
	if u.size >= 0 {
		if rest := u.size - u.total + int64(len(u.intake)-u.taken); rest > u.p.inlineMax && rest < int64(k)*drive.MaxColumnBytes {
			u.d, u.limit = stripeGeometry(rest, k, u.p.parity, drive.MaxColumnBytes)
		}
	}
}

// inMemory is the body, for the batch.
func (u *upload) inMemory() [][]byte {
	list := u.one[:0]
	for i, c := range u.cols {
		n := u.limit
		if i == len(u.cols)-1 {
			n = u.fill
		}
		list = append(list, c.payload()[:n])
	}
	if len(u.intake) > 0 {
		list = append(list, u.intake)
	}
	return list
}

// close gives back everything the upload holds, whatever became of it.
func (u *upload) close() {
	u.p.bulk.leave(u.slot)
	u.digest.end()
	u.giveIntake()
	releaseAll(u.cols)
	u.cols = nil
	u.giveKit()
	for _, o := range u.outs {
		o.release()
	}
	u.outs = nil
	for _, s := range u.pinned {
		s.writers.Add(-1)
		s.pins.Add(-1)
	}
	u.pinned = nil
}
