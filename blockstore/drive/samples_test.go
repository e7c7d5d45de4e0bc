package drive

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"
	"github.com/google/uuid"
)

// id gives the UUID whose bytes are b, b+1, …
func id(b byte) (u uuid.UUID) {
	for i := range u {
		u[i] = b + byte(i)
	}
	return u
}

func sampleLabel() Label {
	return Label{
		Pool: id(0x10), Drive: id(0x20), CreatedUnix: 1770000000, Reserved: 8,
		Membership: Membership{
			Epoch: 7, Parity: 2, Width: 6, SegmentBytes: 256 << 20,
			Members: []Member{
				{ID: id(0x20), Slot: 0, State: Online, Joined: 1},
				{ID: id(0x30), Slot: 1, State: Faulted, Joined: 1},
				{ID: id(0x40), Slot: 300, State: Spare, Joined: 7},
			},
			Old:        []Member{{ID: id(0x20), Slot: 0, State: Online, Joined: 1}},
			Checkpoint: Checkpoint{LSN: 1000, First: 1001, Last: 1004},
			Floor:      900,
		},
	}
}

func sampleFileHeader() FileHeader {
	h := FileHeader{Kind: Bulk, Index: 3, K: 4, M: 2, Pool: id(0x10), Drive: id(0x50), Segment: NewSegmentID(7, 2)}
	for i := range h.K + h.M {
		h.Drives = append(h.Drives, id(byte(0x20+0x10*i)))
	}
	return h
}

// sampleJournal is a lone small batch: one data column of 300 bytes in 4+2.
func sampleJournal() Header {
	h := Header{
		Kind: Journal, Copy: true, Column: 5, D: 1, K: 4, M: 2, Pool: id(0x10), Segment: NewSegmentID(7, 1),
		Stripe: 9, Length: 300, Offset: 40960,
		Batch: Batch{
			LSN: 1234, UID: 0x0123456789abcdef, StableLSN: 1230, StableUID: 0xfedcba9876543210,
			Base: 1200, Prev: NewSegmentID(6, 3), Part: 1, Parts: 2,
		},
	}
	h.Sums = sumsOf(&h)
	return h
}

// sampleBulk is a stripe of 4+2 with a short last piece.
func sampleBulk() Header {
	h := Header{
		Kind: Bulk, Column: 2, D: 3, K: 4, M: 2, Pool: id(0x10), Segment: NewSegmentID(7, 2),
		Stripe: 5, Length: 9000, Offset: 69632,
	}
	h.Sums = sumsOf(&h)
	return h
}

// payload is what stands in the column with that stored index: any bytes that
// tell columns apart.
func payload(h *Header, stored int) []byte {
	b := make([]byte, h.Length)
	for i := range b {
		b[i] = byte(i*7 + stored*31 + i>>8)
	}
	return b
}

func sumsOf(h *Header) []uint64 {
	n := Pieces(h.Length)
	sums := make([]uint64, n*(h.D+h.M))
	for i := range h.D + h.M {
		SumPieces(sums[i*n:(i+1)*n], payload(h, i))
	}
	return sums
}

// block encodes a whole block of the stripe over a buffer full of rubbish.
func block(h *Header) []byte {
	b := make([]byte, h.BlockBytes())
	for i := range b {
		b[i] = 0xee
	}
	EncodeHeader(b, h)
	copy(b[h.PayloadStart():], payload(h, h.Stored()))
	ClearSlack(b, h)
	return b
}

// resum makes the checksum at the end of a label or a file header right again.
func resum(b []byte) []byte {
	binary.LittleEndian.PutUint64(b[len(b)-8:], xxhash.Sum64(b[:len(b)-8]))
	return b
}

// resumHeader does the same for the header of a block.
func resumHeader(b []byte) []byte {
	size := min(int(binary.LittleEndian.Uint32(b[hHeader:])), len(b))
	binary.LittleEndian.PutUint64(b[hSum:], headerSum(b[:size]))
	return b
}
