package drive

import (
	"slices"

	"github.com/google/uuid"
)

// Header is a block's header: which column of which stripe this is, and the
// checksums of the whole stripe.
type Header struct {
	Kind    Kind
	Copy    bool // recovery wrote it again from an older segment (R9)
	Column  int  // 0..k+m-1
	D, K, M int  // stored data columns, data columns, parity columns
	Pool    uuid.UUID
	Segment SegmentID
	Stripe  uint32 // the stripe's number in its segment, from 0
	Length  int    // payload bytes, the same in all columns of the stripe
	Offset  int64  // of the block in its file, the same in all files
	Batch   Batch  // zero in bulk blocks
	// Sums holds the xxhash64 of every piece of every stored column: piece p of
	// stored index i at i*Pieces+p.
	Sums []uint64
}

// Batch says of a journal block to which batch its stripe belongs.
type Batch struct {
	LSN, UID             uint64 // number and identity of the batch
	StableLSN, StableUID uint64 // the last batch acknowledged when this one was built
	Base                 uint64 // first LSN of the segment
	Prev                 SegmentID
	Part, Parts          int // the batch is Parts consecutive stripes, this is number Part
}

// Size is the length of the encoded header in bytes, table included.
func (h *Header) Size() int { return HeaderBytes(h.D, h.M, h.Length) }

// PayloadStart is where the payload starts, in bytes from the block's start.
func (h *Header) PayloadStart() int { return PayloadStart(h.Kind, h.D, h.M, h.Length) }

// BlockBytes is the length of the block, a multiple of PageBytes.
func (h *Header) BlockBytes() int64 { return BlockBytes(h.Kind, h.D, h.M, h.Length) }

// Pieces is the number of pieces of each column.
func (h *Header) Pieces() int { return Pieces(h.Length) }

// PieceLen is the length of a piece: PieceBytes, or less for the last one.
func (h *Header) PieceLen(piece int) int { return min(PieceBytes, h.Length-piece*PieceBytes) }

// Stored is the position of this block's column in the table.
func (h *Header) Stored() int { return StoredIndex(h.Column, h.D, h.K) }

// Sum is the checksum of a piece of the column with the given stored index. It
// panics if the stripe has no such piece.
func (h *Header) Sum(stored, piece int) uint64 {
	if !h.has(stored, piece) {
		panic("drive: Sum of a piece that the stripe does not have")
	}
	return h.Sums[stored*h.Pieces()+piece]
}

func (h *Header) has(stored, piece int) bool {
	return stored >= 0 && stored < h.D+h.M && piece >= 0 && piece < h.Pieces()
}

// SameStripe says whether two blocks belong together: all is equal but the
// column, the checksums of all pieces included (R1).
func (h *Header) SameStripe(o *Header) bool {
	return h.Kind == o.Kind && h.Copy == o.Copy && h.D == o.D && h.K == o.K && h.M == o.M &&
		h.Pool == o.Pool && h.Segment == o.Segment && h.Stripe == o.Stripe && h.Length == o.Length &&
		h.Offset == o.Offset && h.Batch == o.Batch && slices.Equal(h.Sums, o.Sums)
}

// ClearSlack zeroes what is not payload behind the payload of a block. The
// slack before it is EncodeHeader's.
func ClearSlack(block []byte, h *Header) {
	clear(block[h.PayloadStart()+h.Length : h.BlockBytes()])
}
