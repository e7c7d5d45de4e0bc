package drive

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/cespare/xxhash/v2"
	"github.com/google/uuid"
)

// FileHeader is page 0 of a segment file.
type FileHeader struct {
	Kind    Kind
	Index   int // which of the segment's k+m files this is
	K, M    int
	Pool    uuid.UUID
	Drive   uuid.UUID // the drive that this file was made for
	Segment SegmentID
	Drives  []uuid.UUID // the drives of the k+m files when the segment was made, by index
}

// FileHeaderBytes is the length of an encoded FileHeader.
const FileHeaderBytes = PageBytes

// A segment file's header, little endian.
const (
	fileMagic   = "HFSG"
	fileVersion = 1

	fMagic    = 0    // 4
	fVersion  = 4    // 2
	fKind     = 6    // 1
	fIndex    = 7    // 1
	fK        = 8    // 1
	fM        = 9    // 1
	fZero0    = 10   // 6
	fPool     = 16   // 16
	fDrive    = 32   // 16
	fSegment  = 48   // 8
	fFeatures = 56   // 8
	fDrives   = 64   // 16 each
	fSum      = 4088 // 8
)

// EncodeTo writes the header to dst[:FileHeaderBytes]. It panics if h is not
// valid.
func (h FileHeader) EncodeTo(dst []byte) {
	if err := h.check(); err != nil {
		panic("drive: FileHeader.EncodeTo: " + err.Error())
	}
	dst = dst[:FileHeaderBytes]
	clear(dst)
	le := binary.LittleEndian
	copy(dst[fMagic:], fileMagic)
	le.PutUint16(dst[fVersion:], fileVersion)
	dst[fKind], dst[fIndex], dst[fK], dst[fM] = byte(h.Kind), byte(h.Index), byte(h.K), byte(h.M)
	copy(dst[fPool:], h.Pool[:])
	copy(dst[fDrive:], h.Drive[:])
	le.PutUint64(dst[fSegment:], uint64(h.Segment))
	for i := range h.Drives {
		copy(dst[fDrives+16*i:], h.Drives[i][:])
	}
	le.PutUint64(dst[fSum:], xxhash.Sum64(dst[:fSum]))
}

// DecodeFileHeader reads a header from src[:FileHeaderBytes]. Errors: ErrVersion,
// ErrChecksum, ErrMalformed.
func DecodeFileHeader(src []byte) (FileHeader, error) {
	fail := func(format string, args ...any) (FileHeader, error) {
		return FileHeader{}, fmt.Errorf("segment file header: "+format, args...)
	}
	if len(src) < FileHeaderBytes {
		return fail("%d bytes of %d: %w", len(src), FileHeaderBytes, ErrMalformed)
	}
	src = src[:FileHeaderBytes]
	le := binary.LittleEndian
	if string(src[fMagic:fMagic+4]) != fileMagic {
		return fail("does not begin with %s: %w", fileMagic, ErrMalformed)
	}
	if v := le.Uint16(src[fVersion:]); v != fileVersion {
		if versionDamaged(src, fVersion, fileVersion, fSum) {
			return fail("version %d: %w", v, ErrChecksum)
		}
		return fail("version %d: %w", v, ErrVersion)
	}
	if le.Uint64(src[fSum:]) != xxhash.Sum64(src[:fSum]) {
		return fail("%w", ErrChecksum)
	}
	if f := le.Uint64(src[fFeatures:]); f != 0 {
		return fail("features %#x: %w", f, ErrVersion)
	}
	h := FileHeader{
		Kind: Kind(src[fKind]), Index: int(src[fIndex]), K: int(src[fK]), M: int(src[fM]),
		Segment: SegmentID(le.Uint64(src[fSegment:])),
	}
	copy(h.Pool[:], src[fPool:])
	copy(h.Drive[:], src[fDrive:])
	if err := h.checkGeometry(); err != nil {
		return fail("%w: %w", ErrMalformed, err)
	}
	h.Drives = make([]uuid.UUID, h.K+h.M)
	end := fDrives
	for i := range h.Drives {
		end += copy(h.Drives[i][:], src[end:])
	}
	if !zero(src[fZero0:fPool]) || !zero(src[end:fSum]) {
		return fail("reserved bytes are not zero: %w", ErrMalformed)
	}
	return h, nil
}

func (h *FileHeader) checkGeometry() error {
	switch {
	case h.Kind != Journal && h.Kind != Bulk:
		return fmt.Errorf("kind %d", h.Kind)
	case h.K < 1 || h.K > MaxData || h.M < 1 || h.M > MaxParity:
		return fmt.Errorf("no geometry: k=%d m=%d", h.K, h.M)
	case h.Index < 0 || h.Index >= h.K+h.M:
		return fmt.Errorf("file %d of %d", h.Index, h.K+h.M)
	case h.Segment == 0:
		return fmt.Errorf("segment 0")
	}
	return nil
}

func (h *FileHeader) check() error {
	if err := h.checkGeometry(); err != nil {
		return err
	}
	if len(h.Drives) != h.K+h.M {
		return fmt.Errorf("%d drives for %d files", len(h.Drives), h.K+h.M)
	}
	return nil
}

func zero(b []byte) bool {
	return !slices.ContainsFunc(b, func(c byte) bool { return c != 0 })
}
