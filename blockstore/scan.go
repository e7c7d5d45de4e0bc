package blockstore

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/blockstore/yield"
)

// foundSegment is what the present drives hold of one segment.
type foundSegment struct {
	head    drive.FileHeader // Index and Drive are those of any file
	files   []*foundFile     // that are there; two may be of one index
	stripes map[uint32][]*foundStripe
	batches map[uint64][]*foundBatch // by LSN, complete or not
	base    uint64
	prev    drive.SegmentID
	own     bool               // holds a block that is not a copy
	mute    map[uuid.UUID]bool // drives whose file could not be read: they prove nothing
	next    uint32
	end     int64
}

// foundStripe is one stripe of which at least one header was found. Two of one
// number differ in what their headers say; columns count together only within
// one (R1).
type foundStripe struct {
	at    stripeAt
	batch drive.Batch
	table uint64  // hash of the checksums of all pieces
	good  uint64  // stored indexes of the columns that hold
	in    fileSet // the files that hold one of them
	copy  bool    // made by a recovery of what lay elsewhere
}

func (s *foundStripe) readable() bool { return bits.OnesCount64(s.good) >= s.at.d }

// foundBatch is the stripes of one batch by part; nil where none was found.
type foundBatch struct {
	lsn, uid uint64
	first    uint32
	parts    []*foundStripe
}

func (b *foundBatch) readable() bool {
	for _, s := range b.parts {
		if s == nil || !s.readable() {
			return false
		}
	}
	return true
}

// d is the number of data columns that the batch's stripes have.
func (b *foundBatch) d() int {
	for _, s := range b.parts {
		if s != nil {
			return s.at.d
		}
	}
	return 1
}

// scanChunk is how much of a file is read at a time.
const scanChunk = 4 << 20

// foundBlock is one block as the scan of a file yields it.
type foundBlock struct {
	head  drive.Header // Sums are only valid during the call
	table uint64
	good  bool
}

// scanFile walks a segment's file to its end, in 4 KiB steps where no valid
// header stands; a bad block never ends the walk (R9), nor does a page that
// cannot be read: that is an error at the end, since it proves nothing. With payloads it
// verifies what the blocks carry; without, it reads headers only and takes
// their word.
func scanFile(ctx context.Context, f *drive.File, pool uuid.UUID, late time.Duration, payloads bool, found func(foundBlock)) error {
	return scanFrom(ctx, f, drive.FirstBlock, pool, late, payloads, nil, found)
}

// scanFrom is scanFile from an offset on. turn, if there is one, is waited for before
// each read (R18).
func scanFrom(ctx context.Context, f *drive.File, from int64, pool uuid.UUID, late time.Duration, payloads bool, turn takeTurn, found func(foundBlock)) error {
	size, err := patiently(late, f.Size, nil)
	if err != nil {
		return err
	}
	w := window{ctx: ctx, f: f, late: late, turn: turn, chunk: int(min(scanChunk, size))}
	if !payloads {
		w.chunk = drive.PageBytes
	}
	for off := from; off < size; {
		var b foundBlock
		header, err := w.bytes(off, drive.PageBytes)
		if err != nil {
			return err
		}
		err = drive.DecodeHeader(header, &b.head)
		var short drive.ErrTooShort
		if errors.As(err, &short) {
			if header, err = w.bytes(off, short.Need); err != nil {
				return err
			}
			err = drive.DecodeHeader(header, &b.head)
		}
		if err != nil || b.head.Pool != pool || b.head.Segment != f.Segment() || b.head.Offset != off {
			off += drive.PageBytes
			continue
		}
		b.good = true
		if payloads {
			start := b.head.PayloadStart()
			block, err := w.bytes(off, start+b.head.Length)
			if err != nil {
				return err
			}
			payload, stored := block[start:], b.head.Stored()
			b.good = b.head.CheckPieces(stored, 0, b.head.Pieces(), payload[:b.head.Length])
		}
		b.table = tableHash(b.head.Sums)
		found(b)
		if b.good {
			off += b.head.BlockBytes()
		} else {
			off += drive.PageBytes
		}
	}
	if w.unreadable > 0 {
		return fmt.Errorf("%d pages cannot be read: %w", w.unreadable, w.why)
	}
	return nil
}

func tableHash(sums []uint64) uint64 {
	var d xxhash.Digest
	d.Reset()
	var b [8]byte
	for _, s := range sums {
		for i := range b {
			b[i] = byte(s >> (8 * i))
		}
		d.Write(b[:])
	}
	return d.Sum64()
}

// takeTurn waits for a turn on the disk that is read from.
type takeTurn func(context.Context) (*yield.Turn, error)

// window reads a file forward in large steps.
type window struct {
	ctx   context.Context
	f     *drive.File
	late  time.Duration // that a read may take
	turn  takeTurn      // for a read; nil: none is needed
	chunk int
	at    int64
	buf   []byte
	hold  drive.Hold // of buf, where it is not of Go's heap

	unreadable int // pages
	why        error
}

// unreadableMax is how many pages may be unreadable before the drive counts as not
// answering at all: of a file, or while mending, which gives up no more of a file than it has to, of one read.
const unreadableMax = mendReadMax / drive.PageBytes

// bytes returns n bytes at off, zeros behind the file's end. Where the drive
// cannot read there are zeros too: no block is there, as far as can be known.
func (w *window) bytes(off int64, n int) ([]byte, error) {
	if off < w.at || off+int64(n) > w.at+int64(len(w.buf)) {
		if want := max(n, w.chunk); cap(w.buf) < want {
			w.buf = make([]byte, want)
		} else {
			w.buf = w.buf[:want]
		}
		w.at = off
		err := w.read(w.buf, off)
		if err != nil && !errors.Is(err, errHung) && !errors.Is(err, drive.ErrClosed) { // else there is no page to be had
			err = w.bytesByPage(off)
		}
		if err != nil {
			w.buf = nil // it may be written to yet
			return nil, err
		}
	}
	return w.buf[off-w.at:][:n], nil
}

// read waits for a drive as long as there is patience.
func (w *window) read(b []byte, off int64) error {
	if w.turn != nil {
		turn, err := w.turn(w.ctx)
		if err != nil {
			return err
		}
		defer turn.End()
	}
	ctx, cancel := withPatience(w.ctx, w.late)
	defer cancel()
	err := w.f.ReadAt(ctx, b, off, w.hold)
	if err != nil && ctx.Err() != nil && w.ctx.Err() == nil {
		return errHung
	}
	return err
}

// bytesByPage fills the window with what can be read of it.
func (w *window) bytesByPage(off int64) error {
	for i := 0; i < len(w.buf); i += drive.PageBytes {
		page := w.buf[i:min(i+drive.PageBytes, len(w.buf))]
		err := w.read(page, off+int64(i))
		if err == nil {
			continue
		}
		if w.unreadable++; w.unreadable > unreadableMax || w.ctx.Err() != nil || errors.Is(err, errHung) {
			return err
		}
		w.why = err
		clear(page)
	}
	return nil
}

// syncUncached makes a file durable and then forgets its pages.
func syncUncached(f *drive.File) error {
	done := make(chan error, 1)
	f.Sync(func(err error) { done <- err })
	if err := <-done; err != nil {
		return err
	}
	return f.Uncached()
}
