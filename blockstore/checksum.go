package blockstore

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// What a body's own checksum is, an object's or a part's, is said here and in
// FORMAT.md, and nowhere else.
//
// It is the xxhash64 of the xxhash64s of the body's leaves, and of its length behind
// them. A leaf is 4 KiB, the last one what is left. So leaves are summed beside each
// other (drive.SumPieces: up to 30 GB/s a core, where one xxhash64 over all of the
// body is one chain of multiplications, 12 GB/s). Each leaf's sum has its place in
// what the last one is of, so that bytes in another order, of another place, or of
// another body are as good as sure to come to another checksum, and so are fewer or
// more of them, by the length too. Records of before have that one xxhash64.
//
// Leaves are summed anew from the bytes that are sent, though most of them coincide
// with pieces whose checksums were looked at when the column was read. To take those
// would spare another 0.04 CPU seconds a GiB, and would no longer see what happens to
// bytes between there and the client, as a buffer that was given back too early, or
// that a late read still writes to.

// leafBytes is the length of a leaf.
const leafBytes = drive.PieceBytes

// leavesAtOnce are summed in one go: as many as the longest column has.
const leavesAtOnce = drive.MaxColumnBytes / leafBytes

// bodySum takes a body's bytes, in their order, and comes to its checksum. It is to be
// begun first.
type bodySum struct {
	leaves bool          // of which form the checksum is
	top    xxhash.Digest // over the leaves' sums; or over all bytes
	leaf   xxhash.Digest // over the leaf that is not whole yet
	filled int           // bytes of that
	bytes  uint64
}

// begin begins anew, for a checksum of that form.
func (s *bodySum) begin(leaves bool) {
	s.leaves, s.filled, s.bytes = leaves, 0, 0
	s.top.Reset()
	s.leaf.Reset()
}

func (s *bodySum) write(b []byte) {
	if !s.leaves {
		_, _ = s.top.Write(b)
		return
	}
	s.bytes += uint64(len(b))
	if s.filled > 0 {
		n := min(leafBytes-s.filled, len(b))
		s.fill(b[:n])
		b = b[n:]
	}
	var sums [leavesAtOnce]uint64
	for len(b) >= leafBytes {
		n := min(len(b)/leafBytes, leavesAtOnce)
		drive.SumPieces(sums[:n], b[:n*leafBytes])
		s.add(sums[:n]...)
		b = b[n*leafBytes:]
	}
	if len(b) > 0 {
		s.fill(b)
	}
}

// whole says that the next byte begins a leaf.
func (s *bodySum) whole() bool { return s.leaves && s.filled == 0 }

// take takes whole leaves by their sums, at most leavesAtOnce. The next byte before them is to begin a leaf.
func (s *bodySum) take(sums []uint64) {
	s.bytes += uint64(len(sums)) * leafBytes
	s.add(sums...)
}

// fill takes bytes of the leaf that is not whole yet, no more than it lacks.
func (s *bodySum) fill(b []byte) {
	_, _ = s.leaf.Write(b)
	if s.filled += len(b); s.filled == leafBytes {
		s.add(s.leaf.Sum64())
		s.leaf.Reset()
		s.filled = 0
	}
}

// add takes numbers that the checksum is of, at most leavesAtOnce.
func (s *bodySum) add(numbers ...uint64) {
	var text [8 * leavesAtOnce]byte
	for i, n := range numbers {
		binary.LittleEndian.PutUint64(text[8*i:], n)
	}
	_, _ = s.top.Write(text[:8*len(numbers)])
}

// end is the checksum of all that was written. It is called once; what follows it is begin.
func (s *bodySum) end() catalog.Checksum {
	if s.leaves {
		if s.filled > 0 {
			s.add(s.leaf.Sum64())
		}
		s.add(s.bytes)
	}
	return catalog.Checksum{Sum: s.top.Sum64(), Leaves: s.leaves}
}
