package sigv4

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// unreserved tells which bytes AWS's UriEncode leaves alone.
func unreserved(b byte) bool {
	return 'A' <= b && b <= 'Z' || 'a' <= b && b <= 'z' || '0' <= b && b <= '9' || b == '-' || b == '.' || b == '_' || b == '~'
}

func appendEncoded(dst []byte, b byte) []byte {
	const digits = "0123456789ABCDEF"
	if unreserved(b) {
		return append(dst, b)
	}
	return append(dst, '%', digits[b>>4], digits[b&15])
}

// decodeByte reads the byte that s begins with, percent-encoded or not, and
// tells how long it is there; 0: the encoding is broken.
func decodeByte(s string) (b byte, n int) {
	if s[0] != '%' {
		return s[0], 1
	}
	if len(s) < 3 {
		return 0, 0
	}
	high, low := hexDigit(s[1]), hexDigit(s[2])
	if high > 15 || low > 15 {
		return 0, 0
	}
	return high<<4 | low, 3
}

func hexDigit(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}

// appendPath decodes a raw path once and encodes it as AWS does, "/" kept.
func appendPath(dst []byte, raw string) ([]byte, bool) {
	for len(raw) > 0 {
		b, n := decodeByte(raw)
		if n == 0 {
			return dst, false
		}
		if b == '/' {
			dst = append(dst, '/')
		} else {
			dst = appendEncoded(dst, b)
		}
		raw = raw[n:]
	}
	return dst, true
}

// appendQueryPart does the same with a name or a value of the query, where a
// "+" is a space and "/" is encoded.
func appendQueryPart(dst []byte, raw string) ([]byte, bool) {
	for len(raw) > 0 {
		b, n := decodeByte(raw)
		if n == 0 {
			return dst, false
		}
		if b == '+' && n == 1 {
			b = ' '
		}
		dst = appendEncoded(dst, b)
		raw = raw[n:]
	}
	return dst, true
}

// pair is a parameter of the query, encoded: text[name:value] and
// text[value:end] of its scratch.
type pair struct{ name, value, end int }

// readQuery takes the query apart; p gets the parameters of a presigned
// request, if there are any.
func (s *scratch) readQuery(raw string, p *parameters) error {
	for piece := range strings.SplitSeq(raw, "&") {
		if piece == "" {
			continue
		}
		name, value, _ := strings.Cut(piece, "=")
		at := pair{name: len(s.text)}
		var ok, ok2 bool
		s.text, ok = appendQueryPart(s.text, name)
		at.value = len(s.text)
		s.text, ok2 = appendQueryPart(s.text, value)
		at.end = len(s.text)
		if !ok || !ok2 {
			return fault("InvalidURI", http.StatusBadRequest, "The query is not validly percent-encoded.")
		}
		s.pairs = append(s.pairs, at)
		if n := parameterOf(string(s.text[at.name:at.value])); n >= 0 {
			p.count[n]++
			p.raw[n] = value
		}
	}
	return nil
}

// appendQuery writes the canonical query: sorted, without the signature of a
// presigned request.
func (s *scratch) appendQuery(dst []byte, presigned bool) []byte {
	slices.SortFunc(s.pairs, func(a, b pair) int {
		if c := bytes.Compare(s.text[a.name:a.value], s.text[b.name:b.value]); c != 0 {
			return c
		}
		return bytes.Compare(s.text[a.value:a.end], s.text[b.value:b.end])
	})
	first := true
	for _, p := range s.pairs {
		if presigned && string(s.text[p.name:p.value]) == "X-Amz-Signature" {
			continue
		}
		if !first {
			dst = append(dst, '&')
		}
		first = false
		dst = append(dst, s.text[p.name:p.value]...)
		dst = append(dst, '=')
		dst = append(dst, s.text[p.value:p.end]...)
	}
	return dst
}

// appendHeaders writes the signed headers, a line each, and sees to it that
// they are there, and that every x-amz-* header is among them.
func (c *claim) appendHeaders(dst []byte, r *http.Request) ([]byte, error) {
	previous, host, amz := "", false, 0
	for name := range strings.SplitSeq(c.signedHeaders, ";") {
		if !lowerToken(name) || name <= previous {
			return dst, c.malformed("SignedHeaders must be the signed headers' names in lower case, sorted, each once, with semicolons between.")
		}
		previous = name
		values, there := headerValues(r, name)
		if !there {
			return dst, mismatch("The header %q was signed and is not in the request.", name)
		}
		host = host || name == "host"
		if mustBeSigned(name) {
			amz++
		}
		dst = append(dst, name...)
		dst = append(dst, ':')
		for i, value := range values {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendCollapsed(dst, value)
		}
		dst = append(dst, '\n')
	}
	if !host {
		return dst, denied("The header host must be signed.")
	}
	// Each signed name is there and is a different one, so equal numbers are equal sets.
	for name := range r.Header {
		if mustBeSigned(name) {
			amz--
		}
	}
	if amz != 0 {
		return dst, denied("There were headers present in the request which were not signed: %s.", strings.Join(c.unsigned(r.Header), ", "))
	}
	return dst, nil
}

// mustBeSigned tells it of a header name in any case. The payload's own
// header is part of the canonical request anyway.
func mustBeSigned(name string) bool {
	const prefix = "x-amz-"
	return len(name) > len(prefix) && name[1] == '-' && strings.EqualFold(name[:len(prefix)], prefix) && !strings.EqualFold(name, "x-amz-content-sha256")
}

// unsigned names, for the client, what it did not sign.
func (c *claim) unsigned(h http.Header) []string {
	signed := strings.Split(c.signedHeaders, ";")
	var names []string
	for name := range h {
		if name := strings.ToLower(name); mustBeSigned(name) && !slices.Contains(signed, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// headerValues finds a header by its name in lower case, also where net/http
// takes it out of the headers.
func headerValues(r *http.Request, name string) ([]string, bool) {
	if name == "host" {
		return []string{r.Host}, true
	}
	var buf [64]byte
	key := append(buf[:0], name...)
	for i, up := 0, true; i < len(key); i++ {
		if up && 'a' <= key[i] && key[i] <= 'z' {
			key[i] -= 'a' - 'A'
		}
		up = key[i] == '-'
	}
	if values, ok := r.Header[string(key)]; ok {
		return values, true
	}
	switch {
	case name == "content-length" && r.ContentLength >= 0:
		return []string{strconv.FormatInt(r.ContentLength, 10)}, true
	case name == "transfer-encoding" && len(r.TransferEncoding) > 0:
		return r.TransferEncoding, true
	case name == "expect" && r.ProtoMajor >= 2:
		return []string{"100-continue"}, true // HTTP/2 takes it out; there is no other
	}
	return nil, false
}

// appendCollapsed writes a header's value without spaces around it, and with
// single ones inside.
func appendCollapsed(dst []byte, value string) []byte {
	value = strings.Trim(value, " \t")
	for i := range len(value) {
		if value[i] == ' ' && value[i-1] == ' ' {
			continue
		}
		dst = append(dst, value[i])
	}
	return dst
}

// lowerToken tells whether s is a header's name in lower case.
func lowerToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return false
		}
	}
	return s != ""
}
