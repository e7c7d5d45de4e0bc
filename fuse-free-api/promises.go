package api

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"

	"github.com/holdfast-storage/holdfast/fuse-free-api/awschunked"
	"github.com/holdfast-storage/holdfast/fuse-free-api/checksum"
)

// promises are what a request says of its body's bytes. All of them are kept
// before anything becomes visible.
type promises struct {
	md5    []byte // nil if there is none
	sha256 []byte
	// The one checksum: in a header, in a trailer, or to be computed by us.
	algorithm checksum.Algorithm // 0: none
	sum       []byte             // nil until it comes, or if it is ours to compute
	trailing  bool               // it comes behind the body
}

// readPromises takes the promises from the headers. payload is what was said
// with x-amz-content-sha256; trailing tells whether the framing has trailers; sums
// whether checksum headers are of the body. (Those of a CompleteMultipartUpload
// are of the object.)
func readPromises(h http.Header, payload string, trailing, sums bool) (p promises, err error) {
	if values := h["Content-Md5"]; len(values) > 0 {
		sum, err := base64.StdEncoding.DecodeString(values[0])
		if err != nil || len(sum) != md5.Size {
			return p, fault(codeInvalidDigest, "The Content-MD5 you specified is not valid.")
		}
		p.md5 = sum
	}
	// The other forms were refused with the signature.
	if len(payload) == hex.EncodedLen(sha256.Size) {
		if sum, err := hex.DecodeString(payload); err == nil {
			p.sha256 = sum
		}
	}
	if sums {
		err = p.readChecksum(h, trailing)
	}
	return p, err
}

func (p *promises) readChecksum(h http.Header, trailing bool) error {
	several := func() error {
		return fault(codeInvalidRequest, "Expecting a single x-amz-checksum- header. Multiple checksum types are not allowed.")
	}
	some := false // as of most requests there is none, and to look for each by its name takes longer
	for name := range h {
		some = some || strings.HasPrefix(name, "X-Amz-Checksum-")
	}
	for _, a := range checksum.All() {
		if !some {
			break
		}
		values := h.Values(a.Header())
		if len(values) == 0 {
			continue
		}
		if p.algorithm != 0 || len(values) > 1 {
			return several()
		}
		sum, err := a.Sum(values[0])
		if err != nil {
			return invalidChecksum(a, "header", err)
		}
		p.algorithm, p.sum = a, sum
	}
	if values := h.Values("X-Amz-Trailer"); len(values) > 0 {
		if !trailing {
			return fault(codeInvalidRequest, "There is an x-amz-trailer header, but the body's framing has no trailers.")
		}
		a, ok := checksum.ByHeader(strings.ToLower(strings.TrimSpace(values[0])))
		switch {
		case len(values) > 1 || strings.Contains(values[0], ","):
			return fault(codeInvalidRequest, "x-amz-trailer may name one trailer only.")
		case !ok:
			return notImplemented("The trailer %.100q is not supported: x-amz-trailer names one of %s.", values[0], checksumHeaders())
		case p.algorithm != 0:
			return several()
		}
		p.algorithm, p.trailing = a, true
	}
	// The first is the SDKs'; minio-go has the second, with a PutObject too.
	for _, name := range [...]string{"X-Amz-Sdk-Checksum-Algorithm", "X-Amz-Checksum-Algorithm"} {
		value := first(h, name)
		if value == "" {
			continue
		}
		a, ok := checksum.Parse(value)
		switch {
		case !ok:
			return fault(codeInvalidRequest, "Checksum algorithm provided is unsupported. Please try again with any of the valid types: %s.", checksumNames())
		case p.algorithm != 0 && p.algorithm != a:
			return fault(codeInvalidRequest, "Value for %s header is invalid.", strings.ToLower(name))
		}
		// S3 refuses an algorithm that comes without a checksum. Here it is
		// the wish for one: it is computed, kept and told.
		p.algorithm = a
	}
	return nil
}

func invalidChecksum(a checksum.Algorithm, where string, cause error) error {
	e := fault(codeInvalidRequest, "Value for %s %s is invalid.", a.Header(), where)
	e.cause = cause
	return e
}

// takeTrailers takes the checksum from the trailers that the body had. The
// framing let none pass but those announced.
func (p *promises) takeTrailers(trailers []awschunked.Trailer) error {
	malformed := fault(codeMalformedTrailer, "The request contained trailing data that was not well-formed or did not conform to our published schema.")
	if !p.trailing {
		if len(trailers) > 0 {
			return malformed
		}
		return nil
	}
	if len(trailers) != 1 || !strings.EqualFold(trailers[0].Name, p.algorithm.Header()) {
		return malformed
	}
	sum, err := p.algorithm.Sum(trailers[0].Value)
	if err != nil {
		return invalidChecksum(p.algorithm, "trailing header", err)
	}
	p.sum = sum
	return nil
}

// check holds the promises against the digests of the body.
func (p *promises) check(d *digests) error {
	if p.md5 != nil && subtle.ConstantTimeCompare(p.md5, d.md5.Sum(nil)) != 1 {
		return fault(codeBadDigest, "The Content-MD5 you specified did not match what was received.")
	}
	if p.sha256 != nil && subtle.ConstantTimeCompare(p.sha256, d.sha256.Sum(nil)) != 1 {
		return fault(codeContentSHA256Differs, "The x-amz-content-sha256 you specified did not match what was received.")
	}
	if p.sum != nil && subtle.ConstantTimeCompare(p.sum, d.checksum.Sum(nil)) != 1 {
		return fault(codeBadDigest, "The %v you specified did not match the calculated checksum.", p.algorithm)
	}
	return nil
}

// kept gives the checksum as it lies among System pairs: one pair or none.
func (p *promises) kept(d *digests) []Pair {
	if p.algorithm == 0 {
		return nil
	}
	return []Pair{{Name: p.algorithm.Header(), Value: checksum.Text(d.checksum.Sum(nil))}}
}

func checksumNames() string {
	var names []string
	for _, a := range checksum.All() {
		names = append(names, a.String())
	}
	return strings.Join(names, ", ")
}

func checksumHeaders() string {
	var names []string
	for _, a := range checksum.All() {
		names = append(names, a.Header())
	}
	return strings.Join(slices.Clip(names), ", ")
}
