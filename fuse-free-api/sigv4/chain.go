package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
)

const (
	hashBytes = sha256.Size
	hexBytes  = 2 * hashBytes
	// emptyHash is the SHA-256 of nothing, in hexadecimal.
	emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

// Verified is what a good signature vouches for.
type Verified struct {
	AccessKey string
	Presigned bool
	Payload   string // see CheckPayload

	stamp, scope string
	key          [hashBytes]byte
	seed         [hashBytes]byte
}

// Chain begins the chain of the body's chunk signatures.
func (v *Verified) Chain() *Chain {
	c := &Chain{mac: hmac.New(sha256.New, v.key[:]), scope: v.stamp + "\n" + v.scope + "\n"}
	hex.Encode(c.previous[:], v.seed[:])
	return c
}

// Chain verifies the signatures of a body's chunks, in order. It is for one
// body and one goroutine.
type Chain struct {
	mac      hash.Hash
	scope    string // stamp and scope, a line each
	previous [hexBytes]byte
	buf      []byte
}

// Chunk tells whether signature, in hexadecimal, is that of the next chunk,
// whose data has the SHA-256 sum. After a false one the chain is of no use.
func (c *Chain) Chunk(sum *[sha256.Size]byte, signature []byte) bool {
	return c.next("AWS4-HMAC-SHA256-PAYLOAD\n", emptyHash+"\n", sum, signature)
}

// Trailer tells the same of the trailers, `name:value\n` each, which come
// behind the last chunk.
func (c *Chain) Trailer(sum *[sha256.Size]byte, signature []byte) bool {
	return c.next("AWS4-HMAC-SHA256-TRAILER\n", "", sum, signature)
}

func (c *Chain) next(algorithm, between string, sum *[sha256.Size]byte, signature []byte) bool {
	b := append(c.buf[:0], algorithm...)
	b = append(b, c.scope...)
	b = append(b, c.previous[:]...)
	b = append(b, '\n')
	b = append(b, between...)
	b = hex.AppendEncode(b, sum[:])
	c.mac.Reset()
	c.mac.Write(b)
	n := len(b)
	b = c.mac.Sum(b)
	c.buf = b
	hex.Encode(c.previous[:], b[n:])
	var given [hashBytes]byte
	return unhex(&given, signature) && hmac.Equal(given[:], b[n:])
}

// unhex reads 64 hexadecimal digits.
func unhex(to *[hashBytes]byte, from []byte) bool {
	if len(from) != hexBytes {
		return false
	}
	_, err := hex.Decode(to[:], from)
	return err == nil
}
