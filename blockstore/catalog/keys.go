package catalog

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// First byte of a key: the kind of its entry. Integers in keys are big endian,
// so that they sort by value.
const (
	kindBucket  = 'b' // name → Bucket
	kindSetting = 'c' // name → value
	kindID      = 'i' // bucket id → name
	kindLive    = 'l' // segment → live bytes; derived
	kindMeta    = 'm' // alone → meta; derived
	kindObject  = 'o' // bucket id, key → Object
	kindPart    = 'p' // upload id, number (2 bytes) → Part
	kindSegment = 's' // segment → SegmentEntry
	kindUpload  = 'u' // bucket id, escaped key, upload id → Upload
)

func bucketKey(name string) []byte    { return append([]byte{kindBucket}, name...) }
func settingKey(name string) []byte   { return append([]byte{kindSetting}, name...) }
func idKey(bucket uint64) []byte      { return numberKey(kindID, bucket) }
func liveKey(id uint64) []byte        { return numberKey(kindLive, id) }
func segmentKey(id uint64) []byte     { return numberKey(kindSegment, id) }
func objectPrefix(b uint64) []byte    { return numberKey(kindObject, b) }
func uploadPrefix(b uint64) []byte    { return numberKey(kindUpload, b) }
func partPrefix(upload uint64) []byte { return numberKey(kindPart, upload) }

var metaKey = []byte{kindMeta}

func numberKey(kind byte, n uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{kind}, n)
}

func objectKey(bucket uint64, key string) []byte {
	return appendObjectKey(make([]byte, 0, 1+8+len(key)), bucket, key)
}

func appendObjectKey(dst []byte, bucket uint64, key string) []byte {
	return append(binary.BigEndian.AppendUint64(append(dst, kindObject), bucket), key...)
}

// uploadKey escapes the object's key, so that uploads sort by key and then by
// upload: a zero byte becomes 00 ff, and 00 01 ends the key.
func uploadKey(bucket uint64, key string, upload uint64) []byte {
	return binary.BigEndian.AppendUint64(uploadKeyPrefix(bucket, key), upload)
}

// uploadKeyPrefix is what the keys of all uploads of one object key begin with.
func uploadKeyPrefix(bucket uint64, key string) []byte {
	return append(escape(uploadPrefix(bucket), key), 0, 1)
}

func escape(dst []byte, key string) []byte {
	for i := range len(key) {
		dst = append(dst, key[i])
		if key[i] == 0 {
			dst = append(dst, 0xff)
		}
	}
	return dst
}

func partKey(upload uint64, number int) []byte {
	return binary.BigEndian.AppendUint16(partPrefix(upload), uint16(number))
}

// parseUploadKey is the inverse of uploadKey.
func parseUploadKey(k []byte) (bucket uint64, key string, upload uint64, err error) {
	bad := fmt.Errorf("%w: upload key %x", ErrRecord, k)
	if len(k) < 1+8+2+8 || k[0] != kindUpload {
		return 0, "", 0, bad
	}
	bucket = binary.BigEndian.Uint64(k[1:])
	upload = binary.BigEndian.Uint64(k[len(k)-8:])
	rest := k[9 : len(k)-8]
	var out []byte
	for i := 0; i < len(rest); i++ {
		if rest[i] != 0 {
			out = append(out, rest[i])
			continue
		}
		i++
		switch {
		case i == len(rest):
			return 0, "", 0, bad
		case rest[i] == 0xff:
			out = append(out, 0)
		case rest[i] == 1 && i == len(rest)-1:
			return bucket, string(out), upload, nil
		default:
			return 0, "", 0, bad
		}
	}
	return 0, "", 0, bad
}

// parseNumberKey takes the number out of a key of the given kind.
func parseNumberKey(k []byte, kind byte) (uint64, error) {
	if len(k) != 9 || k[0] != kind {
		return 0, fmt.Errorf("%w: key %x", ErrRecord, k)
	}
	return binary.BigEndian.Uint64(k[1:]), nil
}

// successor is the least key that is greater than every key with this prefix,
// or nil if there is none.
func successor(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xff {
			s := bytes.Clone(prefix[:i+1])
			s[i]++
			return s
		}
	}
	return nil
}

