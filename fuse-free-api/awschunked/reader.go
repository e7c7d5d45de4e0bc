package awschunked

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
)

// What a Reader's errors wrap. Errors of the body that is read, except its
// end, are passed on as they are.
var (
	ErrSignature = errors.New("a chunk or the trailer does not have the right signature")
	ErrFraming   = errors.New("the chunked framing is broken")
	ErrShort     = errors.New("the body ended before its framing did")
	ErrSize      = errors.New("the chunks are not as long together as announced")
	ErrTrailer   = errors.New("the trailers are not well-formed, or not those announced")
)

// lineBytes bounds a line, its end included, and what is read ahead of data.
const lineBytes = 1 << 10

// Signatures verifies a body's signatures, in order; sigv4's Chain does.
type Signatures interface {
	Chunk(sum *[sha256.Size]byte, signature []byte) bool
	Trailer(sum *[sha256.Size]byte, signature []byte) bool
}

// Config says what was announced of a body.
type Config struct {
	Size       int64      // of the data, x-amz-decoded-content-length
	Signatures Signatures // nil: the chunks are not signed
	Trailer    bool       // trailers may come; signed ones if the chunks are
	Trailers   []string   // their names in lower case, as announced by x-amz-trailer
}

// Reader gives the data of a framed body. It is for one goroutine.
type Reader struct {
	body    *bufio.Reader
	config  Config
	left    int64     // of the data announced
	chunk   int64     // left of the chunk
	begun   bool      // a chunk is open: its data, then its end are next
	hash    hash.Hash // of the chunk's data; nil if not signed
	sum     [sha256.Size]byte
	sign    [2 * sha256.Size]byte // the chunk's signature
	trailer []Trailer
	err     error // the first; it stays
}

// NewReader makes a Reader of a framed body.
func NewReader(body io.Reader, c Config) *Reader {
	r := &Reader{body: bufio.NewReaderSize(body, lineBytes), config: c, left: c.Size}
	if c.Signatures != nil {
		r.hash = sha256.New()
	}
	return r
}

// Trailers are the trailers in the order they came, once Read has given io.EOF.
func (r *Reader) Trailers() []Trailer {
	if r.err != io.EOF {
		return nil
	}
	return r.trailer
}

func (r *Reader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	for r.chunk == 0 {
		if r.err = r.advance(); r.err != nil {
			return 0, r.err
		}
	}
	if int64(len(p)) > r.chunk {
		p = p[:r.chunk]
	}
	n, err := r.body.Read(p)
	r.chunk -= int64(n)
	r.left -= int64(n)
	if r.hash != nil {
		r.hash.Write(p[:n])
	}
	if err != nil {
		r.err = short(err)
	}
	return n, r.err
}

// advance goes from the end of a chunk's data to the next one's beginning. It
// gives io.EOF behind the end of everything.
func (r *Reader) advance() error {
	if r.begun {
		if err := r.closeChunk(); err != nil {
			return err
		}
	}
	size, err := r.openChunk()
	if err != nil {
		return err
	}
	if size > r.left {
		return fmt.Errorf("%w: there is more than %d bytes", ErrSize, r.config.Size)
	}
	if size > 0 {
		r.chunk, r.begun = size, true
		return nil
	}
	if r.left > 0 {
		return fmt.Errorf("%w: %d bytes of %d are missing", ErrSize, r.left, r.config.Size)
	}
	if err := r.verifyChunk(); err != nil {
		return err
	}
	if err := r.end(); err != nil {
		return err
	}
	if _, err := r.body.ReadByte(); err != io.EOF {
		if err == nil {
			err = fmt.Errorf("%w: something follows its end", ErrFraming)
		}
		return err
	}
	return io.EOF
}

// openChunk reads a chunk's first line and keeps its signature.
func (r *Reader) openChunk() (size int64, err error) {
	line, crlf, err := r.line(ErrFraming)
	if err != nil {
		return 0, err
	}
	if !crlf {
		return 0, fmt.Errorf("%w: a chunk's first line does not end in \\r\\n", ErrFraming)
	}
	digits, extension, extended := bytes.Cut(line, []byte(";"))
	size, ok := parseHex(digits)
	if !ok {
		return 0, fmt.Errorf("%w: a chunk's length is not a hexadecimal number", ErrFraming)
	}
	if r.hash == nil {
		if extended {
			return 0, fmt.Errorf("%w: a chunk has an extension, and none is announced", ErrFraming)
		}
		return size, nil
	}
	signature, found := bytes.CutPrefix(extension, []byte("chunk-signature="))
	if !found || len(signature) != len(r.sign) {
		return 0, fmt.Errorf("%w: a chunk has no chunk-signature of %d digits", ErrFraming, len(r.sign))
	}
	copy(r.sign[:], signature)
	return size, nil
}

// closeChunk is done when a chunk's data was read.
func (r *Reader) closeChunk() error {
	r.begun = false
	if err := r.verifyChunk(); err != nil {
		return err
	}
	for _, want := range []byte("\r\n") {
		switch b, err := r.body.ReadByte(); {
		case err != nil:
			return short(err)
		case b != want:
			return fmt.Errorf("%w: a chunk's data does not end in \\r\\n", ErrFraming)
		}
	}
	return nil
}

func (r *Reader) verifyChunk() error {
	if r.hash == nil {
		return nil
	}
	r.hash.Sum(r.sum[:0])
	r.hash.Reset()
	if !r.config.Signatures.Chunk(&r.sum, r.sign[:]) {
		return fmt.Errorf("%w: the chunk before byte %d", ErrSignature, r.config.Size-r.left)
	}
	return nil
}

// line reads a line and gives it without its end, which is \n or \r\n. It is
// good until the next read. Lines that are too long are what broken says.
func (r *Reader) line(broken error) (line []byte, crlf bool, err error) {
	line, err = r.body.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		return nil, false, fmt.Errorf("%w: a line has more than %d bytes", broken, lineBytes)
	}
	if err != nil {
		return nil, false, short(err)
	}
	line = line[:len(line)-1]
	line, crlf = bytes.CutSuffix(line, []byte("\r"))
	return line, crlf, nil
}

// short makes the end of the body, where it must not end, a failure.
func short(err error) error {
	if err == io.EOF {
		return ErrShort
	}
	return err
}

// parseHex reads 1 to 16 hexadecimal digits. What is past int64 is false.
func parseHex(digits []byte) (n int64, ok bool) {
	if len(digits) == 0 || len(digits) > 16 {
		return 0, false
	}
	var u uint64
	for _, c := range digits {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		u = u<<4 | uint64(c)
	}
	return int64(u), u < 1<<63
}
