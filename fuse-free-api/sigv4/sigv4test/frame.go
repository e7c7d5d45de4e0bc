package sigv4test

import (
	"bytes"
	"fmt"
	"strings"
)

// Framing is how Frame is to frame a body.
type Framing struct {
	Unsigned   bool
	ChunkBytes int         // 0: 64 KiB
	Trailers   [][2]string // names and values
	BareLF     bool        // as minio-go ends its trailers
}

// Payload is what x-amz-content-sha256 says of such a body.
func (f Framing) Payload() string {
	switch {
	case f.Unsigned:
		return "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	case f.Trailers != nil:
		return "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	}
	return "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
}

// Headers are the header lines that go with a body of size bytes, to be
// signed with the others.
func (f Framing) Headers(size int) []string {
	lines := []string{"Content-Encoding: aws-chunked", fmt.Sprintf("X-Amz-Decoded-Content-Length: %d", size)}
	if len(f.Trailers) > 0 {
		var names []string
		for _, t := range f.Trailers {
			names = append(names, t[0])
		}
		lines = append(lines, "X-Amz-Trailer: "+strings.Join(names, ","))
	}
	return lines
}

// Frame frames data. authorization is the request's Authorization header, or
// "" for zeros as signatures, which makes it as long; stamp is its x-amz-date.
func (s Signer) Frame(authorization, stamp string, f Framing, data []byte) []byte {
	size := f.ChunkBytes
	if size == 0 {
		size = 64 << 10
	}
	previous := strings.Repeat("0", 64)
	if _, seed, found := strings.Cut(authorization, "Signature="); found {
		previous = seed
	}
	next := func(algorithm string, hashes ...string) string {
		if authorization != "" {
			previous = s.mac(stamp, strings.Join(append([]string{algorithm, stamp, s.scope(stamp), previous}, hashes...), "\n"))
		}
		return previous
	}
	var b bytes.Buffer
	for {
		piece := data[:min(size, len(data))]
		data = data[len(piece):]
		fmt.Fprintf(&b, "%x", len(piece))
		if !f.Unsigned {
			fmt.Fprintf(&b, ";chunk-signature=%s", next("AWS4-HMAC-SHA256-PAYLOAD", Empty, Hash(piece)))
		}
		b.WriteString("\r\n")
		if len(piece) == 0 {
			break
		}
		b.Write(piece)
		b.WriteString("\r\n")
	}
	if f.Trailers != nil {
		end, text := "\r\n", ""
		if f.BareLF {
			end = "\n"
		}
		for _, t := range f.Trailers {
			text += t[0] + ":" + t[1] + "\n"
			b.WriteString(t[0] + ":" + t[1] + end)
		}
		if f.BareLF {
			b.WriteString("\r\n")
		}
		if !f.Unsigned {
			fmt.Fprintf(&b, "x-amz-trailer-signature:%s\r\n", next("AWS4-HMAC-SHA256-TRAILER", Hash(text)))
		}
	}
	b.WriteString("\r\n")
	return b.Bytes()
}