// meta is the entry that ties a replica's content to the log. It is written
// with every batch.
type meta struct {
	lsn, uid uint64 // the last batch applied
	objects  int64
	bytes    int64 // of all objects
	building bool  // entries are still being restated or copied: the replica is of no use yet
}

func (m *meta) code(c *coder) {
	c.uint64(1, &m.lsn)
	c.fixed(2, &m.uid)
	c.size(3, &m.objects, math.MaxInt64)
	c.size(4, &m.bytes, math.MaxInt64)
	c.bool(5, &m.building)
}

func codeLive(v *int64) func(*coder) {
	return func(c *coder) { c.size(1, v, math.MaxInt64) }
}

func codeName(v *string) func(*coder) {
	return func(c *coder) { c.string(1, v, MaxBucketName) }
}

func codeSetting(v *[]byte) func(*coder) {
	return func(c *coder) { codeSettingValue(c, 1, v) }
}

// value encodes an entry that this package made, so it fits the format.
func value(code func(*coder)) []byte { return appendValue(nil, code) }

func appendValue(dst []byte, code func(*coder)) []byte { return new(coder).value(dst, code) }

// value appends an entry's value, in the memory of a coder that is used again.
func (c *coder) value(dst []byte, code func(*coder)) []byte {
	b, err := c.encode(dst, code)
	if err != nil {
		panic(fmt.Sprintf("catalog: entry: %v", err))
	}
	return b
}

// restated is what a restatable entry adds to the derived ones.
type restated struct {
	object  bool
	size    int64
	extents []Extent
}

// checkEntry verifies that an entry is one that a checkpoint may carry: a key
// of a restatable kind, a value that decodes. It never panics, whatever it is
// given.
func checkEntry(k, v []byte) (restated, error) {
	if len(k) == 0 || len(k) > MaxEntryKey {
		return restated{}, fmt.Errorf("%w: entry with a key of %d bytes", ErrRecord, len(k))
	}
	var r restated
	var err error
	switch k[0] {
	case kindBucket:
		var b Bucket
		if len(k) == 1 || len(k) > 1+MaxBucketName {
			err = fmt.Errorf("%w: bucket key", ErrRecord)
			break
		}
		err = decode(v, b.code)
	case kindSetting:
		var s []byte
		if len(k) == 1 || len(k) > 1+MaxSettingName {
			err = fmt.Errorf("%w: setting key", ErrRecord)
			break
		}
		err = decode(v, codeSetting(&s))
	case kindID:
		var name string
		if _, err = parseNumberKey(k, kindID); err == nil {
			err = decode(v, codeName(&name))
		}
	case kindObject:
		var o Object
		if len(k) < 10 || len(k) > 9+MaxKey {
			err = fmt.Errorf("%w: object key", ErrRecord)
			break
		}
		err = decode(v, o.code)
		if err == nil && extentBytes(o.Extents) != o.Size {
			err = fmt.Errorf("%w: object of %d bytes with extents of %d", ErrRecord, o.Size, extentBytes(o.Extents))
		}
		r = restated{object: true, size: o.Size, extents: o.Extents}
	case kindPart:
		var p Part
		if len(k) != 11 {
			err = fmt.Errorf("%w: part key", ErrRecord)
			break
		}
		err = decode(v, p.code)
		if err == nil && extentBytes(p.Extents) != p.Size {
			err = fmt.Errorf("%w: part of %d bytes with extents of %d", ErrRecord, p.Size, extentBytes(p.Extents))
		}
		r = restated{extents: p.Extents}
	case kindSegment:
		var s SegmentEntry
		if _, err = parseNumberKey(k, kindSegment); err == nil {
			err = decode(v, s.code)
		}
	case kindUpload:
		var u Upload
		if _, _, _, err = parseUploadKey(k); err == nil {
			err = decode(v, u.code)
		}
	default:
		err = fmt.Errorf("%w: kind %#x is not restated", ErrRecord, k[0])
	}
	if err != nil {
		return restated{}, fmt.Errorf("entry %x: %w", k, err)
	}
	return r, nil
}

// deltas gathers what a batch changes of the live bytes.
type deltas map[drive.SegmentID]int64

func (d deltas) add(extents []Extent, sign int64) {
	for i := range extents {
		d[extents[i].Segment] += sign * extents[i].Length
	}
}
