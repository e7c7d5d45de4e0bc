package drive

import "github.com/cespare/xxhash/v2"

// CheckPiece says whether b is, to the byte, that piece of the stripe.
func (h *Header) CheckPiece(stored, piece int, b []byte) bool {
	return h.has(stored, piece) && len(b) == h.PieceLen(piece) && xxhash.Sum64(b) == h.Sum(stored, piece)
}

// CheckPieces says whether b is, to the byte, pieces [lo, hi) of the column with
// the given stored index.
func (h *Header) CheckPieces(stored, lo, hi int, b []byte) bool {
	if lo < 0 || lo > hi || hi > lo && !h.has(stored, hi-1) || len(b) != min(hi*PieceBytes, h.Length)-min(lo*PieceBytes, h.Length) {
		return false
	}
	var sums [MaxColumnBytes / PieceBytes]uint64
	SumPieces(sums[:hi-lo], b)
	for i, sum := range sums[:hi-lo] {
		if sum != h.Sum(stored, lo+i) {
			return false
		}
	}
	return true
}

// SumPieces puts the checksum of every piece of payload into dst, which has
// Pieces(len(payload)) entries.
func SumPieces(dst []uint64, payload []byte) {
	if len(dst) != Pieces(len(payload)) {
		panic("drive: SumPieces: dst does not have an entry per piece")
	}
	for i := sumEach(dst, payload); i < len(dst); i++ {
		dst[i] = xxhash.Sum64(payload[i*PieceBytes : min((i+1)*PieceBytes, len(payload))])
	}
}
