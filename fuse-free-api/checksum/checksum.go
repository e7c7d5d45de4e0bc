// Package checksum is the five checksums that S3 keeps with objects: their
// names in headers and documents, their text, and how those of parts become
// one of the whole. It knows nothing of requests, and of bodies only what is
// written to a hash.
//
// Words:
//
//   - sum: a checksum's bytes, most significant first, as hash.Hash gives them.
//   - text: a sum in base64, as it stands in headers and documents.
//   - composite: the hash of the parts' sums, one behind the other; its text
//     ends in "-" and the number of parts. It cannot be compared with a
//     checksum of the same bytes uploaded otherwise.
//   - full object: the checksum of the bytes themselves, however they came.
//     Those of parts can be combined into it for CRCs only: they are linear,
//     SHA-1 and SHA-256 are made not to be.
package checksum

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash"
	"hash/crc32"
	"strconv"
	"strings"

	"github.com/minio/crc64nvme"
)

// Algorithm is one of the checksums. The zero value is none of them.
type Algorithm uint8

// The checksums, in the order of their names.
const (
	CRC32 Algorithm = iota + 1
	CRC32C
	CRC64NVME
	SHA1
	SHA256
)

// headerPrefix begins the name of every header that carries a checksum.
const headerPrefix = "x-amz-checksum-"

// All gives every algorithm, in the order of the names.
func All() []Algorithm { return []Algorithm{CRC32, CRC32C, CRC64NVME, SHA1, SHA256} }

// Parse reads a name as it stands in x-amz-sdk-checksum-algorithm and in
// documents, in any case.
func Parse(name string) (Algorithm, bool) {
	for _, a := range All() {
		if strings.EqualFold(name, a.String()) {
			return a, true
		}
	}
	return 0, false
}

// ByHeader tells which checksum a header carries, by its name in lower case.
func ByHeader(name string) (Algorithm, bool) {
	short, ok := strings.CutPrefix(name, headerPrefix)
	if !ok || short != strings.ToLower(short) {
		return 0, false
	}
	return Parse(short)
}

// String gives the name, as "CRC32C"; "" for the zero value.
func (a Algorithm) String() string {
	switch a {
	case CRC32:
		return "CRC32"
	case CRC32C:
		return "CRC32C"
	case CRC64NVME:
		return "CRC64NVME"
	case SHA1:
		return "SHA1"
	case SHA256:
		return "SHA256"
	}
	return ""
}

// Header gives the name of the header that carries the text, in lower case,
// as "x-amz-checksum-crc32c".
func (a Algorithm) Header() string { return headerPrefix + strings.ToLower(a.String()) }

// Element gives the name of the element that holds the text in documents, as
// "ChecksumCRC32C".
func (a Algorithm) Element() string { return "Checksum" + a.String() }

// Size is a sum's length in bytes.
func (a Algorithm) Size() int {
	switch a {
	case CRC32, CRC32C:
		return crc32.Size
	case CRC64NVME:
		return crc64nvme.Size
	case SHA1:
		return sha1.Size
	case SHA256:
		return sha256.Size
	}
	return 0
}

// New begins a checksum of bytes. It panics for the zero value.
func (a Algorithm) New() hash.Hash {
	switch a {
	case CRC32:
		return crc32.NewIEEE()
	case CRC32C:
		return crc32.New(crc32.MakeTable(crc32.Castagnoli)) // the package keeps the table
	case CRC64NVME:
		return crc64nvme.New()
	case SHA1:
		return sha1.New()
	case SHA256:
		return sha256.New()
	}
	panic("checksum: no algorithm")
}

// Text writes a sum.
func Text(sum []byte) string { return base64.StdEncoding.EncodeToString(sum) }

// Sum reads a text. Every sum has one text only: white space and bits beyond
// the last byte are errors.
func (a Algorithm) Sum(text string) ([]byte, error) {
	bad := fmt.Errorf("%q is not the base64 of %d bytes, as a %v is", clip(text), a.Size(), a)
	if len(text) != base64.StdEncoding.EncodedLen(a.Size()) || strings.ContainsAny(text, "\r\n") {
		return nil, bad
	}
	sum, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(sum) != a.Size() {
		return nil, bad
	}
	return sum, nil
}

// Composite gives the text of the composite checksum of parts with these
// sums.
func (a Algorithm) Composite(sums [][]byte) string {
	h := a.New()
	for _, sum := range sums {
		_, _ = h.Write(sum)
	}
	return Text(h.Sum(nil)) + "-" + strconv.Itoa(len(sums))
}

// CutComposite takes the number of parts off a composite checksum's text; ok
// is false if there is none, as in the text of a full object's. What remains
// is to be read with Sum.
func CutComposite(text string) (rest string, parts int, ok bool) {
	rest, count, found := strings.Cut(text, "-")
	n, err := strconv.Atoi(count)
	if !found || err != nil || n < 1 || strconv.Itoa(n) != count {
		return text, 0, false
	}
	return rest, n, true
}

// clip keeps messages about what a client sent short.
func clip(text string) string {
	const most = 64
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}
