package blockstore

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// stripe is one append to a segment, in memory: d data columns and m parity
// columns by stored index, each in a buffer of its own.
type stripe struct {
	seg    *segment
	no     uint32
	offset int64
	d      int
	length int // payload bytes of each column
	bufs   []*buffer
	pieces columnSums   // of data columns, where they are known before
	head   drive.Header // of all its blocks but for the column
}

// columns is the number of stored columns.
func (st *stripe) columns() int { return st.d + st.seg.m }

// place gives the stripe its place in a segment.
func (st *stripe) place(seg *segment, no uint32, offset int64) {
	st.seg, st.no, st.offset = seg, no, offset
}

// stripBytes is how much of each column is encoded and summed at a time: whole pieces, as many as are summed beside each
// other.
const stripBytes = 8 * drive.PieceBytes

// seal computes parity and checksums and writes the headers. Afterwards the
// blocks are as they will lie in the files. The data columns must be filled,
// and zero behind their end, up to length.
//
// Parity is taken in strips, and what is to be summed of a strip is so while it lies in the processor's cache.
func (p *Pool) seal(st *stripe, batch drive.Batch, isCopy bool) error {
	code, err := p.code(st.seg.k)
	if err != nil {
		return err
	}
	var cols [maxColumns][]byte
	for i, b := range st.bufs {
		cols[i] = b.payload()[:st.length]
	}
	n := st.columns()
	pieces := drive.Pieces(st.length)
	sums := st.head.Sums
	if cap(sums) < n*pieces {
		sums = make([]uint64, n*pieces)
	}
	sums = sums[:n*pieces]
	var strip [maxColumns][]byte
	for from := 0; from < st.length; from += stripBytes {
		to := min(from+stripBytes, st.length)
		for i, col := range cols[:n] {
			strip[i] = col[from:to]
		}
		if err := code.Encode(strip[:st.d], strip[st.d:n]); err != nil {
			return fmt.Errorf("segment %v: stripe %d: %w", st.seg.id, st.no, err)
		}
		for i, b := range strip[:n] {
			if !st.pieces.has(i) {
				drive.SumPieces(sums[i*pieces+from/drive.PieceBytes:][:drive.Pieces(len(b))], b)
			}
		}
	}
	for i := range st.d {
		if st.pieces.has(i) {
			copy(sums[i*pieces:], st.pieces.of(i)[:pieces])
		}
	}
	st.head = drive.Header{
		Kind: st.seg.kind, Copy: isCopy,
		D: st.d, K: st.seg.k, M: st.seg.m,
		Pool: p.id, Segment: st.seg.id, Stripe: st.no, Length: st.length, Offset: st.offset,
		Batch: batch, Sums: sums,
	}
	start := st.head.PayloadStart()
	size := int(st.head.BlockBytes())
	for i, b := range st.bufs {
		st.head.Column = drive.ColumnOf(i, st.d, st.seg.k)
		drive.EncodeHeader(b.b[p.mem.payloadAt-start:p.mem.payloadAt], &st.head)
		clear(b.b[p.mem.payloadAt+st.length : p.mem.payloadAt-start+size])
	}
	return nil
}

// block is the stored column i as it lies in its file. Only after seal.
func (st *stripe) block(i int) []byte {
	start := st.head.PayloadStart()
	at := st.bufs[i].home.payloadAt - start
	return st.bufs[i].b[at : at+int(st.head.BlockBytes())]
}

// file is the index of the file for stored column i.
func (st *stripe) file(i int) int {
	return st.seg.fileOf(drive.ColumnOf(i, st.d, st.seg.k), st.no)
}

// release gives the buffers back; I/O under way keeps its own hold.
func (st *stripe) release() { releaseAll(st.bufs) }

// maxColumns is the widest stripe there can be: 32+8.
const maxColumns = 40

// ioResult is the outcome of one drive's share of some I/O.
type ioResult struct {
	drive uuid.UUID
	err   error
}
