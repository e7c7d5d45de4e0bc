package catalog

import (
	"fmt"
	"math"

	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protowire"
)

// A coder walks the fields of one message, in ascending order, either writing
// or reading them. Each message type describes itself once, in its code
// method, and that one description serves both directions, so that encoder and
// decoder cannot drift apart.
//
// The encoding is canonical: fields ascend, zero values are left out, varints
// are of the shortest form, and whatever is left over when a message has taken
// its fields is an error. So every accepted input is exactly what encoding the
// result gives back, and replicas that decode and encode stay equal to the
// byte.
type coder struct {
	writing bool
	out     []byte // written so far
	in      []byte // left to read
	err     error  // the first failure; everything after it is a no-op
}

func (c *coder) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("%w: %s", ErrRecord, fmt.Sprintf(format, args...))
	}
}

// take reports whether the next field to read is num, of type typ, and
// consumes its tag. A field of another number is left for the fields after it.
func (c *coder) take(num protowire.Number, typ protowire.Type) bool {
	if c.err != nil || len(c.in) == 0 {
		return false
	}
	tag, n := consumeVarint(c.in)
	if n < 0 {
		c.fail("field tag cut or not canonical")
		return false
	}
	got, gotTyp := protowire.DecodeTag(tag)
	if got != num {
		return false
	}
	if gotTyp != typ {
		c.fail("field %d has wire type %d, want %d", num, gotTyp, typ)
		return false
	}
	c.in = c.in[n:]
	return true
}

// end fails if anything is left of the message: a field that is unknown, out
// of order or given twice.
func (c *coder) end() {
	if c.err != nil || c.writing || len(c.in) == 0 {
		return
	}
	if tag, n := consumeVarint(c.in); n > 0 {
		num, _ := protowire.DecodeTag(tag)
		c.fail("field %d is unknown, repeated or out of order", num)
		return
	}
	c.fail("field tag cut or not canonical")
}

// consumeVarint refuses a varint longer than it has to be.
func consumeVarint(b []byte) (uint64, int) {
	if len(b) > 0 && b[0] < 0x80 { // as most tags and lengths
		return uint64(b[0]), 1
	}
	v, n := protowire.ConsumeVarint(b)
	if n > 0 && n != protowire.SizeVarint(v) {
		return 0, -1
	}
	return v, n
}

// varint codes an unsigned number; zero is left out.
func (c *coder) varint(num protowire.Number, v *uint64, max uint64) {
	if c.writing {
		if *v > max {
			c.fail("field %d is %d, at most %d", num, *v, max)
		}
		if *v != 0 {
			c.out = protowire.AppendVarint(protowire.AppendTag(c.out, num, protowire.VarintType), *v)
		}
		return
	}
	if !c.take(num, protowire.VarintType) {
		return
	}
	u, n := consumeVarint(c.in)
	switch {
	case n < 0:
		c.fail("field %d: number cut or not canonical", num)
	case u == 0:
		c.fail("field %d: a zero is left out, not written", num)
	case u > max:
		c.fail("field %d is %d, at most %d", num, u, max)
	default:
		*v, c.in = u, c.in[n:]
	}
}

func (c *coder) uint64(num protowire.Number, v *uint64) { c.varint(num, v, math.MaxUint64) }

func (c *coder) uint32(num protowire.Number, v *uint32) {
	u := uint64(*v)
	c.varint(num, &u, math.MaxUint32)
	if !c.writing { // what is written may be shared
		*v = uint32(u)
	}
}

// size codes a number that cannot be negative.
func (c *coder) size(num protowire.Number, v *int64, max int64) {
	if *v < 0 {
		c.fail("field %d is negative", num)
		return
	}
	u := uint64(*v)
	c.varint(num, &u, uint64(max))
	if !c.writing { // what is written may be shared
		*v = int64(u)
	}
}

func (c *coder) int(num protowire.Number, v *int, max int) {
	s := int64(*v)
	c.size(num, &s, int64(max))
	if !c.writing { // what is written may be shared
		*v = int(s)
	}
}

