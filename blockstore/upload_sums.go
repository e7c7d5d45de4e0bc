package blockstore

import "github.com/holdfast-storage/holdfast/blockstore/drive"

// piecesMax is how many pieces a column has at most.
const piecesMax = drive.MaxColumnBytes / drive.PieceBytes

// columnSums are the checksums of the pieces of data columns, as taken when their bytes came in.
//
// A piece of a block and a leaf of the body are of one length and have the same sum where they coincide, which is
// wherever a column begins with a leaf: always, but behind a stripe that was cut short. There each byte is summed once
// for both, right behind the read that brought it. That the sum of a piece is older than the block makes it no weaker:
// whatever happens to the column between the client and the drive, it shows when the block is read.
//
// Invariant: a column that is known (has) holds, up to its length, the bytes that were summed. Its sums are dropped with
// it, and where bytes are moved between columns (respread) they do not go with the stripe.
type columnSums struct {
	sums  []uint64 // piecesMax for each column
	whole uint64   // bit i: all of column i
}

func (s *columnSums) has(column int) bool { return s.whole&(1<<column) != 0 }

func (s *columnSums) of(column int) []uint64 { return s.sums[column*piecesMax:][:piecesMax] }

// first are those of the first n columns.
func (s columnSums) first(n int) columnSums {
	s.whole &= 1<<n - 1
	return s
}

// beginSums is called when a column was added.
func (u *upload) beginSums() {
	u.summed = 0
	if more := len(u.cols)*piecesMax - len(u.kit.pieces); more > 0 {
		u.kit.pieces = append(u.kit.pieces, make([]uint64, more)...)
	}
	u.pieces.sums = u.kit.pieces
}

// filled counts n bytes more in the last column, and sums them when there are enough.
func (u *upload) filled(n int) {
	u.fill += n
	switch {
	case u.fill == u.limit:
		u.sumRest()
	case u.fill-u.summed >= stripBytes:
		u.sumPieces()
	}
}

// sumPieces sums the whole pieces in the last column that were not summed yet, if they are leaves of the body.
func (u *upload) sumPieces() {
	last, n := len(u.cols)-1, (u.fill-u.summed)/drive.PieceBytes
	if n == 0 || u.summed%drive.PieceBytes != 0 || !u.sum.whole() {
		return
	}
	sums := u.pieces.of(last)[u.summed/drive.PieceBytes:][:n]
	drive.SumPieces(sums, u.cols[last].payload()[u.summed:][:n*drive.PieceBytes])
	u.sum.take(sums)
	if u.summed += n * drive.PieceBytes; u.summed == u.limit {
		u.pieces.whole |= 1 << last
	}
}

// sumRest sums all that the last column has.
func (u *upload) sumRest() {
	if len(u.cols) == 0 {
		return
	}
	u.sumPieces()
	u.sum.write(u.cols[len(u.cols)-1].payload()[u.summed:u.fill])
	u.summed = u.fill
}
