package checksum

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/minio/crc64nvme"
)

// A CRC of n bytes is a remainder of polynomials over GF(2), modulo the
// generator p. Of two pieces A and B that stand one behind the other, with the
// inversions before and behind that all three CRCs here have,
//
//	crc(AB) = crc(A)·x^(8·len(B)) mod p  +  crc(B)
//
// where + is xor. This is what zlib's crc32_combine does (Mark Adler; by
// squaring matrices at first, by multiplying polynomials as here since 1.2.12).
// x^(8n) is found by squaring in as many steps as n has bits.
//
// All three are reflected: the most significant of their bits stands for x^0.

// Part is the checksum of one piece of a whole.
type Part struct {
	Sum  []byte
	Size int64 // of the piece, in bytes
}

// ErrNotLinear says that the checksum of a whole does not follow from those
// of its parts.
var ErrNotLinear = errors.New("checksums of this kind cannot be combined")

// Combine gives the checksum of the parts' bytes, one part behind the other.
// It wraps ErrNotLinear unless a.Combines().
func (a Algorithm) Combine(parts []Part) ([]byte, error) {
	field, ok := a.field()
	if !ok {
		return nil, fmt.Errorf("%v: %w", a, ErrNotLinear)
	}
	var crc, shift uint64
	shiftSize := int64(-1) // the size that shift is of: parts are mostly alike
	for i, part := range parts {
		if len(part.Sum) != a.Size() || part.Size < 0 {
			return nil, fmt.Errorf("part %d of %d: a %v has %d bytes, not %d, and its part has %d", i+1, len(parts), a, a.Size(), len(part.Sum), part.Size)
		}
		if part.Size != shiftSize {
			shift, shiftSize = field.power(uint64(part.Size)), part.Size
		}
		crc = field.times(shift, crc) ^ number(part.Sum)
	}
	sum := binary.BigEndian.AppendUint64(nil, crc)
	return sum[len(sum)-a.Size():], nil
}

func number(sum []byte) uint64 {
	var n uint64
	for _, b := range sum {
		n = n<<8 | uint64(b)
	}
	return n
}

// field is the polynomials modulo a generator, reflected.
type field struct {
	one       uint64 // x^0: the most significant bit that a remainder has
	generator uint64 // without its highest power
}

func (a Algorithm) field() (field, bool) {
	switch a {
	case CRC32:
		return field{1 << 31, crc32.IEEE}, true
	case CRC32C:
		return field{1 << 31, crc32.Castagnoli}, true
	case CRC64NVME:
		return field{1 << 63, crc64nvme.NVME}, true
	}
	return field{}, false
}

// times multiplies.
func (f field) times(a, b uint64) uint64 {
	var product uint64
	for bit := f.one; bit != 0 && a != 0; bit >>= 1 {
		if a&bit != 0 {
			product ^= b
			a &^= bit
		}
		b = f.timesX(b)
	}
	return product
}

// timesX multiplies by x.
func (f field) timesX(a uint64) uint64 {
	if a&1 != 0 {
		return a>>1 ^ f.generator
	}
	return a >> 1
}

// power gives x^(8n).
func (f field) power(n uint64) uint64 {
	result, square := f.one, f.one>>8 // x^0 and x^8
	for ; n != 0; n >>= 1 {
		if n&1 != 0 {
			result = f.times(result, square)
		}
		square = f.times(square, square)
	}
	return result
}
