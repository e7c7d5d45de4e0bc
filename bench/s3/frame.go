package s3

import (
	"crypto/sha256"
	"strconv"
)

// frameBytes is the size of the pieces of a body that is signed in pieces, as SDKs have it.
const frameBytes = 64 << 10

// sum is a hash of a body or a piece of it.
type sum = [sha256.Size]byte

const (
	frameMark = ";chunk-signature="
	lineEnd   = "\r\n"
)

// framedLength is how long a body is that is signed in pieces ("Signature calculations for the Authorization header:
// transferring payload in multiple chunks").
func framedLength(size int64) int64 {
	frame := func(n int64) int64 {
		return int64(len(strconv.FormatInt(n, 16))+len(frameMark)+2*sha256.Size+2*len(lineEnd)) + n
	}
	length := size / frameBytes * frame(frameBytes)
	if rest := size % frameBytes; rest > 0 {
		length += frame(rest)
	}
	return length + frame(0)
}

// frame appends the body to the pieces, in frames. The signer has just signed the request.
func (c *client) frame(body *sent) {
	c.frames = c.frames[:0]
	// The frames' heads lie behind one another, so they must not move when the buffer grows.
	most := (len(body.sums) + 1) * (16 + len(frameMark) + 2*sha256.Size + 2*len(lineEnd))
	if cap(c.frames) < most {
		c.frames = make([]byte, 0, most)
	}
	left, from := body.size, body.from
	for i := 0; ; i++ {
		n := min(left, frameBytes)
		begin := len(c.frames)
		if i > 0 {
			c.frames = append(c.frames, lineEnd...) // behind the piece before
		}
		what := sha256.Sum256(nil)
		if n > 0 {
			what = body.sums[i]
		}
		c.signer.piece(&what)
		c.frames = strconv.AppendInt(c.frames, n, 16)
		c.frames = append(append(c.frames, frameMark...), c.signer.seal[:]...)
		c.frames = append(c.frames, lineEnd...)
		if n == 0 {
			c.frames = append(c.frames, lineEnd...)
		}
		c.pieces = append(c.pieces, c.frames[begin:])
		if n == 0 {
			return
		}
		c.pieces = body.source.pieces(c.pieces, from, n)
		left, from = left-n, from+n
	}
}
