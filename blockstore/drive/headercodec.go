package drive

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cespare/xxhash/v2"
)

// A block's header, little endian; FORMAT.md has the diagram.
const (
	blockMagic   = "HFBK"
	blockVersion = 1

	flagJournal = 1 << 0
	flagCopy    = 1 << 1

	hMagic     = 0   // 4
	hVersion   = 4   // 2
	hFlags     = 6   // 1
	hColumn    = 7   // 1
	hD         = 8   // 1
	hK         = 9   // 1
	hM         = 10  // 1
	hZero0     = 11  // 1
	hHeader    = 12  // 4
	hPool      = 16  // 16
	hSegment   = 32  // 8
	hStripe    = 40  // 4
	hLength    = 44  // 4
	hOffset    = 48  // 8
	hPayload   = 56  // 4
	hZero1     = 60  // 4
	hLSN       = 64  // 8
	hUID       = 72  // 8
	hStableLSN = 80  // 8
	hStableUID = 88  // 8
	hBase      = 96  // 8
	hPrev      = 104 // 8
	hPart      = 112 // 2
	hParts     = 114 // 2
	hZero2     = 116 // 4
	hSum       = 120 // 8
	hTable     = HeaderFixedBytes
)

// EncodeHeader writes the header of a block to dst, and zeros up to where the
// payload starts; dst is at least PayloadStart bytes long and the rest of it is
// left alone. It does not allocate. It panics if h is not a valid header.
func EncodeHeader(dst []byte, h *Header) {
	if err := h.check(); err != nil {
		panic("drive: EncodeHeader: " + err.Error())
	}
	size, start := h.Size(), h.PayloadStart()
	if len(h.Sums) != (size-hTable)/8 {
		panic("drive: EncodeHeader: the table does not have an entry per piece")
	}
	dst = dst[:start]
	clear(dst)
	le := binary.LittleEndian
	copy(dst[hMagic:], blockMagic)
	le.PutUint16(dst[hVersion:], blockVersion)
	if h.Kind == Journal {
		dst[hFlags] |= flagJournal
	}
	if h.Copy {
		dst[hFlags] |= flagCopy
	}
	dst[hColumn], dst[hD], dst[hK], dst[hM] = byte(h.Column), byte(h.D), byte(h.K), byte(h.M)
	le.PutUint32(dst[hHeader:], uint32(size))
	copy(dst[hPool:], h.Pool[:])
	le.PutUint64(dst[hSegment:], uint64(h.Segment))
	le.PutUint32(dst[hStripe:], h.Stripe)
	le.PutUint32(dst[hLength:], uint32(h.Length))
	le.PutUint64(dst[hOffset:], uint64(h.Offset))
	le.PutUint32(dst[hPayload:], uint32(start))
	b := &h.Batch
	le.PutUint64(dst[hLSN:], b.LSN)
	le.PutUint64(dst[hUID:], b.UID)
	le.PutUint64(dst[hStableLSN:], b.StableLSN)
	le.PutUint64(dst[hStableUID:], b.StableUID)
	le.PutUint64(dst[hBase:], b.Base)
	le.PutUint64(dst[hPrev:], uint64(b.Prev))
	le.PutUint16(dst[hPart:], uint16(b.Part))
	le.PutUint16(dst[hParts:], uint16(b.Parts))
	for i, s := range h.Sums {
		le.PutUint64(dst[hTable+8*i:], s)
	}
	// The checksum's own field still holds zeros, as it must when it is taken.
	le.PutUint64(dst[hSum:], xxhash.Sum64(dst[:size]))
}

