package s3

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"strconv"
	"time"
)

// What stands for the body's hash in a request that has none, and in one whose body is signed in pieces.
const (
	unsigned  = "UNSIGNED-PAYLOAD"
	streaming = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
)

// request is what the operations need of one. A client fills the same one in again and again.
type request struct {
	method   string
	path     []byte // as sent and as signed: it has nothing in it that needs to be encoded
	query    []byte // canonical: sorted and encoded
	payload  []byte // x-amz-content-sha256
	length   int64  // of the body as sent; below 0: there is none
	decoded  int64  // of the body itself, if it is signed in pieces; below 0: it is not
	md5      string // Content-MD5; "": none
	from, to int64  // range; to below 0: none
	coming   int64  // how long the answer's body will be, about
}

// signer puts the heads of requests together, signed with Signature Version 4
// in the Authorization header (Amazon S3 API reference, "Authenticating
// requests: using the Authorization header").
type signer struct {
	server *server
	second int64     // of stamp
	stamp  []byte    // 20060102T150405Z
	scope  []byte    // 20060102/us-east-1/s3/aws4_request
	mac    hash.Hash // with the key of the day
	text   []byte    // what is signed
	sum    [sha256.Size]byte
	seal   [2 * sha256.Size]byte // the request's signature
}

// at sets the time that is signed. The key is made anew when the day changes.
func (s *signer) at(now time.Time) {
	if now.Unix() == s.second {
		return
	}
	s.second = now.Unix()
	day := string(s.stamp[:min(8, len(s.stamp))])
	s.stamp = now.UTC().AppendFormat(s.stamp[:0], "20060102T150405Z")
	if day == string(s.stamp[:8]) {
		return
	}
	s.scope = append(append(append(s.scope[:0], s.stamp[:8]...), '/'), s.server.Region...)
	s.scope = append(s.scope, "/s3/aws4_request"...)
	key := []byte("AWS4" + s.server.SecretKey)
	for _, part := range []string{string(s.stamp[:8]), s.server.Region, "s3", "aws4_request"} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	s.mac = hmac.New(sha256.New, key)
}

// appendHead appends the request's line and headers, signed, with the empty line behind them.
func (s *signer) appendHead(dst []byte, r *request, now time.Time) []byte {
	s.at(now)
	s.sign(r)
	dst = append(append(append(dst, r.method...), ' '), r.path...)
	if len(r.query) > 0 {
		dst = append(append(dst, '?'), r.query...)
	}
	dst = append(append(dst, " HTTP/1.1\r\nHost: "...), s.server.host...)
	dst = append(append(dst, "\r\nX-Amz-Date: "...), s.stamp...)
	dst = append(append(dst, "\r\nX-Amz-Content-Sha256: "...), r.payload...)
	dst = append(append(dst, "\r\nAuthorization: AWS4-HMAC-SHA256 Credential="...), s.server.AccessKey...)
	dst = append(append(append(dst, '/'), s.scope...), ", SignedHeaders="...)
	dst = appendNames(dst, r)
	dst = append(append(dst, ", Signature="...), s.seal[:]...)
	if r.decoded >= 0 {
		dst = append(dst, "\r\nContent-Encoding: aws-chunked\r\nX-Amz-Decoded-Content-Length: "...)
		dst = strconv.AppendInt(dst, r.decoded, 10)
	}
	if r.md5 != "" {
		dst = append(append(dst, "\r\nContent-Md5: "...), r.md5...)
	}
	if r.length >= 0 {
		dst = strconv.AppendInt(append(dst, "\r\nContent-Length: "...), r.length, 10)
	}
	if r.to >= 0 {
		dst = strconv.AppendInt(append(dst, "\r\nRange: bytes="...), r.from, 10)
		dst = strconv.AppendInt(append(dst, '-'), r.to, 10)
	}
	return append(dst, "\r\n\r\n"...)
}

// sign sets seal. The names of the headers are sorted.
func (s *signer) sign(r *request) {
	b := append(append(s.text[:0], r.method...), '\n')
	b = append(append(b, r.path...), '\n')
	b = append(append(b, r.query...), '\n')
	if r.md5 != "" {
		b = append(append(append(b, "content-md5:"...), r.md5...), '\n')
	}
	b = append(append(b, "host:"...), s.server.host...)
	b = append(append(b, "\nx-amz-content-sha256:"...), r.payload...)
	b = append(append(b, "\nx-amz-date:"...), s.stamp...)
	if r.decoded >= 0 {
		b = strconv.AppendInt(append(b, "\nx-amz-decoded-content-length:"...), r.decoded, 10)
	}
	b = append(b, "\n\n"...)
	b = appendNames(b, r)
	b = append(append(b, '\n'), r.payload...)
	s.sum = sha256.Sum256(b)

	b = s.begin(b[:0], "AWS4-HMAC-SHA256\n")
	b = hex.AppendEncode(b, s.sum[:])
	s.text = b
	s.finish()
}

func appendNames(dst []byte, r *request) []byte {
	if r.md5 != "" {
		dst = append(dst, "content-md5;"...)
	}
	dst = append(dst, "host;x-amz-content-sha256;x-amz-date"...)
	if r.decoded >= 0 {
		dst = append(dst, ";x-amz-decoded-content-length"...)
	}
	return dst
}

// piece sets seal to the signature of a body's next piece, which depends on the one before, the request's or a piece's.
func (s *signer) piece(sum *[sha256.Size]byte) {
	b := s.begin(s.text[:0], "AWS4-HMAC-SHA256-PAYLOAD\n")
	b = append(append(b, s.seal[:]...), '\n')
	b = append(b, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n"...) // of nothing
	s.text = hex.AppendEncode(b, sum[:])
	s.finish()
}

func (s *signer) begin(b []byte, algorithm string) []byte {
	b = append(append(append(b, algorithm...), s.stamp...), '\n')
	return append(append(b, s.scope...), '\n')
}

func (s *signer) finish() {
	s.mac.Reset()
	s.mac.Write(s.text)
	hex.Encode(s.seal[:], s.mac.Sum(s.sum[:0]))
}
