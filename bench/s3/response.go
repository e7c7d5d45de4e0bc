package s3

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// taker is what a body is read into. It must not keep the piece.
type taker interface{ take(piece []byte) }

// response is what a client looks at in an answer's head.
type response struct {
	status  int
	length  int64 // -1: not said
	chunked bool
	close   bool // the server closes the connection behind it
}

// reader takes HTTP/1.1 answers (RFC 9112) off a connection. It is strict: whoever says something that has no
// meaning there is not measured.
type reader struct {
	from io.Reader
	buf  []byte
	r, w int // what has been read and not used: buf[r:w]
}

func (in *reader) reset(from io.Reader) { in.from, in.r, in.w = from, 0, 0 }

// fill reads more behind what there is; a full buffer is an error.
func (in *reader) fill() error {
	if in.r == in.w {
		in.r, in.w = 0, 0
	} else if in.w == len(in.buf) {
		if in.r == 0 {
			return fmt.Errorf("a line or a head of more than %d bytes", len(in.buf))
		}
		in.w = copy(in.buf, in.buf[in.r:in.w])
		in.r = 0
	}
	n, err := in.from.Read(in.buf[in.w:])
	in.w += n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// head reads the head of the answer that counts: `100 Continue` and its like (1xx) only announce it.
func (in *reader) head() (response, error) {
	for {
		text, err := in.until("\r\n\r\n")
		if err != nil {
			return response{}, err
		}
		resp, err := parseHead(text)
		if err != nil || resp.status >= 200 {
			return resp, err
		}
	}
}

// until reads up to and with the mark, and returns what is in front of it. It is good until the next call.
func (in *reader) until(mark string) ([]byte, error) {
	for looked := 0; ; {
		have := in.buf[in.r:in.w]
		if i := bytes.Index(have[looked:], []byte(mark)); i >= 0 {
			text := have[:looked+i]
			in.r += looked + i + len(mark)
			return text, nil
		}
		looked = max(0, len(have)-len(mark)+1)
		if err := in.fill(); err != nil {
			if errors.Is(err, io.EOF) && len(have) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
}

func parseHead(text []byte) (response, error) {
	resp := response{length: -1}
	line, rest, _ := bytes.Cut(text, []byte("\r\n"))
	if len(line) < len("HTTP/1.1 200") || string(line[:7]) != "HTTP/1." || line[8] != ' ' || len(line) > 12 && line[12] != ' ' {
		return resp, fmt.Errorf("this is no answer of HTTP/1.1: %.40q", line)
	}
	resp.close = line[7] == '0'
	for _, digit := range line[9:12] {
		if digit < '0' || digit > '9' {
			return resp, fmt.Errorf("a status that is no number: %.40q", line)
		}
		resp.status = resp.status*10 + int(digit-'0')
	}
	if resp.status < 100 || resp.status == 101 {
		return resp, fmt.Errorf("an answer that was not asked for: %.40q", line)
	}
	for len(rest) > 0 {
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		colon := bytes.IndexByte(line, ':')
		if colon <= 0 {
			return resp, fmt.Errorf("a header without a name: %.40q", line)
		}
		if err := resp.header(line[:colon], bytes.Trim(line[colon+1:], " \t")); err != nil {
			return resp, err
		}
	}
	if resp.chunked && resp.length >= 0 {
		return resp, errors.New("an answer with Content-Length and Transfer-Encoding")
	}
	return resp, nil
}

// header takes note of those that matter. The length tells most others apart at little cost.
func (resp *response) header(name, value []byte) error {
	switch len(name) {
	case len("content-length"):
		if !fold(name, "content-length") {
			return nil
		}
		n, err := strconv.ParseUint(string(value), 10, 63)
		if err != nil || resp.length >= 0 && resp.length != int64(n) {
			return fmt.Errorf("Content-Length %q", value)
		}
		resp.length = int64(n)
	case len("transfer-encoding"):
		if !fold(name, "transfer-encoding") {
			return nil
		}
		if !fold(value, "chunked") {
			return fmt.Errorf("Transfer-Encoding %q, which is not known here", value)
		}
		resp.chunked = true
	case len("connection"):
		if fold(name, "connection") && fold(value, "close") {
			resp.close = true
		}
	}
	return nil
}

// fold says whether text is want, which is in lower case, in any case.
func fold(text []byte, want string) bool {
	if len(text) != len(want) {
		return false
	}
	for i, c := range text {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != want[i] {
			return false
		}
	}
	return true
}

// body gives the answer's body to the taker, to its end.
func (in *reader) body(resp *response, head bool, to taker) error {
	switch {
	case head || resp.status == 204 || resp.status == 304:
		return nil
	case resp.chunked:
		return in.chunks(to)
	case resp.length >= 0:
		return in.exactly(resp.length, to)
	}
	resp.close = true // the end of the connection is that of the body
	for {
		if in.r < in.w {
			to.take(in.buf[in.r:in.w])
			in.r = in.w
		}
		if err := in.fill(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func (in *reader) exactly(n int64, to taker) error {
	for left := n; ; {
		piece := in.buf[in.r : in.r+int(min(left, int64(in.w-in.r)))]
		if len(piece) > 0 {
			to.take(piece)
			in.r += len(piece)
			left -= int64(len(piece))
		}
		if left == 0 {
			return nil
		}
		if err := in.fill(); err != nil {
			return fmt.Errorf("the body ended %d bytes before its %d: %w", left, n, err)
		}
	}
}

// chunks reads a body in chunks (RFC 9112, 7.1), and the trailers behind it.
func (in *reader) chunks(to taker) error {
	for {
		line, err := in.until("\r\n")
		if err != nil {
			return fmt.Errorf("a chunk's size: %w", err)
		}
		digits, _, _ := bytes.Cut(line, []byte(";"))
		n, err := strconv.ParseUint(string(bytes.TrimRight(digits, " \t")), 16, 62)
		if err != nil {
			return fmt.Errorf("a chunk's size: %.40q", line)
		}
		if n == 0 {
			return in.trailers()
		}
		if err := in.exactly(int64(n), to); err != nil {
			return err
		}
		if end, err := in.until("\r\n"); err != nil || len(end) > 0 {
			return errors.Join(errors.New("a chunk that is longer than it says"), err)
		}
	}
}

func (in *reader) trailers() error {
	for {
		line, err := in.until("\r\n")
		if err != nil {
			return fmt.Errorf("a body's trailers: %w", err)
		}
		if len(line) == 0 {
			return nil
		}
	}
}