// time codes Unix nanoseconds, which may be negative: as protobuf's int64, two's complement.
func (c *coder) time(num protowire.Number, v *int64) {
	u := uint64(*v)
	c.varint(num, &u, math.MaxUint64)
	if !c.writing { // what is written may be shared
		*v = int64(u)
	}
}

func (c *coder) bool(num protowire.Number, v *bool) {
	var u uint64
	if *v {
		u = 1
	}
	c.varint(num, &u, 1)
	if !c.writing {
		*v = u == 1
	}
}

// fixed codes a checksum: eight bytes whatever its value, so that sizes do not vary with it.
func (c *coder) fixed(num protowire.Number, v *uint64) {
	if c.writing {
		if *v != 0 {
			c.out = protowire.AppendFixed64(protowire.AppendTag(c.out, num, protowire.Fixed64Type), *v)
		}
		return
	}
	if !c.take(num, protowire.Fixed64Type) {
		return
	}
	u, n := protowire.ConsumeFixed64(c.in)
	switch {
	case n < 0:
		c.fail("field %d: checksum cut", num)
	case u == 0:
		c.fail("field %d: a zero is left out, not written", num)
	default:
		*v, c.in = u, c.in[n:]
	}
}

// place codes a position in a batch's data in eight bytes whatever its value
// (which is not zero), so that a record's size is known before its place is.
func (c *coder) place(num protowire.Number, v *int64) {
	u := uint64(*v)
	c.fixed(num, &u)
	if c.err == nil && u > math.MaxInt64 {
		c.fail("field %d: out of bounds", num)
		return
	}
	if !c.writing { // what is written may be shared
		*v = int64(u)
	}
}

// chunk reads the length and then the bytes of a field whose tag was taken. The result aliases the input.
func (c *coder) chunk(num protowire.Number, max int) []byte {
	u, n := consumeVarint(c.in)
	switch {
	case n < 0:
		c.fail("field %d: length cut or not canonical", num)
	case u > uint64(max):
		c.fail("field %d is %d bytes long, at most %d", num, u, max)
	case u > uint64(len(c.in)-n):
		c.fail("field %d is %d bytes long, %d are left", num, u, len(c.in)-n)
	default:
		b := c.in[n : n+int(u)]
		c.in = c.in[n+int(u):]
		return b
	}
	return nil
}

// raw codes bytes; an empty value is left out. What it reads aliases the input.
func (c *coder) raw(num protowire.Number, v *[]byte, max int) {
	if c.writing {
		if len(*v) > max {
			c.fail("field %d is %d bytes long, at most %d", num, len(*v), max)
		}
		if len(*v) > 0 {
			c.out = protowire.AppendBytes(protowire.AppendTag(c.out, num, protowire.BytesType), *v)
		}
		return
	}
	if !c.take(num, protowire.BytesType) {
		return
	}
	b := c.chunk(num, max)
	if c.err == nil && len(b) == 0 {
		c.fail("field %d: an empty value is left out, not written", num)
	}
	*v = b
}

func (c *coder) string(num protowire.Number, v *string, max int) {
	if c.writing {
		if len(*v) > max {
			c.fail("field %d is %d bytes long, at most %d", num, len(*v), max)
		}
		if len(*v) > 0 {
			c.out = protowire.AppendString(protowire.AppendTag(c.out, num, protowire.BytesType), *v)
		}
		return
	}
	var b []byte
	c.raw(num, &b, max)
	*v = string(b)
}

// drive codes a drive's identity, 16 bytes; the nil UUID is refused.
func (c *coder) drive(num protowire.Number, v *uuid.UUID) {
	b := v[:]
	if c.writing && *v == uuid.Nil {
		c.fail("field %d: no drive", num)
	}
	c.raw(num, &b, len(v))
	if c.err == nil && len(b) != len(v) {
		c.fail("field %d: a drive's identity is %d bytes long", num, len(b))
		return
	}
	if !c.writing && c.err == nil {
		copy(v[:], b)
		if *v == uuid.Nil {
			c.fail("field %d: no drive", num)
		}
	}
}

