package blockstore

import (
	"context"
	"errors"
	"io/fs"
	"math/bits"
	"time"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// fileOn is a segment's file on a drive.
type fileOn struct {
	segment drive.SegmentID
	drive   uuid.UUID
}

var (
	errSlack = errors.New("bytes beside the data are not zero")
	errTable = errors.New("its table differs from its siblings'")
)

// stripe reads all columns of a stripe and judges them. If those that hold the
// range are good it adds the range to the object's sums (done).
func (v *verification) stripe(ctx context.Context, key string, part stripePart, sums *objectSums) (done bool, err error) {
	at := part.at
	n := at.d + at.seg.m
	v.report.Columns += int64(n)
	bufs, err := v.p.mem.checks.getAll(ctx, n)
	if err != nil {
		return false, err
	}
	defer releaseAll(bufs)
	cols := make([]*column, n)
	for i := range cols {
		cols[i] = &column{stored: i, lo: 0, hi: drive.Pieces(at.length), buf: bufs[i]}
	}
	v.read(ctx, at, cols)
	if err := ctx.Err(); err != nil {
		return false, err
	}
	set := agreeing(cols)
	enough := bits.OnesCount64(set) >= at.d // else nothing says which of them are right
	for i, c := range cols {
		if enough && c.err == nil && set>>i&1 == 0 {
			c.err = errTable
		}
	}
	good := 0
	for _, c := range cols {
		if c.err == nil {
			good++
		} else {
			v.judge(key, at, c)
		}
	}
	if good == n {
		if err := v.parity(key, at, cols); err != nil {
			return false, err
		}
	}
	if sums.broken || !enough {
		return false, nil
	}
	first, last := int(part.from/int64(at.length)), int((part.from+part.n-1)/int64(at.length))
	for i := first; i <= last; i++ {
		if cols[i].err != nil {
			return false, nil // it is computed from the others
		}
	}
	for i := first; i <= last; i++ {
		in := int64(i) * int64(at.length)
		lo, hi := max(part.from, in)-in, min(part.from+part.n-in, int64(at.length))
		sums.write(cols[i].buf.payload()[lo:hi])
	}
	return true, nil
}

// parity holds parity against data where all columns are good. If they disagree
// nothing tells which is wrong: it is reported, and left as it is (R2).
func (v *verification) parity(key string, at stripeAt, cols []*column) error {
	code, err := v.p.code(at.seg.k)
	if err != nil {
		return err
	}
	var shards [maxColumns][]byte
	for i, c := range cols {
		shards[i] = c.buf.payload()[:at.length]
	}
	agree, err := code.Verify(shards[:at.d], shards[at.d:len(cols)])
	if err == nil && !agree {
		v.find(Finding{Kind: FindingParity, Segment: at.seg.id, Stripe: at.no, Column: -1, Text: "all checksums hold, but parity disagrees with the data"}, key)
	}
	return err
}

// judge accounts for a column that is not good.
func (v *verification) judge(key string, at stripeAt, c *column) {
	col := drive.ColumnOf(c.stored, at.d, at.seg.k)
	id := at.seg.driveOf(col, at.no)
	if errors.Is(c.err, errAway) {
		v.report.Missing++
		v.away[id]++
		return
	}
	var short drive.ErrTooShort
	f := Finding{Kind: FindingChecksum, Segment: at.seg.id, Stripe: at.no, Column: col, Drive: id, Text: c.err.Error()}
	missing := false
	switch err := c.err; {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, drive.ErrNoBlock):
		f.Kind, f.Text, missing = FindingMissing, "no block is where one should be", true
	case errors.Is(err, errHung), errors.Is(err, errLate), errors.Is(err, drive.ErrClosed):
		f.Kind, missing = FindingUnreadable, true
	case errors.Is(err, errForeignBlock), errors.Is(err, errTable), errors.As(err, &short):
		f.Kind, c.err = FindingMisplaced, errForeignBlock
	case errors.Is(err, errSlack), errors.Is(err, errPiece), errors.Is(err, drive.ErrChecksum), errors.Is(err, drive.ErrMalformed), errors.Is(err, drive.ErrVersion):
	default:
		f.Kind = FindingUnreadable
	}
	if missing {
		v.report.Missing++
	} else {
		v.report.Bad++
	}
	if !errors.Is(c.err, errHung) && !errors.Is(c.err, errLate) {
		v.p.blame(at, col, c.err) // so that it is mended
	}
	v.find(f, key)
}

