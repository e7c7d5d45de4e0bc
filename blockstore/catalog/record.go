package catalog

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// Type tells records apart. The numbers are part of the format.
type Type uint64

// Types of records.
const (
	TypePut            Type = 1
	TypeDelete         Type = 2
	TypeBucketCreate   Type = 3
	TypeBucketDelete   Type = 4
	TypeUploadCreate   Type = 5
	TypePartPut        Type = 6
	TypeUploadComplete Type = 7
	TypeUploadAbort    Type = 8
	TypeRelocate       Type = 9
	TypeSegment        Type = 10
	TypeSeal           Type = 11
	TypeRemap          Type = 12
	TypeDrop           Type = 13
	TypeRestate        Type = 14
	TypeOpening        Type = 15
	TypeSetting        Type = 16
	TypeAmend          Type = 17
)

// Record is one change of the catalog: a pointer to one of the record types of
// this package.
type Record interface {
	Type() Type
	code(*coder)
}

// newRecord gives an empty record of the type, or nil for an unknown one.
func newRecord(t Type) Record {
	switch t {
	case TypePut:
		return new(Put)
	case TypeDelete:
		return new(Delete)
	case TypeBucketCreate:
		return new(BucketCreate)
	case TypeBucketDelete:
		return new(BucketDelete)
	case TypeUploadCreate:
		return new(UploadCreate)
	case TypePartPut:
		return new(PartPut)
	case TypeUploadComplete:
		return new(UploadComplete)
	case TypeUploadAbort:
		return new(UploadAbort)
	case TypeRelocate:
		return new(Relocate)
	case TypeSegment:
		return new(Segment)
	case TypeSeal:
		return new(Seal)
	case TypeRemap:
		return new(Remap)
	case TypeDrop:
		return new(Drop)
	case TypeRestate:
		return new(Restate)
	case TypeOpening:
		return new(Opening)
	case TypeSetting:
		return new(Setting)
	case TypeAmend:
		return new(Amend)
	}
	return nil
}

// AppendRecord appends the encoding of r: its type, the length of its message
// and the message. A record outside the format's bounds is a programmer's
// error and panics; AppendValid tells.
func AppendRecord(dst []byte, r Record) []byte { return new(Encoder).Append(dst, r) }

// AppendValid is AppendRecord, but tells why r cannot be encoded, as an ErrRecord.
// Then it appends nothing.
func AppendValid(dst []byte, r Record) ([]byte, error) { return new(Encoder).AppendValid(dst, r) }

// Encoder encodes records, one after the other, in memory of its own. The zero value is ready.
type Encoder struct{ c coder }

// Append is AppendRecord.
func (e *Encoder) Append(dst []byte, r Record) []byte {
	dst, err := e.AppendValid(dst, r)
	if err != nil {
		panic(fmt.Sprintf("catalog: record of type %d: %v", r.Type(), err))
	}
	return dst
}

// AppendValid is the function of that name.
func (e *Encoder) AppendValid(dst []byte, r Record) ([]byte, error) {
	start := len(dst)
	dst = protowire.AppendVarint(dst, uint64(r.Type()))
	body := len(dst)
	dst, err := e.c.encode(dst, r.code)
	if err != nil {
		return dst[:start], err
	}
	return insertLength(dst, body), nil
}

// Validate tells why r cannot be encoded, as an ErrRecord, or nil.
func Validate(r Record) error {
	_, err := encode(nil, r.code)
	return err
}

// DecodeRecords calls f for each record in b, in order, and stops at the first
// error: f's own, or ErrRecord for what is not an encoding AppendRecord makes.
// Strings are copied; the keys and values of a Restate and the value of a
// Setting alias b.
func DecodeRecords(b []byte, f func(Record) error) error { return decodeRecords(b, newRecord, f) }

// VisitRecords is DecodeRecords for who keeps no record: those of the type Put are
// one after the other in the same memory. Strings and slices of theirs may be kept.
func VisitRecords(b []byte, f func(Record) error) error {
	var put Put
	return decodeRecords(b, func(t Type) Record {
		if t != TypePut {
			return newRecord(t)
		}
		put = Put{}
		return &put
	}, f)
}

// decodeRecords is DecodeRecords into records that empty gives.
func decodeRecords(b []byte, empty func(Type) Record, f func(Record) error) error {
	var c coder
	for i := 0; len(b) > 0; i++ {
		if i == MaxRecords {
			return fmt.Errorf("%w: more than %d records in a batch", ErrRecord, MaxRecords)
		}
		t, n := consumeVarint(b)
		if n < 0 {
			return fmt.Errorf("%w: record %d: type cut or not canonical", ErrRecord, i)
		}
		b = b[n:]
		size, n := consumeVarint(b)
		if n < 0 || size > uint64(len(b)-n) {
			return fmt.Errorf("%w: record %d: cut", ErrRecord, i)
		}
		r := empty(Type(t))
		if r == nil {
			return fmt.Errorf("%w: record %d: unknown type %d", ErrRecord, i, t)
		}
		if err := c.decode(b[n:n+int(size)], r.code); err != nil {
			return fmt.Errorf("record %d of type %d: %w", i, t, err)
		}
		b = b[n+int(size):]
		if err := f(r); err != nil {
			return err
		}
	}
	return nil
}

func fieldNumber(n int32) protowire.Number { return protowire.Number(n) }

func codeKey(c *coder, num int32, key *string) {
	c.string(fieldNumber(num), key, MaxKey)
	if c.err == nil && *key == "" {
		c.fail("no key")
	}
}

func codeID(c *coder, num int32, id *drive.SegmentID) {
	u := uint64(*id)
	c.uint64(fieldNumber(num), &u)
	if !c.writing {
		*id = drive.SegmentID(u)
	}
	if c.err == nil && u == 0 {
		c.fail("no segment")
	}
}
