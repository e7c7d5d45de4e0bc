package catalog

import (
	"fmt"
	"math"

	"github.com/google/uuid"
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
	}
	return nil
}

// AppendRecord appends the encoding of r: its type, the length of its message
// and the message. A record outside the format's bounds is a programmer's
// error and panics; Validate tells beforehand.
func AppendRecord(dst []byte, r Record) []byte {
	dst = protowire.AppendVarint(dst, uint64(r.Type()))
	body := len(dst)
	dst, err := encode(dst, r.code)
	if err != nil {
		panic(fmt.Sprintf("catalog: record of type %d: %v", r.Type(), err))
	}
	return insertLength(dst, body)
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
func DecodeRecords(b []byte, f func(Record) error) error {
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
		r := newRecord(Type(t))
		if r == nil {
			return fmt.Errorf("%w: record %d: unknown type %d", ErrRecord, i, t)
		}
		if err := decode(b[n:n+int(size)], r.code); err != nil {
			return fmt.Errorf("record %d of type %d: %w", i, t, err)
		}
		b = b[n+int(size):]
		if err := f(r); err != nil {
			return err
		}
	}
	return nil
}

// Put stores an object, in place of the one of that key if there is one. Void
// if the bucket is gone. Object's Version, Extents and Parts are left empty:
// the first is the record's sequence number, the second come from Body.
type Put struct {
	Bucket uint64
	Key    string
	Object Object
	Body   Body
}

func (*Put) Type() Type { return TypePut }

func (r *Put) code(c *coder) {
	c.uint64(1, &r.Bucket)
	codeKey(c, 2, &r.Key)
	c.message(3, r.Object.code)
	c.message(4, r.Body.code)
	switch {
	case c.err != nil:
	case r.Object.Version != 0 || len(r.Object.Extents) > 0 || len(r.Object.Parts) > 0:
		c.fail("a put that states a version, extents or parts")
	case r.Body.length() != r.Object.Size:
		c.fail("a put of %d bytes with a body of %d", r.Object.Size, r.Body.length())
	}
}

// Delete removes an object; void if there is none.
type Delete struct {
	Bucket uint64
	Key    string
}

func (*Delete) Type() Type { return TypeDelete }

func (r *Delete) code(c *coder) {
	c.uint64(1, &r.Bucket)
	codeKey(c, 2, &r.Key)
}

// BucketCreate makes a bucket, whose id is the record's sequence number. Void
// if the name is taken.
type BucketCreate struct {
	Name            string
	CreatedUnixNano int64
}

func (*BucketCreate) Type() Type { return TypeBucketCreate }

func (r *BucketCreate) code(c *coder) {
	c.string(1, &r.Name, MaxBucketName)
	c.time(2, &r.CreatedUnixNano)
	if c.err == nil && r.Name == "" {
		c.fail("a bucket without a name")
	}
}

// BucketDelete removes a bucket. Void if it is gone, or holds objects or uploads.
type BucketDelete struct{ Bucket uint64 }

func (*BucketDelete) Type() Type { return TypeBucketDelete }

func (r *BucketDelete) code(c *coder) { c.uint64(1, &r.Bucket) }

// UploadCreate begins a multipart upload, whose id is the record's sequence
// number. Void if the bucket is gone. The attributes are the finished object's.
type UploadCreate struct {
	Bucket          uint64
	Key             string
	CreatedUnixNano int64
	ContentType     string
	Meta            []Pair
	System          []Pair
}

func (*UploadCreate) Type() Type { return TypeUploadCreate }

func (r *UploadCreate) code(c *coder) {
	c.uint64(1, &r.Bucket)
	codeKey(c, 2, &r.Key)
	c.time(3, &r.CreatedUnixNano)
	c.string(4, &r.ContentType, MaxContentType)
	pairs(c, 5, &r.Meta)
	pairs(c, 6, &r.System)
}

