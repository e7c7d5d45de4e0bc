package drive

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cespare/xxhash/v2"
)

// TestSumPieces holds every number of pieces, with every kind of last one, against one checksum at a time.
func TestSumPieces(t *testing.T) {
	random := rand.NewChaCha8([32]byte{1})
	memory := make([]byte, MaxColumnBytes+64)
	_, _ = random.Read(memory)
	for pieces := range MaxColumnBytes/PieceBytes + 1 {
		for _, last := range []int{1, 31, 32, 33, PieceBytes - 1, PieceBytes} {
			for _, skip := range []int{0, 1, 40} { // not every payload begins at a page
				length := max(0, (pieces-1)*PieceBytes+last)
				if pieces == 0 {
					length = 0
				}
				payload := memory[skip : skip+length]
				got := make([]uint64, Pieces(length))
				SumPieces(got, payload)
				for i, sum := range got {
					if want := xxhash.Sum64(payload[i*PieceBytes : min((i+1)*PieceBytes, length)]); sum != want {
						t.Fatalf("%d bytes, %d past the alignment, piece %d: %x, want %x", length, skip, i, sum, want)
					}
				}
			}
		}
	}
}

// TestCheckPieces has each byte of some pieces wrong in turn.
func TestCheckPieces(t *testing.T) {
	const length = 11*PieceBytes + 100
	payload := make([]byte, length)
	_, _ = rand.NewChaCha8([32]byte{2}).Read(payload)
	h := &Header{Kind: Bulk, D: 1, K: 4, M: 2, Length: length, Sums: make([]uint64, 3*Pieces(length))}
	SumPieces(h.Sums[Pieces(length):2*Pieces(length)], payload)
	for _, c := range []struct{ lo, hi int }{{0, 12}, {0, 8}, {1, 12}, {3, 7}, {11, 12}, {5, 5}} {
		b := payload[c.lo*PieceBytes : min(c.hi*PieceBytes, length)]
		if !h.CheckPieces(1, c.lo, c.hi, b) {
			t.Errorf("pieces %d to %d are right", c.lo, c.hi)
		}
		if c.lo < c.hi && (h.CheckPieces(0, c.lo, c.hi, b) || h.CheckPieces(1, c.lo, c.hi, b[1:]) || h.CheckPieces(1, c.lo, c.hi+1, b)) {
			t.Errorf("pieces %d to %d: of another column, or fewer bytes, or more pieces", c.lo, c.hi)
		}
		for at := 0; at < len(b); at += 97 {
			b[at] ^= 0x10
			if h.CheckPieces(1, c.lo, c.hi, b) {
				t.Errorf("pieces %d to %d: byte %d is wrong", c.lo, c.hi, at)
			}
			b[at] ^= 0x10
		}
	}
	for _, c := range []struct{ stored, lo, hi int }{{-1, 0, 1}, {3, 0, 1}, {1, -1, 0}, {1, 2, 1}, {1, 12, 13}, {1, 0, 1 << 40}} {
		if h.CheckPieces(c.stored, c.lo, c.hi, nil) {
			t.Errorf("column %d has no pieces %d to %d", c.stored, c.lo, c.hi)
		}
	}
}

// BenchmarkSumPieces is of columns in the second-level cache.
func BenchmarkSumPieces(b *testing.B) {
	for _, length := range []int{PieceBytes, 4 * PieceBytes, MaxColumnBytes} {
		b.Run(fmt.Sprintf("KiB=%d", length>>10), func(b *testing.B) {
			payload, sums := make([]byte, length), make([]uint64, Pieces(length))
			b.SetBytes(int64(length))
			for b.Loop() {
				SumPieces(sums, payload)
			}
		})
	}
}
