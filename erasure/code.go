package erasure

import (
	"bytes"
	"errors"
	"fmt"
	"math/bits"
	"sync"
)

// The largest geometry: 32 data and 8 parity columns.
const (
	maxData   = 32
	maxParity = 8
)

// ErrTooFew is returned by Reconstruct when fewer than d columns are good.
var ErrTooFew = errors.New("erasure: too few good columns")

// ErrShape is returned when columns handed in do not fit the code: their number,
// unequal lengths, no bytes, or masks that contradict each other.
var ErrShape = errors.New("erasure: columns do not fit the code")

// Code is a k+m code. It is safe for concurrent use.
type Code struct {
	k, m    int
	field   *field
	encode  []*plan // by d; [0] is nil
	decode  planCache
	scratch sync.Pool // of *scratch
}

// New makes the code with k data columns (1 to 32) and m parity columns (1 to 8).
func New(k, m int) (*Code, error) {
	if k < 1 || k > maxData || m < 1 || m > maxParity {
		return nil, fmt.Errorf("erasure: no code %d+%d: data columns are 1 to %d, parity columns 1 to %d", k, m, maxData, maxParity)
	}
	c := &Code{k: k, m: m, field: newField(), encode: make([]*plan, k+1)}
	c.decode.plans = make(map[planKey]*plan)
	c.scratch.New = func() any { return new(scratch) }
	for d := 1; d <= k; d++ {
		data := uint64(1)<<d - 1
		parity := (uint64(1)<<m - 1) << d
		c.encode[d] = c.field.newPlan(data, parity, c.field.parityRows(d, m))
	}
	return c, nil
}

// K returns the number of data columns of a full stripe.
func (c *Code) K() int { return c.k }

// M returns the number of parity columns.
func (c *Code) M() int { return c.m }

// Encode writes the parity of data, which is d columns (1 ≤ d ≤ k), to the m
// columns of parity. All columns have one length, more than zero. The error is ErrShape.
func (c *Code) Encode(data, parity [][]byte) error {
	size, err := c.shape(data, parity)
	if err != nil {
		return err
	}
	s := c.take()
	defer c.give(s)
	c.encode[len(data)].write(s, s.store(data, parity), size)
	return nil
}

// Verify reports whether parity is the parity of data; shapes as for Encode.
func (c *Code) Verify(data, parity [][]byte) (bool, error) {
	size, err := c.shape(data, parity)
	if err != nil {
		return false, err
	}
	s := c.take()
	defer c.give(s)
	stored := s.store(data, parity)
	for from := 0; from < size; from += chunkBytes {
		to := min(from+chunkBytes, size)
		s.aside(len(parity), to-from)
		c.encode[len(data)].run(s, stored, from, to)
		for i, p := range parity {
			if !bytes.Equal(p[from:to], s.outputs[i]) {
				return false, nil
			}
		}
	}
	return true, nil
}

// Reconstruct computes lost columns of a stripe of d data columns. shards is its
// d+m columns by stored index. Bit i of have says that shards[i] holds good
// bytes, of want that shards[i] is to be computed: it has the length of the
// others, and its content is overwritten. No bit is in both. Columns in neither are not looked at and
// may be nil. Exactly the wanted columns are written; d of the good ones are
// read, those of the lowest index.
//
// A wanted column may be the very slice that a good one is, which is lost then: so the
// result comes into memory that the processor has at hand. No two wanted ones may.
//
// Errors: ErrTooFew when have names fewer than d columns; ErrShape.
func (c *Code) Reconstruct(d int, shards [][]byte, have, want uint64) error {
	all := d + c.m
	if d < 1 || d > c.k || len(shards) != all {
		return fmt.Errorf("%w: %d columns for %d+%d of a %d+%d code", ErrShape, len(shards), d, c.m, c.k, c.m)
	}
	if have&want != 0 || (have|want)>>all != 0 {
		return fmt.Errorf("%w: have %x and want %x of %d columns", ErrShape, have, want, all)
	}
	if n := bits.OnesCount64(have); n < d {
		return fmt.Errorf("%w: %d of %d", ErrTooFew, n, d)
	}
	if want == 0 {
		return nil
	}
	used := have
	for bits.OnesCount64(used) > d {
		used &^= uint64(1) << (bits.Len64(used) - 1)
	}
	size := len(shards[bits.TrailingZeros64(used)])
	for i, shard := range shards {
		if (used|want)>>i&1 == 1 && (len(shard) != size || size == 0) {
			return fmt.Errorf("%w: column %d has %d bytes, another %d", ErrShape, i, len(shard), size)
		}
	}
	p := c.decodePlan(d, used, want)
	s := c.take()
	defer c.give(s)
	if p.inPlace(shards) {
		p.replace(s, shards, size)
	} else {
		p.write(s, shards, size)
	}
	return nil
}

func (c *Code) decodePlan(d int, used, want uint64) *plan {
	key := planKey{d, used, want}
	p := c.decode.get(key)
	if p == nil {
		p = c.field.newPlan(used, want, c.field.decodeRows(d, used, want))
		c.decode.put(key, p)
	}
	return p
}

// shape checks the columns of a stripe and returns their length.
func (c *Code) shape(data, parity [][]byte) (int, error) {
	if len(data) < 1 || len(data) > c.k || len(parity) != c.m {
		return 0, fmt.Errorf("%w: %d data and %d parity columns for a %d+%d code", ErrShape, len(data), len(parity), c.k, c.m)
	}
	size := len(data[0])
	if size == 0 {
		return 0, fmt.Errorf("%w: no bytes", ErrShape)
	}
	for i, column := range data {
		if len(column) != size {
			return 0, fmt.Errorf("%w: data column %d has %d bytes, the first %d", ErrShape, i, len(column), size)
		}
	}
	for i, column := range parity {
		if len(column) != size {
			return 0, fmt.Errorf("%w: parity column %d has %d bytes, the data %d", ErrShape, i, len(column), size)
		}
	}
	return size, nil
}

func (c *Code) take() *scratch { return c.scratch.Get().(*scratch) }

func (c *Code) give(s *scratch) {
	s.release()
	c.scratch.Put(s)
}
