package s3

import (
	"math/rand/v2"
)

// sourceBytes is how many random bytes there are: 2²³ − 15, which is prime. A
// body that goes round them repeats no block of a power of two of bytes at a
// multiple of its length before lcm(sourceBytes, block).
const sourceBytes = 1<<23 - 15

// source is where bodies come from: each key has its place to begin in one ring
// of random bytes, so that no two objects are the same, none can be compressed,
// and no body needs memory of its own.
type source struct{ ring []byte }

func newSource() *source {
	s := &source{make([]byte, sourceBytes)}
	random := rand.NewChaCha8([32]byte{'b', 'e', 'n', 'c', 'h'})
	_, _ = random.Read(s.ring) // it says that it never fails
	return s
}

// place is where the body of key n begins.
func place(n int64) int64 {
	return int64(uint64(n+1) * 0x9e3779b97f4a7c15 >> 24 % sourceBytes) // the golden ratio scatters neighbours
}

// pieces appends n bytes from a place on, which may be past the ring's end, as slices of the ring.
func (s *source) pieces(to [][]byte, from, n int64) [][]byte {
	for n > 0 {
		from %= sourceBytes
		piece := s.ring[from:min(from+n, sourceBytes)]
		to = append(to, piece)
		from += int64(len(piece))
		n -= int64(len(piece))
	}
	return to
}

// equal says whether the bytes are those from that place on.
func (s *source) equal(got []byte, from int64) bool {
	for i, b := range got {
		if b != s.ring[(from+int64(i))%sourceBytes] {
			return false
		}
	}
	return true
}

// check looks at a body as it passes: how long it is, and whether it begins and ends with the bytes that it should.
// To look at all of them would cost what the client is to save.
type check struct {
	source *source
	from   int64 // place of the first byte
	size   int64
	seen   int64
	wrong  bool
}

// looked is how many bytes at either end are compared.
const looked = 8

func (c *check) expect(from, size int64) { c.from, c.size, c.seen, c.wrong = from, size, 0, false }

func (c *check) take(piece []byte) {
	at, end := c.seen, c.seen+int64(len(piece))
	c.seen = end
	if c.source == nil {
		return
	}
	if at < looked {
		c.compare(piece, at, at, min(end, looked))
	}
	if end > c.size-looked {
		c.compare(piece, at, max(at, c.size-looked), min(end, c.size))
	}
}

// compare compares from to to of the body; piece is what it has from at on.
func (c *check) compare(piece []byte, at, from, to int64) {
	if from < to && !c.source.equal(piece[from-at:to-at], c.from+from) {
		c.wrong = true
	}
}
