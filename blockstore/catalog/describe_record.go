package catalog

import (
	"encoding/binary"
	"fmt"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

func beUint64(b []byte) uint64 { return binary.BigEndian.Uint64(b) }

func segmentName(id uint64) string { return drive.SegmentID(id).String() }

// kindNames are FORMAT.md's words for the kinds of entries.
func kindNames() map[byte]string {
	return map[byte]string{
		kindBucket: "bucket", kindSetting: "setting", kindID: "bucket-id", kindLive: "live", kindMeta: "applied",
		kindObject: "object", kindPart: "part", kindSegment: "segment", kindUpload: "upload",
	}
}

// String is the record's name in FORMAT.md.
func (t Type) String() string {
	names := []string{
		TypePut: "put", TypeDelete: "delete", TypeBucketCreate: "bucket-create", TypeBucketDelete: "bucket-delete",
		TypeUploadCreate: "upload-create", TypePartPut: "part-put", TypeUploadComplete: "upload-complete",
		TypeUploadAbort: "upload-abort", TypeRelocate: "relocate", TypeSegment: "segment", TypeSeal: "seal",
		TypeRemap: "remap", TypeDrop: "drop", TypeRestate: "restate", TypeOpening: "opening", TypeSetting: "setting",
		TypeAmend: "amend",
	}
	if t == 0 || t >= Type(len(names)) {
		return fmt.Sprintf("type(%d)", uint64(t))
	}
	return names[t]
}

// DescribeRecord gives a record's fields. Of a restate's entries it gives the
// number; DescribeEntry shows each.
func DescribeRecord(rec Record) (f Fields) {
	switch r := rec.(type) {
	case *Put:
		f.add("bucket", r.Bucket)
		f.add("key", r.Key)
		f.add("object", r.Object.fields())
		f.add("body", r.Body.fields())
	case *Delete:
		f.add("bucket", r.Bucket)
		f.add("key", r.Key)
	case *BucketCreate:
		f.add("name", r.Name)
		f.addTime("created", r.CreatedUnixNano)
	case *BucketDelete:
		f.add("bucket", r.Bucket)
	case *UploadCreate:
		f.add("bucket", r.Bucket)
		f.add("key", r.Key)
		f.addTime("created", r.CreatedUnixNano)
		f.add("content_type", r.ContentType)
		f.addPairs("metadata", r.Meta)
		f.addPairs("system", r.System)
	case *PartPut:
		f.add("bucket", r.Bucket)
		f.add("key", r.Key)
		f.add("upload", r.Upload)
		f.add("number", r.Number)
		f.add("size", r.Size)
		f.addTime("modified", r.ModTimeUnixNano)
		f.add("etag", r.ETag)
		f.addChecksum(r.Checksum)
		f.addPairs("system", r.System)
		f.add("body", r.Body.fields())
	case *UploadComplete:
		f.add("bucket", r.Bucket)
		f.add("key", r.Key)
		f.add("upload", r.Upload)
		f.addTime("modified", r.ModTimeUnixNano)
		f.add("etag", r.ETag)
		f.addPairs("system", r.System)
		f.addNumbers("parts", r.Parts)
	case *UploadAbort:
		f.add("bucket", r.Bucket)
		f.add("key", r.Key)
		f.add("upload", r.Upload)
	case *Relocate:
		f.add("bucket", r.Bucket)
		f.add("key", r.Key)
		f.add("upload", r.Upload)
		f.add("number", r.Number)
		f.add("version", r.Version)
		f.addExtents("from", r.From)
		f.addExtents("extents", r.Extents)
	case *Amend:
		f.add("bucket", r.Bucket)
		f.add("key", r.Key)
		f.add("version", r.Version)
		f.addPairs("system", r.System)
	default:
		return describePoolRecord(rec)
	}
	return f
}

// describePoolRecord is DescribeRecord for records of segments, checkpoints and
// the pool itself.
func describePoolRecord(rec Record) (f Fields) {
	switch r := rec.(type) {
	case *Segment:
		f.add("segment", r.ID.String())
		f.add("kind", r.Kind.String())
		f.add("k", r.K)
		f.add("m", r.M)
		f.add("base", r.Base)
		f.addDrives("drives", r.Drives)
	case *Seal:
		f.add("segment", r.ID.String())
		f.add("stripes", r.Stripes)
		f.add("end", r.End)
		f.add("last", r.Last)
		f.addClasses("classes", r.Classes)
		f.addFiles("suspect", r.Suspect)
	case *Remap:
		f = Fields{{"segment", r.ID.String()}, {"index", r.Index}, {"drive", r.Drive.String()}}
	case *Drop:
		f.add("segment", r.ID.String())
	case *Restate:
		f.add("at", r.At)
		f.addHash("uid", r.UID)
		f.add("entries", len(r.Entries))
		f.add("last", r.Last)
	case *Opening:
		f.add("epoch", r.Epoch)
		f.add("end", r.End)
	case *Setting:
		f.add("name", r.Name)
		f.add("value", settingText(r.Value))
	}
	return f
}

func (s *SegmentEntry) fields() (f Fields) {
	f.add("kind", s.Kind.String())
	f.add("k", s.K)
	f.add("m", s.M)
	f.add("base", s.Base)
	f.addDrives("drives", s.Drives)
	f.add("sealed", s.Sealed)
	f.add("stripes", s.Stripes)
	f.add("end", s.End)
	f.add("last", s.Last)
	f.addClasses("classes", s.Classes)
	f.addFiles("suspect", s.Suspect)
	return f
}