// PartPut stores a part, in place of the one of that number if there is one.
// Void if the upload is gone.
type PartPut struct {
	Bucket          uint64
	Key             string
	Upload          uint64
	Number          int // 1 to 10000
	Size            int64
	ModTimeUnixNano int64
	ETag            string
	Checksum        uint64
	System          []Pair
	Body            Body
}

func (*PartPut) Type() Type { return TypePartPut }

func (r *PartPut) code(c *coder) {
	c.uint64(1, &r.Bucket)
	codeKey(c, 2, &r.Key)
	c.uint64(3, &r.Upload)
	c.int(4, &r.Number, MaxParts)
	c.size(5, &r.Size, math.MaxInt64)
	c.time(6, &r.ModTimeUnixNano)
	c.string(7, &r.ETag, MaxETag)
	c.fixed(8, &r.Checksum)
	pairs(c, 9, &r.System)
	c.message(10, r.Body.code)
	switch {
	case c.err != nil:
	case r.Number == 0:
		c.fail("a part's number is zero")
	case r.Body.length() != r.Size:
		c.fail("a part of %d bytes with a body of %d", r.Size, r.Body.length())
	}
}

// UploadComplete makes the object of an upload's parts, in the order of Parts,
// and ends the upload; parts not named are discarded. Void if the upload or a
// named part is gone. Content type and metadata are the upload's.
type UploadComplete struct {
	Bucket          uint64
	Key             string
	Upload          uint64
	ModTimeUnixNano int64
	ETag            string
	System          []Pair // in place of the upload's, if any
	Parts           []int  // numbers, ascending, at least one
}

func (*UploadComplete) Type() Type { return TypeUploadComplete }

func (r *UploadComplete) code(c *coder) {
	c.uint64(1, &r.Bucket)
	codeKey(c, 2, &r.Key)
	c.uint64(3, &r.Upload)
	c.time(4, &r.ModTimeUnixNano)
	c.string(5, &r.ETag, MaxETag)
	pairs(c, 6, &r.System)
	c.numbers(7, &r.Parts, MaxParts, MaxParts)
	if c.err == nil && len(r.Parts) == 0 {
		c.fail("an upload completed without parts")
	}
	for i := 1; i < len(r.Parts); i++ {
		if r.Parts[i-1] >= r.Parts[i] {
			c.fail("part numbers do not ascend")
			return
		}
	}
}

// UploadAbort ends an upload and discards its parts; void if it is gone.
type UploadAbort struct {
	Bucket uint64
	Key    string
	Upload uint64
}

func (*UploadAbort) Type() Type { return TypeUploadAbort }

func (r *UploadAbort) code(c *coder) {
	c.uint64(1, &r.Bucket)
	codeKey(c, 2, &r.Key)
	c.uint64(3, &r.Upload)
}

// Relocate says that bytes of an object, or of a part of an upload, lie
// elsewhere now: the run of extents equal to From is replaced with Extents, of
// the same length. It applies only while Version is current (R11) and the run
// is still there; so two moves of different segments under one large object do
// not undo each other.
type Relocate struct {
	Bucket  uint64
	Key     string
	Upload  uint64 // 0: an object
	Number  int    // of the part
	Version uint64
	From    []Extent
	Extents []Extent
}

func (*Relocate) Type() Type { return TypeRelocate }

func (r *Relocate) code(c *coder) {
	c.uint64(1, &r.Bucket)
	codeKey(c, 2, &r.Key)
	c.uint64(3, &r.Upload)
	c.int(4, &r.Number, MaxParts)
	c.uint64(5, &r.Version)
	extents(c, 6, &r.From)
	extents(c, 7, &r.Extents)
	switch {
	case c.err != nil:
	case (r.Upload == 0) != (r.Number == 0):
		c.fail("a relocate names an upload and a part, or neither")
	case len(r.From) == 0 || extentBytes(r.From) != extentBytes(r.Extents):
		c.fail("a relocate of %d bytes to %d", extentBytes(r.From), extentBytes(r.Extents))
	}
}

