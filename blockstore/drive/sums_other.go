//go:build !amd64

package drive

// sumEach leaves all pieces to SumPieces.
func sumEach([]uint64, []byte) int { return 0 }
