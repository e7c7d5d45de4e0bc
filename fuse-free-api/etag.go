package api

import (
	"encoding/hex"
	"fmt"
	"io"

	"github.com/holdfast-storage/holdfast/fuse-free-api/md5"
)

// ETagMode says what the ETags of objects and parts are made of.
type ETagMode int

const (
	// ETagMD5: the MD5 of the bytes in hexadecimal, which clients compare
	// with their own, as S3's are.
	ETagMD5 ETagMode = iota
	// ETagFast: 32 random hexadecimal digits and "-fast". No MD5 is computed
	// unless the client sent one. Clients take an ETag with a hyphen for what it is
	// in S3, too: nothing that they could compute.
	//
	// Random, and not a fast hash of the body: conditional requests rely on
	// another ETag for other content, and hashes that cost next to nothing
	// keep that promise only to those who do not look for two bodies that
	// collide. An id that is never given twice keeps it always. (It even tells
	// A, B, A apart, which MD5 does not.) What is lost is that the same bytes
	// stored again have the same ETag; nobody may rely on that in S3, where
	// multipart uploads and encryption have none of it.
	ETagFast
)

const fastSuffix = "-fast"

// ParseETagMode reads "md5" or "fast".
func ParseETagMode(text string) (ETagMode, error) {
	switch text {
	case "md5":
		return ETagMD5, nil
	case "fast":
		return ETagFast, nil
	}
	return 0, fmt.Errorf("ETags are md5 or fast, not %q", text)
}

// etag makes the ETag of what d was fed with, which newDigests of the same
// server made.
func (s *Server) etag(d *digests) (string, error) {
	if s.opts.ETag == ETagMD5 {
		text := append(make([]byte, 0, 2+2*md5.Size), '"')
		text = append(hex.AppendEncode(text, d.md5.Sum(d.sum[:0])), '"')
		d.quoted = string(text)
		return d.quoted[1 : len(d.quoted)-1], nil
	}
	var id [16]byte
	if _, err := io.ReadFull(s.opts.Rand, id[:]); err != nil {
		return "", fmt.Errorf("reading randomness for an ETag: %w", err)
	}
	return hex.EncodeToString(id[:]) + fastSuffix, nil
}