// Segment says that a segment was opened, over one drive per file.
type Segment struct {
	ID     drive.SegmentID
	Kind   drive.Kind
	K, M   int
	Base   uint64 // first LSN of a journal segment
	Drives []uuid.UUID
}

func (*Segment) Type() Type { return TypeSegment }

func (r *Segment) code(c *coder) {
	codeSegment(c, &r.Kind, &r.K, &r.M, &r.Base, &r.Drives)
	codeID(c, 6, &r.ID)
}

// Seal says that a segment takes no more stripes, and what it holds. A later
// seal of the same segment counts in place of the earlier one. Void if the
// segment is not in the table, or a class does not fit its width.
type Seal struct {
	ID      drive.SegmentID
	Stripes uint32
	End     int64 // bytes of each file that count
	Last    uint64
	Classes []Class // ascending by rotation, then D; their counts add up to Stripes
	Suspect uint64  // files (bit = index) that may lack blocks they should hold
}

func (*Seal) Type() Type { return TypeSeal }

func (r *Seal) code(c *coder) {
	codeID(c, 1, &r.ID)
	codeSeal(c, 2, &r.Stripes, &r.End, &r.Last, &r.Classes, &r.Suspect, 0)
}

// Remap says that a file of a segment lies on another drive from now on. Void
// if there is no such segment or file.
type Remap struct {
	ID    drive.SegmentID
	Index int
	Drive uuid.UUID
}

func (*Remap) Type() Type { return TypeRemap }

func (r *Remap) code(c *coder) {
	codeID(c, 1, &r.ID)
	c.int(2, &r.Index, MaxFiles-1)
	c.drive(3, &r.Drive)
}

// Drop removes a segment from the table, so that its files are garbage. Void
// while live bytes lie in it.
type Drop struct{ ID drive.SegmentID }

func (*Drop) Type() Type { return TypeDrop }

func (r *Drop) code(c *coder) { codeID(c, 1, &r.ID) }

// Entry is one key and value of the catalog, as a checkpoint restates them.
type Entry struct{ Key, Value []byte }

func (e *Entry) code(c *coder) {
	c.raw(1, &e.Key, MaxEntryKey)
	c.raw(2, &e.Value, MaxEntryValue)
	if c.err == nil && len(e.Key) == 0 {
		c.fail("an entry without a key")
	}
}

// Restate is a piece of checkpoint At: entries as they stood at that LSN, in
// key order over all its pieces. It counts at At, so it says nothing to a
// replica that applies it in its turn (R10). A replica that is rebuilt takes
// the entries by ApplyEntries.
type Restate struct {
	At      uint64
	UID     uint64 // of the batch of LSN At
	Entries []Entry
	Last    bool
}

func (*Restate) Type() Type { return TypeRestate }

func (r *Restate) code(c *coder) {
	c.uint64(1, &r.At)
	c.fixed(2, &r.UID)
	list(c, 3, &r.Entries, MaxEntries, (*Entry).code)
	c.bool(4, &r.Last)
}

// Opening says that the pool was opened under Epoch, and that batches of
// earlier epochs past End are void. It changes nothing in the catalog.
type Opening struct {
	Epoch uint32
	End   uint64
}

func (*Opening) Type() Type { return TypeOpening }

func (r *Opening) code(c *coder) {
	c.uint32(1, &r.Epoch)
	c.uint64(2, &r.End)
}

// Setting sets a named value of the pool; an empty value removes it.
type Setting struct {
	Name  string
	Value []byte
}

func (*Setting) Type() Type { return TypeSetting }

func (r *Setting) code(c *coder) {
	c.string(1, &r.Name, MaxSettingName)
	codeSettingValue(c, 2, &r.Value)
	if c.err == nil && r.Name == "" {
		c.fail("a setting without a name")
	}
}

func codeSettingValue(c *coder, num int32, v *[]byte) { c.raw(fieldNumber(num), v, MaxPairValue) }

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
	*id = drive.SegmentID(u)
	if c.err == nil && u == 0 {
		c.fail("no segment")
	}
}
