package api

import (
	"math"
	"net/http"
	"slices"
	"strings"

	"github.com/holdfast-storage/holdfast/fuse-free-api/awschunked"
	"github.com/holdfast-storage/holdfast/fuse-free-api/sigv4"
)

// chunkedToken stands in Content-Encoding for aws-chunked framing.
const chunkedToken = "aws-chunked"

// framing is what the headers say of how the body is wrapped, beside HTTP's
// own chunks.
type framing struct {
	framed   bool
	trailing bool // trailers may follow
	size     int64
}

// readFraming takes it from the headers and from payload, which is what was
// said with x-amz-content-sha256; length is Content-Length. Clients that do not sign, or not the body,
// announce the framing in Content-Encoding alone.
func readFraming(h http.Header, length int64, payload string) (f framing, err error) {
	switch payload {
	case sigv4.StreamingSigned:
		f.framed = true
	case sigv4.StreamingSignedTrailer, sigv4.StreamingUnsignedTrailer:
		f.framed, f.trailing = true, true
	case "", sigv4.Unsigned:
		f.framed = hasChunkedToken(h)
		f.trailing = f.framed
	default:
		if hasChunkedToken(h) {
			return f, fault(codeInvalidRequest, "The body is announced in aws-chunked framing, but x-amz-content-sha256 is a hash: it must be one of the STREAMING- forms.")
		}
	}
	values := h.Values("X-Amz-Decoded-Content-Length")
	if len(values) == 0 {
		if f.framed {
			return f, fault(codeMissingLength, "You must provide the x-amz-decoded-content-length header: the length of the body without its framing.")
		}
		return f, nil
	}
	size, ok := digits(values[0])
	if !ok || size == math.MaxInt64 {
		return f, fault(codeInvalidArgument, "x-amz-decoded-content-length is not a length.")
	}
	if !f.framed && size != length {
		return f, fault(codeInvalidArgument, "x-amz-decoded-content-length is given, but the body has no framing to be taken off.")
	}
	f.size = size
	return f, nil
}

func hasChunkedToken(h http.Header) bool {
	return slices.ContainsFunc(h.Values("Content-Encoding"), func(line string) bool {
		_, found := cutChunkedToken(line)
		return found
	})
}

// cutChunkedToken takes aws-chunked off a Content-Encoding: it says how the
// body came, and is not true of what is stored. The others stay as they are.
func cutChunkedToken(line string) (rest string, found bool) {
	if !strings.Contains(strings.ToLower(line), chunkedToken) {
		return line, false
	}
	var kept []string
	for token := range strings.SplitSeq(line, ",") {
		token = strings.Trim(token, " \t")
		switch {
		case strings.EqualFold(token, chunkedToken):
			found = true
		case token != "":
			kept = append(kept, token)
		}
	}
	if !found {
		return line, false
	}
	return strings.Join(kept, ", "), true
}

// unframe takes the framing off the body, and verifies its signatures.
func (c *call) unframe(u *upload) (*awschunked.Reader, error) {
	var trailers []string
	if u.trailing {
		trailers = []string{u.algorithm.Header()}
	}
	if c.auth.framed() {
		return c.auth.frame(&u.wire, u.size, trailers)
	}
	return awschunked.NewReader(&u.wire, awschunked.Config{Size: u.size, Trailer: true, Trailers: trailers}), nil
}
