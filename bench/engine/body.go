package engine

import (
	"io"
	"math/rand/v2"
)

// bodyBytes is how much of random bytes there is: more than the caches hold of
// a core, so that a body is read from memory as one that came in is.
const bodyBytes = 4 << 20

// body is random bytes, of which bodies of any length are made.
type body struct{ random []byte }

func newBody() *body {
	b := &body{random: make([]byte, bodyBytes)}
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b.random) // never fails
	return b
}

// reader gives n bytes, from a place in the random ones that seed chooses.
func (b *body) reader(seed uint64, n int64) io.Reader {
	return &bodyReader{random: b.random, at: int(seed % uint64(len(b.random))), left: n}
}

type bodyReader struct {
	random []byte
	at     int
	left   int64
}

func (r *bodyReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(int64(len(p)), r.left)], r.random[r.at:])
	r.at, r.left = (r.at+n)%len(r.random), r.left-int64(n)
	return n, nil
}

// counter takes in bytes and counts them.
type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}
