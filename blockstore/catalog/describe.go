package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Field is one named value of a record or an entry, as people and scripts may
// see it. Names are those of FORMAT.md. Values are strings, numbers, booleans,
// Fields (a message) and lists of those.
type Field struct {
	Name  string
	Value any
}

// Fields are those of one message, in the format's order; what is zero or empty
// is left out. As JSON they are one object.
type Fields []Field

// MarshalJSON writes an object whose members keep the order of the fields.
func (f Fields) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, field := range f {
		if i > 0 {
			b = append(b, ',')
		}
		name, err := json.Marshal(field.Name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(field.Value)
		if err != nil {
			return nil, err
		}
		b = append(append(append(b, name...), ':'), value...)
	}
	return append(b, '}'), nil
}

// String gives name=value pairs on one line; strings are quoted where they hold
// anything but plain characters.
func (f Fields) String() string {
	var b strings.Builder
	for i, field := range f {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(field.Name)
		b.WriteByte('=')
		writeValue(&b, field.Value)
	}
	return b.String()
}

func writeValue(b *strings.Builder, v any) {
	switch v := v.(type) {
	case string:
		if q := strconv.Quote(v); len(q) != len(v)+2 || strings.ContainsAny(v, " ={}[]") {
			b.WriteString(q)
		} else {
			b.WriteString(v)
		}
	case Fields:
		b.WriteString("{" + v.String() + "}")
	case []any:
		b.WriteByte('[')
		for i, e := range v {
			if i > 0 {
				b.WriteByte(' ')
			}
			writeValue(b, e)
		}
		b.WriteByte(']')
	default:
		fmt.Fprint(b, v)
	}
}

// add appends a field unless its value is zero or empty.
func (f *Fields) add(name string, v any) {
	switch v := v.(type) {
	case string:
		if v == "" {
			return
		}
	case Fields:
		if len(v) == 0 {
			return
		}
	case []any:
		if len(v) == 0 {
			return
		}
	case bool:
		if !v {
			return
		}
	default:
		if fmt.Sprint(v) == "0" {
			return
		}
	}
	*f = append(*f, Field{name, v})
}

func (f *Fields) addTime(name string, unixNano int64) {
	if unixNano != 0 {
		f.add(name, time.Unix(0, unixNano).UTC().Format(time.RFC3339Nano))
	}
}

// addHash writes checksums and identities, which say nothing as numbers.
func (f *Fields) addHash(name string, v uint64) {
	if v != 0 {
		f.add(name, fmt.Sprintf("%016x", v))
	}
}

// addChecksum keeps the form beside the sum, though it is written further behind.
func (f *Fields) addChecksum(s Checksum) {
	f.addHash("checksum", s.Sum)
	f.add("leaves", s.Leaves)
}

func (f *Fields) addPairs(name string, pairs []Pair) {
	var list []any
	for _, p := range pairs {
		list = append(list, Fields{{"name", p.Name}, {"value", p.Value}})
	}
	f.add(name, list)
}

func (f *Fields) addExtents(name string, extents []Extent) {
	var list []any
	for _, e := range extents {
		list = append(list, Fields{
			{"segment", e.Segment.String()}, {"stripe", e.Stripe}, {"offset", e.Offset}, {"data_columns", e.D},
			{"column", e.Column}, {"start", e.Start}, {"length", e.Length},
		})
	}
	f.add(name, list)
}

func (f *Fields) addDrives(name string, ids []uuid.UUID) {
	var list []any
	for _, id := range ids {
		list = append(list, id.String())
	}
	f.add(name, list)
}

func (f *Fields) addClasses(name string, classes []Class) {
	var list []any
	for _, c := range classes {
		list = append(list, Fields{{"rotation", c.Rotation}, {"data_columns", c.D}, {"stripes", c.Count}})
	}
	f.add(name, list)
}

// addNumbers lists the bits that are set, or numbers.
func (f *Fields) addNumbers(name string, numbers []int) {
	var list []any
	for _, n := range numbers {
		list = append(list, n)
	}
	f.add(name, list)
}

// addFiles lists the files whose bits are set.
func (f *Fields) addFiles(name string, files uint64) {
	var list []int
	for i := range MaxFiles {
		if files&(1<<i) != 0 {
			list = append(list, i)
		}
	}
	f.addNumbers(name, list)
}

