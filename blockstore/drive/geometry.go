package drive

import "fmt"

// Limits and sizes of the format, in bytes where not said otherwise.
const (
	// PageBytes is the alignment of blocks in a file.
	PageBytes = 4096
	// PieceBytes is the length of a piece: what one checksum covers.
	PieceBytes = 4096
	// MaxColumnBytes is the longest payload of a block.
	MaxColumnBytes = 128 << 10
	// MaxData and MaxParity bound k and m (columns), as package erasure does.
	MaxData   = 32
	MaxParity = 8
	// FirstBlock is the offset of the first block in a segment file.
	FirstBlock = PageBytes
	// HeaderFixedBytes is the length of a block's header without its table.
	HeaderFixedBytes = 128
	// MaxHeaderBytes is the length of the longest header.
	MaxHeaderBytes = HeaderFixedBytes + 8*(MaxColumnBytes/PieceBytes)*(MaxData+MaxParity)
	// MaxBlockBytes is the length of the longest block: a bulk one, whose payload
	// starts at a page of its own.
	MaxBlockBytes = (MaxHeaderBytes+PageBytes-1)/PageBytes*PageBytes + MaxColumnBytes
)

// Kind says what a segment is for.
type Kind uint8

// Kinds of segments, as they stand in a segment file's header.
const (
	Journal Kind = 1 // batches: records and the bodies of small objects
	Bulk    Kind = 2 // stripes of larger bodies
)

func (k Kind) String() string {
	switch k {
	case Journal:
		return "journal"
	case Bulk:
		return "bulk"
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Pieces is the number of pieces in a payload of length bytes.
func Pieces(length int) int { return (length + PieceBytes - 1) / PieceBytes }

// HeaderBytes is the length of the header of a block: d data and m parity
// columns stored, length bytes of payload in each.
func HeaderBytes(d, m, length int) int { return HeaderFixedBytes + 8*Pieces(length)*(d+m) }

// PayloadStart is where the payload starts, from the block's start: right behind
// the header in a journal block, so that a small one fits a single page; at the
// next page in a bulk block, so that it lies page-aligned.
func PayloadStart(kind Kind, d, m, length int) int {
	h := HeaderBytes(d, m, length)
	if kind == Journal {
		return h
	}
	return roundUp(h)
}

// BlockBytes is the length of the whole block, a multiple of PageBytes.
func BlockBytes(kind Kind, d, m, length int) int64 {
	return int64(roundUp(PayloadStart(kind, d, m, length) + length))
}

func roundUp(n int) int { return (n + PageBytes - 1) &^ (PageBytes - 1) }

// StoredIndex is the position of column among the stored columns of a stripe
// with d of k data columns: data first, then parity. -1 if the stripe does not
// store that column.
func StoredIndex(column, d, k int) int {
	switch {
	case column < 0:
		return -1
	case column < d:
		return column
	case column < k:
		return -1
	}
	return d + column - k
}

// ColumnOf is the reverse of StoredIndex.
func ColumnOf(stored, d, k int) int {
	if stored < d {
		return stored
	}
	return k + stored - d
}

// FileOf is the index of the file that holds a column of a stripe, in a segment
// of width files: columns rotate from stripe to stripe, so that all drives share
// in reads and in small commits.
func FileOf(column int, stripe uint32, width int) int {
	return int((uint64(column) + uint64(stripe)) % uint64(width))
}

// ColumnIn is the column of a stripe that lies in a file: the reverse of FileOf.
func ColumnIn(file int, stripe uint32, width int) int {
	w := uint64(width)
	return int((uint64(file) + w - uint64(stripe)%w) % w)
}
