package drive

import (
	"math/bits"

	"golang.org/x/sys/cpu"
)

// sumEach puts the checksums of as many whole pieces at the beginning of payload as
// go well together into dst, and says how many that are.
//
// xxhash64 works on four numbers, each of which is multiplied twice for 8 bytes, and
// a core multiplies one at a time: that is all its speed. AVX-512 multiplies eight at a
// time, but takes longer for it, so several pieces are taken beside each other.
// It needs no more than what has been in servers since 2017, and elsewhere the
// checksums are the same.
func sumEach(dst []uint64, payload []byte) (n int) {
	if !cpu.X86.HasAVX512F || !cpu.X86.HasAVX512DQ {
		return 0
	}
	var acc [8][4]uint64
	for whole := min(len(dst), len(payload)/PieceBytes); whole-n >= 4; {
		at := payload[n*PieceBytes:]
		together := 4
		if whole-n >= 8 {
			together = 8
			accumulate8(&acc, (*[8 * PieceBytes]byte)(at))
		} else {
			accumulate4((*[4][4]uint64)(acc[:]), (*[4 * PieceBytes]byte)(at))
		}
		for i := range together {
			dst[n+i] = finish(&acc[i])
		}
		n += together
	}
	return n
}

// The primes of xxHash64, as far as a body of whole 32 bytes needs them.
const (
	prime1 uint64 = 0x9E3779B185EBCA87
	prime2 uint64 = 0xC2B2AE3D27D4EB4F
	prime3 uint64 = 0x165667B19E3779F9
	prime4 uint64 = 0x85EBCA77C2B2AE63
)

// finish makes the checksum of a piece of what its bytes came to: steps 3, 4 and 6 of XXH64 (Yann Collet,
// "xxHash fast digest algorithm", 2012, doc/xxhash_spec.md).
func finish(acc *[4]uint64) uint64 {
	h := bits.RotateLeft64(acc[0], 1) + bits.RotateLeft64(acc[1], 7) + bits.RotateLeft64(acc[2], 12) + bits.RotateLeft64(acc[3], 18)
	for _, v := range acc {
		h ^= bits.RotateLeft64(v*prime2, 31) * prime1
		h = h*prime1 + prime4
	}
	h += PieceBytes
	h ^= h >> 33
	h *= prime2
	h ^= h >> 29
	h *= prime3
	return h ^ h>>32
}

//go:noescape
func accumulate8(acc *[8][4]uint64, pieces *[8 * PieceBytes]byte)

//go:noescape
func accumulate4(acc *[4][4]uint64, pieces *[4 * PieceBytes]byte)