// message codes a nested message, which is left out if it has no fields.
func (c *coder) message(num protowire.Number, code func(*coder)) {
	if c.writing {
		start := len(c.out)
		c.out = protowire.AppendTag(c.out, num, protowire.BytesType)
		body := len(c.out)
		code(c)
		if len(c.out) == body {
			c.out = c.out[:start]
			return
		}
		c.out = insertLength(c.out, body)
		return
	}
	if !c.take(num, protowire.BytesType) {
		return
	}
	b := c.chunk(num, math.MaxInt32)
	if c.err == nil && len(b) == 0 {
		c.fail("field %d: an empty message is left out, not written", num)
	}
	c.nested(b, code)
}

// nested reads one message out of b.
func (c *coder) nested(b []byte, code func(*coder)) {
	if c.err != nil {
		return
	}
	rest := c.in
	c.in = b
	code(c)
	c.end()
	c.in = rest
}

// list codes a repeated message of at most max elements. Elements without
// fields are kept; the slice grows only as elements are found, and max bounds
// what a short input can make it allocate.
func list[T any](c *coder, num protowire.Number, v *[]T, max int, code func(*T, *coder)) {
	if c.writing {
		if len(*v) > max {
			c.fail("field %d has %d elements, at most %d", num, len(*v), max)
		}
		for i := range *v {
			c.out = protowire.AppendTag(c.out, num, protowire.BytesType)
			body := len(c.out)
			code(&(*v)[i], c)
			c.out = insertLength(c.out, body)
		}
		return
	}
	for c.take(num, protowire.BytesType) {
		if len(*v) == max {
			c.fail("field %d has more than %d elements", num, max)
			return
		}
		b := c.chunk(num, math.MaxInt32)
		var none T
		*v = append(*v, none)
		e := &(*v)[len(*v)-1]
		c.nested(b, func(c *coder) { code(e, c) })
		if c.err != nil {
			return
		}
	}
}

// numbers codes a list of small positive numbers, packed.
func (c *coder) numbers(num protowire.Number, v *[]int, max, limit int) {
	if c.writing {
		if len(*v) > limit {
			c.fail("field %d has %d elements, at most %d", num, len(*v), limit)
		}
		if len(*v) == 0 {
			return
		}
		c.out = protowire.AppendTag(c.out, num, protowire.BytesType)
		body := len(c.out)
		for _, e := range *v {
			if e < 1 || e > max {
				c.fail("field %d holds %d, must be 1 to %d", num, e, max)
			}
			c.out = protowire.AppendVarint(c.out, uint64(e))
		}
		c.out = insertLength(c.out, body)
		return
	}
	var b []byte
	c.raw(num, &b, limit*protowire.SizeVarint(uint64(max)))
	for len(b) > 0 && c.err == nil {
		u, n := consumeVarint(b)
		switch {
		case n < 0:
			c.fail("field %d: number cut or not canonical", num)
		case u < 1 || u > uint64(max):
			c.fail("field %d holds %d, must be 1 to %d", num, u, max)
		case len(*v) == limit:
			c.fail("field %d has more than %d elements", num, limit)
		default:
			*v, b = append(*v, int(u)), b[n:]
		}
	}
}

// insertLength puts the length of b[body:] in front of it.
func insertLength(b []byte, body int) []byte {
	n := len(b) - body
	var prefix [10]byte
	p := protowire.AppendVarint(prefix[:0], uint64(n))
	b = append(b, p...)
	copy(b[body+len(p):], b[body:body+n])
	copy(b[body:], p)
	return b
}

// encode gives the bytes of one message, or why it breaks the format's bounds.
func encode(dst []byte, code func(*coder)) ([]byte, error) { return new(coder).encode(dst, code) }

// decode reads one message that fills b.
func decode(b []byte, code func(*coder)) error { return new(coder).decode(b, code) }

// encode is the other encode, in the memory of a coder that is used again.
func (c *coder) encode(dst []byte, code func(*coder)) ([]byte, error) {
	*c = coder{writing: true, out: dst}
	code(c)
	out, err := c.out, c.err
	*c = coder{}
	return out, err
}

// decode is the other decode, likewise.
func (c *coder) decode(b []byte, code func(*coder)) error {
	*c = coder{in: b}
	code(c)
	c.end()
	err := c.err
	*c = coder{}
	return err
}
