package blockstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/blockstore/yield"
)

// Sizes of what mending reads at a time. One segment takes at most about
// mendMemory for reading, whatever its width.
const (
	mendMemory  = 48 << 20
	mendReadMin = 256 << 10
	mendReadMax = 2 << 20

	// mendReadHeld is read at a time while work is held back: it comes in pieces then, with a
	// rest behind each, and the walk waits for all of it.
	mendReadHeld = 512 << 10

	// mendAhead is how many reads of each file are ahead of the walk while nothing is held back, so that the next one
	// is there, or on its way, when one was used. With two at a time a disk of its own always has one; where drives
	// share a disk each file has one at a time: with more of them its writes waited longer, and all of it took longer.
	mendAhead = 2

	// mendKept is the room before what is read at a time, for what is left of what was
	// read before: less than a block, so that blocks that go on behind the end of one read
	// are put together by copying that alone.
	mendKept = (drive.MaxBlockBytes + drive.PageBytes - 1) &^ (drive.PageBytes - 1)
)

// takeRoom takes the memory for reading all files side by side, and for writing and
// reading back one: no more than there is of a small segment. What a walk needs
// beyond that it takes of Go's heap.
func (m *mender) takeRoom() {
	width := len(m.drives)
	size := mendReadMax
	for size > mendReadMin && (mendKept+size)*width*(1+mendAhead) > mendMemory {
		size /= 2
	}
	size = int(min(int64(size), max(wholePages(m.end), drive.PageBytes)))
	m.room = m.p.mendRooms.get(width*(1+mendAhead)+1+writeRuns+1+mendAhead, mendKept+size)
}

// sharesDisk says whether more of the pool's drives are on that disk.
func (p *Pool) sharesDisk(disk any) bool {
	drives := 0
	for _, member := range p.members.now().label.Members {
		if p.diskOf(member.ID) == disk {
			drives++
		}
	}
	return drives > 1
}

// reader reads a file forward, some reads ahead of where it is.
type reader struct {
	p     *Pool
	work  *yield.Work
	on    any // the disk, as Turn knows it
	f     *drive.File
	room  *mendRoom
	turns bool  // one read is under way at a time
	end   int64 // of what counts of the file
	bytes *int64
	// waited is told since when load has waited; may be nil.
	waited func(since time.Time)

	at    int64  // file offset of buf
	buf   []byte // of unit
	unit  []byte
	ahead []chan chunkRead // what is on its way, by its place in the file
	last  chan error       // how the last of these ends, for the one behind it; nil: none is on its way
	next  int64            // where the next read begins
	err   error            // the drive does not answer: there is no more
	holes int              // pages that could not be read
}

// chunkRead is what was read, behind the first mendKept bytes of a unit.
type chunkRead struct {
	unit  []byte
	n     int
	err   error // whatever reads into unit may do so yet
	holes int
}

// load makes [off, off+n) available, of a block or less. Behind the end, and where
// the drive cannot read, there are zeros.
func (r *reader) load(ctx context.Context, off int64, n int, pace func(context.Context, int) error) error {
	if r.err != nil {
		return r.err
	}
	if off < r.at || off > r.at+int64(len(r.buf)) {
		if r.wait(); r.err != nil {
			return r.err
		}
		r.at, r.buf, r.next = off, nil, off
	}
	for off+int64(n) > r.at+int64(len(r.buf)) {
		if len(r.ahead) == 0 {
			r.request(ctx) // though it may be behind the end
		}
		r.goAhead(ctx)
		began := time.Now()
		c := <-r.ahead[0]
		r.ahead = append(r.ahead[:0], r.ahead[1:]...)
		if c.err != nil {
			r.err = c.err
			return c.err
		}
		if err := pace(ctx, c.n); err != nil {
			r.room.put(c.unit)
			r.wait()
			r.next = r.at + int64(len(r.buf)) // it is read again, if anybody asks
			return err
		}
		if r.waited != nil {
			r.waited(began)
		}
		*r.bytes += int64(c.n)
		r.holes += c.holes
		kept := r.buf[off-r.at:]
		start := mendKept - len(kept)
		copy(c.unit[start:], kept)
		r.room.put(r.unit)
		r.at, r.buf, r.unit = off, c.unit[start:mendKept+c.n], c.unit
		r.goAhead(ctx)
	}
	return nil
}

// get returns what load made available. It is valid until the next load.
func (r *reader) get(off int64, n int) []byte { return r.buf[off-r.at:][:n] }

// goAhead begins as many reads as there should be. While work is held back (R18) that is
// one: each waits for a turn of its own, and none is to wait for long.
func (r *reader) goAhead(ctx context.Context) {
	depth := 1
	if r.work.Free() {
		depth = mendAhead
	}
	for len(r.ahead) < depth && r.next < r.end {
		r.request(ctx)
	}
}

// request begins to read what follows, up to the next multiple of what is read at a time: a disk is fastest so. What
// it begins beside clients is less (R18).
func (r *reader) request(ctx context.Context) {
	out := make(chan chunkRead, 1)
	r.ahead = append(r.ahead, out)
	unit, off := r.room.take(), r.next
	size := int64(len(unit) - mendKept)
	if !r.work.Free() {
		size = min(size, mendReadHeld)
	}
	n := size - off%size
	if left := wholePages(r.end - off); left > 0 { // behind that nothing counts
		n = min(left, n)
	}
	r.next += n
	before, ended := r.last, make(chan error, 1)
	r.last = ended
	r.p.wg.Go(func() {
		c := chunkRead{unit: unit, n: int(n)}
		if r.turns && before != nil {
			c.err = <-before // a drive that does not answer is not asked once more
		}
		if c.err == nil {
			c.holes, c.err = r.read(ctx, unit[mendKept:][:n], off)
		}
		ended <- c.err
		out <- c
	})
}

// read fills b from off, in turns where it has to yield (R18).
func (r *reader) read(ctx context.Context, b []byte, off int64) (holes int, err error) {
	for done := 0; done < len(b); {
		turn, err := r.work.Turn(ctx, r.on)
		if err != nil {
			return 0, err
		}
		part := b[done:]
		if !turn.Free {
			part = part[:min(len(part), yield.Piece)]
		}
		w := window{ctx: ctx, f: r.f, late: r.p.patience, chunk: len(part), buf: part[:0:len(part)], hold: r.room}
		_, err = w.bytes(off+int64(done), len(part))
		turn.End()
		if err != nil {
			return 0, fmt.Errorf("segment %v: %w", r.f.Segment(), err)
		}
		holes += w.unreadable
		done += len(part)
	}
	return holes, nil
}

// wait takes in what is on its way, and forgets it, but for a drive that does not answer.
func (r *reader) wait() {
	for _, one := range r.ahead {
		switch c := <-one; {
		case c.err == nil: // else the drive may write into it yet
			r.room.put(c.unit)
		case errors.Is(c.err, errHung):
			r.err = c.err
		}
	}
	r.ahead, r.last = r.ahead[:0], nil
}

// done ends the reading. What get returned is not valid any more.
func (r *reader) done() {
	r.wait()
	r.room.put(r.unit)
	r.buf, r.unit = nil, nil
}

func (r *reader) close() {
	r.done()
	if !r.f.ReadsPastCache() {
		_, _ = patiently(time.Second, func() (struct{}, error) { return struct{}{}, r.f.Uncached() }, nil)
	}
	r.f.Close()
}
