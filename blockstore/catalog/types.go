package catalog

import (
	"fmt"
	"math"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// Bounds of the format. What lies outside is refused by encoder and decoder
// alike, so the pool has to check what clients send before it makes a record
// of it (or ask Validate).
const (
	MaxKey         = 1024    // bytes of an object's key
	MaxBucketName  = 255     // bytes
	MaxETag        = 256     // bytes
	MaxContentType = 4096    // bytes
	MaxPairs       = 1024    // of one list
	MaxPairName    = 1024    // bytes
	MaxPairValue   = 65536   // bytes
	MaxParts       = 10000   // of one multipart object
	MaxExtents     = 65536   // of one object
	MaxFiles       = 40      // k+m of one segment
	MaxEntries     = 65536   // of one restate record
	MaxEntryKey    = 4096    // bytes of a catalog key
	MaxEntryValue  = 1 << 24 // bytes of a catalog value
	MaxSettingName = 255     // bytes
	MaxRecords     = 1 << 16 // of one batch: a record's place in it is 16 bits of its sequence number

	maxData    = 32 // k
	maxParity  = 8  // m
	maxColumn  = 131072
	pageBytes  = 4096
	maxClasses = MaxFiles * maxData
)

// Pair is one name and value that an object carries.
type Pair struct{ Name, Value string }

func (p *Pair) code(c *coder) {
	c.string(1, &p.Name, MaxPairName)
	c.string(2, &p.Value, MaxPairValue)
}

// pairs codes a list that ascends strictly by name.
func pairs(c *coder, num int32, v *[]Pair) {
	list(c, fieldNumber(num), v, MaxPairs, (*Pair).code)
	for i := 1; i < len(*v); i++ {
		if (*v)[i-1].Name >= (*v)[i].Name {
			c.fail("field %d: pairs do not ascend by name at %q", num, (*v)[i].Name)
			return
		}
	}
}

// Extent says where a run of an object's bytes lies: in a run of consecutive
// stripes of one geometry, each of D data columns of Column payload bytes.
// Stripe and Offset are the first stripe's number and its offset in each of
// the segment's files; the extent is bytes [Start, Start+Length) of the run's
// data, which is the stripes' columns laid end to end. Everything else follows
// by arithmetic, with k and m out of the segment table.
type Extent struct {
	Segment drive.SegmentID
	Stripe  uint32
	Offset  int64 // bytes, a multiple of 4096
	D       int   // 1 to 32
	Column  int   // bytes, 1 to 131072
	Start   int64
	Length  int64 // at least 1
}

func (e *Extent) code(c *coder) {
	id := uint64(e.Segment)
	c.uint64(1, &id)
	if !c.writing {
		e.Segment = drive.SegmentID(id)
	}
	c.uint32(2, &e.Stripe)
	c.size(3, &e.Offset, math.MaxInt64)
	c.int(4, &e.D, maxData)
	c.int(5, &e.Column, maxColumn)
	c.size(6, &e.Start, math.MaxInt64)
	c.size(7, &e.Length, math.MaxInt64)
	if c.err != nil {
		return
	}
	switch {
	case e.Segment == 0:
		c.fail("extent without a segment")
	case e.Offset < pageBytes || e.Offset%pageBytes != 0:
		c.fail("extent at offset %d, which is no block's", e.Offset)
	case e.D == 0 || e.Column == 0 || e.Length == 0:
		c.fail("extent without data columns, column length or length")
	case e.Start > math.MaxInt64-e.Length:
		c.fail("extent ends past the largest offset")
	}
}

func extents(c *coder, num int32, v *[]Extent) {
	list(c, fieldNumber(num), v, MaxExtents, (*Extent).code)
	if c.err == nil && extentBytes(*v) < 0 {
		c.fail("field %d: extents are longer than any object", num)
	}
}

// extentBytes is the sum of the extents' lengths; negative if it overflows.
func extentBytes(v []Extent) int64 {
	var n int64
	for i := range v {
		if v[i].Length > math.MaxInt64-n {
			return -1
		}
		n += v[i].Length
	}
	return n
}

// Place says where the data of a batch lies, a run of stripes as in Extent. It
// turns inline bodies into extents.
type Place struct {
	Segment drive.SegmentID
	Stripe  uint32
	Offset  int64
	D       int
	Column  int
}

// Body says where the bytes of a put or a part are: beside the record, or in
// extents that were durable before it. The zero Body is an empty one.
type Body struct {
	Inline   bool
	At, Size int64    // inline: the range of the batch's data; Size at least 1
	Extents  []Extent // not inline
}

func (b *Body) code(c *coder) {
	c.bool(1, &b.Inline)
	c.place(2, &b.At)
	c.size(3, &b.Size, math.MaxInt64)
	extents(c, 4, &b.Extents)
	switch {
	case c.err != nil:
	case b.Inline && (b.Size == 0 || len(b.Extents) > 0):
		c.fail("an inline body has a size and no extents")
	case !b.Inline && (b.At != 0 || b.Size != 0):
		c.fail("a body that is not inline has extents only")
	case b.At > math.MaxInt64-b.Size:
		c.fail("inline body ends past the largest offset")
	}
}

// length of the body in bytes.
func (b *Body) length() int64 {
	if b.Inline {
		return b.Size
	}
	return extentBytes(b.Extents)
}

// resolve gives the body's extents, an inline one's by the place of its batch.
func (b *Body) resolve(p Place) []Extent { return b.resolveIn(nil, p) }

// resolveIn is resolve, with an inline one's appended to dst. Others are the body's own.
func (b *Body) resolveIn(dst []Extent, p Place) []Extent {
	if !b.Inline {
		return b.Extents
	}
	return append(dst, Extent{
		Segment: p.Segment, Stripe: p.Stripe, Offset: p.Offset, D: p.D, Column: p.Column,
		Start: b.At, Length: b.Size,
	})
}

// Checksum tells the bytes of a body from any others, wherever they were read. How it
// is computed is the pool's matter, and in FORMAT.md.
type Checksum struct {
	Sum    uint64
	Leaves bool // of the body's leaves and its length; else xxhash64 of all its bytes, as in records of before
}

func (s Checksum) String() string {
	if s.Leaves {
		return fmt.Sprintf("%016x (of leaves)", s.Sum)
	}
	return fmt.Sprintf("%016x", s.Sum)
}

// PartInfo is what a finished multipart object keeps of one of its parts, in
// their order in the object. Checksum is the part's own, since the checksums
// of parts do not add up to one of the whole.
type PartInfo struct {
	Number   int // 1 to 10000, ascending
	Size     int64
	Checksum Checksum
	System   []Pair
}

func (p *PartInfo) code(c *coder) {
	c.int(1, &p.Number, MaxParts)
	c.size(2, &p.Size, math.MaxInt64)
	c.fixed(3, &p.Checksum.Sum)
	pairs(c, 4, &p.System)
	c.bool(5, &p.Checksum.Leaves)
	if c.err == nil && p.Number == 0 {
		c.fail("a part's number is zero")
	}
}

func partInfos(c *coder, num int32, v *[]PartInfo) {
	list(c, fieldNumber(num), v, MaxParts, (*PartInfo).code)
	for i := 1; i < len(*v); i++ {
		if (*v)[i-1].Number >= (*v)[i].Number {
			c.fail("field %d: parts do not ascend at number %d", num, (*v)[i].Number)
			return
		}
	}
}

// Object is the catalog's entry of one object.
type Object struct {
	Version         uint64 // sequence number of the record that made it
	Size            int64  // bytes; the extents' lengths add up to it
	ModTimeUnixNano int64
	ETag            string // without quotes
	ContentType     string
	Checksum        Checksum   // zero for a multipart object, whose parts carry theirs
	Meta            []Pair     // the client's own, ascending by name
	System          []Pair     // kept headers and checksums, ascending by name
	Parts           []PartInfo // of a multipart object
	Extents         []Extent   // in the order of the bytes
}

// codeSummary codes the fields that listings show. They come first, so that a
// listing need not decode the rest.
func (o *Object) codeSummary(c *coder) {
	c.uint64(1, &o.Version)
	c.size(2, &o.Size, math.MaxInt64)
	c.time(3, &o.ModTimeUnixNano)
	c.string(4, &o.ETag, MaxETag)
	c.string(5, &o.ContentType, MaxContentType)
}

func (o *Object) code(c *coder) {
	o.codeSummary(c)
	c.fixed(6, &o.Checksum.Sum)
	pairs(c, 7, &o.Meta)
	pairs(c, 8, &o.System)
	partInfos(c, 9, &o.Parts)
	extents(c, 10, &o.Extents)
	c.bool(11, &o.Checksum.Leaves)
}

// Bucket is the catalog's entry of one bucket. Its id is the sequence number
// of the record that created it, so that a bucket of the same name created
// later is another one.
type Bucket struct {
	Name            string // the entry's key, not in its value
	ID              uint64
	CreatedUnixNano int64
}

func (b *Bucket) code(c *coder) {
	c.uint64(1, &b.ID)
	c.time(2, &b.CreatedUnixNano)
}

// Upload is the catalog's entry of a multipart upload under way.
type Upload struct {
	Bucket          uint64 // with Key and ID the entry's key, not in its value
	Key             string
	ID              uint64 // sequence number of the record that created it
	CreatedUnixNano int64
	ContentType     string
	Meta            []Pair
	System          []Pair
}

// codeSummary codes what listings show, which comes first.
func (u *Upload) codeSummary(c *coder) { c.time(1, &u.CreatedUnixNano) }

func (u *Upload) code(c *coder) {
	u.codeSummary(c)
	c.string(2, &u.ContentType, MaxContentType)
	pairs(c, 3, &u.Meta)
	pairs(c, 4, &u.System)
}

// Part is the catalog's entry of one part of an upload under way.
type Part struct {
	Upload          uint64 // with Number the entry's key, not in its value
	Number          int
	Version         uint64 // sequence number of the record that put it
	Size            int64
	ModTimeUnixNano int64
	ETag            string
	Checksum        Checksum
	System          []Pair
	Extents         []Extent
}

// codeSummary codes what listings show: all but the extents, and the form of the checksum
// behind them.
func (p *Part) codeSummary(c *coder) {
	c.uint64(1, &p.Version)
	c.size(2, &p.Size, math.MaxInt64)
	c.time(3, &p.ModTimeUnixNano)
	c.string(4, &p.ETag, MaxETag)
	c.fixed(5, &p.Checksum.Sum)
	pairs(c, 6, &p.System)
}

func (p *Part) code(c *coder) {
	p.codeSummary(c)
	extents(c, 7, &p.Extents)
	c.bool(8, &p.Checksum.Leaves)
}

// Class counts the stripes of a sealed segment that have D data columns and a
// number that is Rotation modulo the segment's k+m. From the classes follows
// how many columns a given file holds, so that missing ones can be counted
// without reading the segment.
type Class struct {
	Rotation int
	D        int
	Count    int64
}

func (k *Class) code(c *coder) {
	c.int(1, &k.Rotation, MaxFiles-1)
	c.int(2, &k.D, maxData)
	c.size(3, &k.Count, math.MaxUint32)
	if c.err == nil && (k.D == 0 || k.Count == 0) {
		c.fail("a class without data columns or stripes")
	}
}

// SegmentEntry is the catalog's entry of one segment: how it was opened, where
// its files are now, and once sealed, what it holds.
type SegmentEntry struct {
	ID     drive.SegmentID // the entry's key, not in its value
	Kind   drive.Kind
	K, M   int
	Base   uint64      // first LSN of a journal segment
	Drives []uuid.UUID // by file index; follows remaps
	Sealed bool
	// From the seal.
	Stripes uint32
	End     int64  // bytes of each file that count
	Last    uint64 // last LSN of a journal segment
	Classes []Class
	Suspect uint64 // files (bit = index) that may lack blocks they should hold; a remap clears one
}

func (s *SegmentEntry) code(c *coder) {
	codeSegment(c, &s.Kind, &s.K, &s.M, &s.Base, &s.Drives)
	c.bool(6, &s.Sealed)
	codeSeal(c, 7, &s.Stripes, &s.End, &s.Last, &s.Classes, &s.Suspect, s.K+s.M)
	if c.err == nil && !s.Sealed && (s.Stripes != 0 || s.End != 0 || s.Last != 0 || len(s.Classes) > 0 || s.Suspect != 0) {
		c.fail("a segment that is not sealed has an end")
	}
}

// codeSegment codes fields 1 to 5.
func codeSegment(c *coder, kind *drive.Kind, k, m *int, base *uint64, drives *[]uuid.UUID) {
	kd := int(*kind)
	c.int(1, &kd, int(drive.Bulk))
	if !c.writing {
		*kind = drive.Kind(kd)
	}
	c.int(2, k, maxData)
	c.int(3, m, maxParity)
	c.uint64(4, base)
	list(c, 5, drives, MaxFiles, func(d *uuid.UUID, c *coder) { c.drive(1, d) })
	switch {
	case c.err != nil:
	case *kind == 0:
		c.fail("a segment without a kind")
	case *k == 0 || *m == 0:
		c.fail("a segment without data or parity columns")
	case len(*drives) != *k+*m:
		c.fail("a segment of %d+%d with %d drives", *k, *m, len(*drives))
	}
}

// codeSeal codes five fields from first on. Width is the segment's k+m, or 0 if unknown.
func codeSeal(c *coder, first int32, stripes *uint32, end *int64, last *uint64, classes *[]Class, suspect *uint64, width int) {
	c.uint32(fieldNumber(first), stripes)
	c.size(fieldNumber(first+1), end, math.MaxInt64)
	c.uint64(fieldNumber(first+2), last)
	list(c, fieldNumber(first+3), classes, maxClasses, (*Class).code)
	c.uint64(fieldNumber(first+4), suspect)
	if files := *suspect; c.err == nil && (files>>MaxFiles != 0 || width > 0 && files>>width != 0) {
		c.fail("suspect files %#x, which the segment does not have", files)
	}
	var sum int64
	for i, k := range *classes {
		if i > 0 {
			if p := (*classes)[i-1]; p.Rotation > k.Rotation || p.Rotation == k.Rotation && p.D >= k.D {
				c.fail("classes do not ascend by rotation and data columns")
			}
		}
		if width > 0 && k.Rotation >= width {
			c.fail("class of rotation %d in a segment of %d files", k.Rotation, width)
		}
		sum += k.Count
	}
	if c.err == nil && sum != int64(*stripes) {
		c.fail("classes hold %d stripes of %d", sum, *stripes)
	}
}