func (o *Object) fields() (f Fields) {
	f.add("version", o.Version)
	f.add("size", o.Size)
	f.addTime("modified", o.ModTimeUnixNano)
	f.add("etag", o.ETag)
	f.add("content_type", o.ContentType)
	f.addChecksum(o.Checksum)
	f.addPairs("metadata", o.Meta)
	f.addPairs("system", o.System)
	var parts []any
	for _, p := range o.Parts {
		var pf Fields
		pf.add("number", p.Number)
		pf.add("size", p.Size)
		pf.addChecksum(p.Checksum)
		pf.addPairs("system", p.System)
		parts = append(parts, pf)
	}
	f.add("parts", parts)
	f.addExtents("extents", o.Extents)
	return f
}

func (b *Body) fields() (f Fields) {
	f.add("inline", b.Inline)
	f.add("at", b.At)
	f.add("size", b.Size)
	f.addExtents("extents", b.Extents)
	return f
}

// DescribeEntry tells what an entry of the catalog is: its kind by FORMAT.md's
// words, what its key names, and its value. It never panics, whatever it is
// given. Errors: ErrRecord; kind is set all the same where the key begins with one.
func DescribeEntry(e Entry) (kind string, f Fields, err error) {
	if len(e.Key) == 0 {
		return "", nil, fmt.Errorf("%w: an entry without a key", ErrRecord)
	}
	kind, known := kindNames()[e.Key[0]]
	if !known {
		return fmt.Sprintf("%#x", e.Key[0]), nil, fmt.Errorf("%w: an entry of unknown kind", ErrRecord)
	}
	switch e.Key[0] {
	case kindLive:
		f, err = describeLive(e)
	case kindMeta:
		var m meta
		if err = decode(e.Value, m.code); err == nil {
			f.add("lsn", m.lsn)
			f.addHash("uid", m.uid)
			f.add("objects", m.objects)
			f.add("bytes", m.bytes)
			f.add("building", m.building)
		}
	default:
		if _, err = checkEntry(e.Key, e.Value); err == nil {
			f, err = describeRestatable(e)
		}
	}
	return kind, f, err
}

func describeLive(e Entry) (f Fields, err error) {
	id, err := parseNumberKey(e.Key, kindLive)
	if err != nil {
		return nil, err
	}
	var n int64
	if err := decode(e.Value, codeLive(&n)); err != nil {
		return nil, err
	}
	f.add("segment", segmentName(id))
	f.add("bytes", n)
	return f, nil
}

// describeRestatable describes an entry that checkEntry has found good.
func describeRestatable(e Entry) (f Fields, err error) {
	number := func() uint64 { return beUint64(e.Key[1:]) }
	switch e.Key[0] {
	case kindBucket:
		var b Bucket
		err = decode(e.Value, b.code)
		f.add("name", string(e.Key[1:]))
		f.add("id", b.ID)
		f.addTime("created", b.CreatedUnixNano)
	case kindSetting:
		var v []byte
		err = decode(e.Value, codeSetting(&v))
		f.add("name", string(e.Key[1:]))
		f.add("value", settingText(v))
	case kindID:
		var name string
		err = decode(e.Value, codeName(&name))
		f.add("bucket", number())
		f.add("name", name)
	case kindObject:
		var o Object
		err = decode(e.Value, o.code)
		f.add("bucket", number())
		f.add("key", string(e.Key[9:]))
		f = append(f, o.fields()...)
	case kindPart:
		var p Part
		err = decode(e.Value, p.code)
		f.add("upload", number())
		f.add("number", int(e.Key[9])<<8|int(e.Key[10]))
		f.add("version", p.Version)
		f.add("size", p.Size)
		f.addTime("modified", p.ModTimeUnixNano)
		f.add("etag", p.ETag)
		f.addChecksum(p.Checksum)
		f.addPairs("system", p.System)
		f.addExtents("extents", p.Extents)
	case kindSegment:
		var s SegmentEntry
		err = decode(e.Value, s.code)
		f.add("segment", segmentName(number()))
		f = append(f, s.fields()...)
	case kindUpload:
		var u Upload
		err = decode(e.Value, u.code)
		if err == nil {
			u.Bucket, u.Key, u.ID, err = parseUploadKey(e.Key)
		}
		f.add("bucket", u.Bucket)
		f.add("key", u.Key)
		f.add("upload", u.ID)
		f.addTime("created", u.CreatedUnixNano)
		f.add("content_type", u.ContentType)
		f.addPairs("metadata", u.Meta)
		f.addPairs("system", u.System)
	}
	return f, err
}

// settingText shows a value as it is if that is text, else in hexadecimal.
func settingText(v []byte) string {
	if bytes.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == '\ufffd' }) {
		return fmt.Sprintf("%x", v)
	}
	return string(v)
}