// read reads the columns side by side, whole blocks, each in its turn (R18). One whose
// drive hangs is left behind with errLate (R13), and its buffer with the read. It ends
// early with ctx.
func (v *verification) read(ctx context.Context, at stripeAt, cols []*column) {
	defer v.waited(time.Now())
	results := make([]chan column, len(cols))
	for i, c := range cols {
		mine, result := *c, make(chan column, 1)
		results[i] = result
		col := drive.ColumnOf(mine.stored, at.d, at.seg.k)
		turn, err := v.turn(ctx, at, col)
		if err != nil {
			return
		}
		mine.buf.Hold()
		v.p.wg.Go(func() {
			defer mine.buf.Release()
			hung := countDown(v.p.patience, func() { v.p.readHung(at.seg.driveOf(col, at.no)) })
			block, err := v.readBlock(ctx, at, col, &mine)
			turn.End()
			hung.Stop()
			began := time.Now()
			if mine.err = err; err == nil {
				mine.err = v.verifyBlock(at, col, &mine, block)
			}
			v.helped(began)
			result <- mine
		})
	}
	late := countDown(2*v.p.patience, nil)
	defer late.Stop()
	isLate := false
	for i, c := range cols {
		if !isLate {
			select {
			case *c = <-results[i]:
				continue
			case <-late.C:
				isLate = true
			case <-ctx.Done():
				isLate = true
			}
		}
		select {
		case *c = <-results[i]:
		default:
			c.err = errLate
		}
	}
}

// readBlock reads one block from its drive.
func (v *verification) readBlock(ctx context.Context, at stripeAt, col int, c *column) ([]byte, error) {
	start, size := drive.PayloadStart(at.seg.kind, at.d, at.seg.m, at.length), int(drive.BlockBytes(at.seg.kind, at.d, at.seg.m, at.length))
	b := c.buf.b[v.p.mem.payloadAt-start:][:size]
	patient, cancel := withPatience(ctx, v.p.patience+v.p.patience/lateShare) // after readHung
	defer cancel()
	var err error
	for range 3 {
		var f *drive.File
		id := at.seg.driveOf(col, at.no)
		if f, err = v.p.file(patient, at.seg, at.seg.fileOf(col, at.no), false); err == nil {
			if err = v.dropCache(f, fileOn{at.seg.id, id}); err == nil {
				err = f.ReadAt(patient, b, at.offset, c.buf)
			}
		}
		// It was closed to have fewer open, or it has just moved.
		again := errors.Is(err, drive.ErrClosed) || errors.Is(err, fs.ErrNotExist) && id != at.seg.driveOf(col, at.no)
		if !again {
			break
		}
	}
	if err != nil && patient.Err() != nil {
		return nil, errHung
	}
	return b, err
}

// verifyBlock verifies all of a block that was read.
func (v *verification) verifyBlock(at stripeAt, col int, c *column, b []byte) error {
	start := drive.PayloadStart(at.seg.kind, at.d, at.seg.m, at.length)
	if err := c.verify(v.p, at, col, b[:start]); err != nil {
		return err
	}
	if !isZero(b[c.head.Size():start]) || !isZero(b[start+at.length:]) {
		return errSlack
	}
	return nil
}

// dropCache has a file read from its drive from now on (R17), once.
func (v *verification) dropCache(f *drive.File, on fileOn) error {
	v.mu.Lock()
	done := v.uncached[on]
	v.mu.Unlock()
	if done {
		return nil
	}
	if err := f.Uncached(); err != nil {
		return err
	}
	v.mu.Lock()
	v.uncached[on] = true
	v.mu.Unlock()
	return nil
}
