package catalog

import "math"

// Records of buckets, objects and uploads.

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

// Amend replaces the system pairs of an object, while Version is current (R11);
// else it is void. All else of the object stays, its version too.
type Amend struct {
	Bucket  uint64
	Key     string
	Version uint64
	System  []Pair
}

func (*Amend) Type() Type { return TypeAmend }

func (r *Amend) code(c *coder) {
	c.uint64(1, &r.Bucket)
	codeKey(c, 2, &r.Key)
	c.uint64(3, &r.Version)
	pairs(c, 4, &r.System)
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
	Checksum        Checksum
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
	c.fixed(8, &r.Checksum.Sum)
	pairs(c, 9, &r.System)
	c.message(10, r.Body.code)
	c.bool(11, &r.Checksum.Leaves)
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