// DecodeHeader reads the header at the start of src into h, whose Sums are
// reused if they are long enough. What h holds after an error means nothing.
//
// Errors: ErrNoBlock where no block begins (zeros, too); ErrVersion; ErrTooShort
// if the header goes on behind the end of src; ErrMalformed; ErrChecksum.
func DecodeHeader(src []byte, h *Header) error {
	if len(src) < len(blockMagic) || string(src[:len(blockMagic)]) != blockMagic {
		return ErrNoBlock
	}
	if len(src) < HeaderFixedBytes {
		return ErrTooShort{Need: HeaderFixedBytes}
	}
	le := binary.LittleEndian
	if v := le.Uint16(src[hVersion:]); v != blockVersion {
		return fmt.Errorf("block: version %d: %w", v, ErrVersion)
	}
	if f := src[hFlags]; f&^(flagJournal|flagCopy) != 0 {
		return fmt.Errorf("block: flags %#x: %w", f, ErrVersion)
	}
	h.Kind = Bulk
	if src[hFlags]&flagJournal != 0 {
		h.Kind = Journal
	}
	h.Copy = src[hFlags]&flagCopy != 0
	h.Column, h.D, h.K, h.M = int(src[hColumn]), int(src[hD]), int(src[hK]), int(src[hM])
	copy(h.Pool[:], src[hPool:])
	h.Segment = SegmentID(le.Uint64(src[hSegment:]))
	h.Stripe = le.Uint32(src[hStripe:])
	length := le.Uint32(src[hLength:])
	if length > MaxColumnBytes { // before it becomes an int, which may be of 32 bits
		return fmt.Errorf("block: payload of %d bytes: %w", length, ErrMalformed)
	}
	h.Length = int(length)
	h.Offset = int64(le.Uint64(src[hOffset:]))
	h.Batch = Batch{
		LSN: le.Uint64(src[hLSN:]), UID: le.Uint64(src[hUID:]),
		StableLSN: le.Uint64(src[hStableLSN:]), StableUID: le.Uint64(src[hStableUID:]),
		Base: le.Uint64(src[hBase:]), Prev: SegmentID(le.Uint64(src[hPrev:])),
		Part: int(le.Uint16(src[hPart:])), Parts: int(le.Uint16(src[hParts:])),
	}
	if err := h.check(); err != nil {
		return fmt.Errorf("block: %w: %w", ErrMalformed, err)
	}
	size := h.Size()
	switch {
	case le.Uint32(src[hHeader:]) != uint32(size):
		return fmt.Errorf("block: header length is not that of its geometry: %w", ErrMalformed)
	case le.Uint32(src[hPayload:]) != uint32(h.PayloadStart()):
		return fmt.Errorf("block: payload start is not that of its geometry: %w", ErrMalformed)
	case src[hZero0] != 0 || le.Uint32(src[hZero1:]) != 0 || le.Uint32(src[hZero2:]) != 0:
		return fmt.Errorf("block: reserved bytes are not zero: %w", ErrMalformed)
	case len(src) < size:
		return ErrTooShort{Need: size}
	case le.Uint64(src[hSum:]) != headerSum(src[:size]):
		return fmt.Errorf("block header: %w", ErrChecksum)
	}
	n := (size - hTable) / 8
	if cap(h.Sums) < n {
		h.Sums = make([]uint64, n)
	}
	h.Sums = h.Sums[:n]
	for i := range h.Sums {
		h.Sums[i] = le.Uint64(src[hTable+8*i:])
	}
	return nil
}

// headerSum is the xxhash64 of a header with its checksum field taken as zero.
func headerSum(header []byte) uint64 {
	var d xxhash.Digest
	var zero [8]byte
	d.Reset()
	d.Write(header[:hSum])
	d.Write(zero[:])
	d.Write(header[hTable:])
	return d.Sum64()
}

// check says whether the fields can stand in a header; the table aside. It does
// not allocate when they can.
func (h *Header) check() error {
	b := &h.Batch
	switch {
	case h.Kind != Journal && h.Kind != Bulk:
		return errors.New("kind is neither journal nor bulk")
	case h.K < 1 || h.K > MaxData || h.M < 1 || h.M > MaxParity || h.D < 1 || h.D > h.K:
		return fmt.Errorf("no geometry: d=%d k=%d m=%d", h.D, h.K, h.M)
	case h.Column >= h.K+h.M || h.Stored() < 0:
		return fmt.Errorf("column %d is not stored with d=%d k=%d m=%d", h.Column, h.D, h.K, h.M)
	case h.Length < 1 || h.Length > MaxColumnBytes:
		return fmt.Errorf("payload of %d bytes", h.Length)
	case h.Offset < FirstBlock || h.Offset%PageBytes != 0:
		return fmt.Errorf("no block can start at %d", h.Offset)
	case h.Segment == 0:
		return errors.New("segment 0")
	case h.Kind == Bulk && *b != Batch{}:
		return errors.New("a bulk block that carries a batch")
	case h.Kind == Journal && (b.LSN == 0 || b.Part < 0 || b.Part >= b.Parts || b.Parts > 0xffff):
		return fmt.Errorf("batch %d: part %d of %d", b.LSN, b.Part, b.Parts)
	}
	return nil
}
