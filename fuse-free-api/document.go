package api

import (
	"errors"
	"io"

	"github.com/holdfast-storage/holdfast/fuse-free-api/sigv4"
)

// unread is for operations that take no body: one that comes all the same is
// passed over, as in S3, but not before it is known to be what the request says. Bodies
// longer than any document are refused.
func (c *call) unread() error {
	switch c.payload() {
	case "", sigv4.Unsigned, sigv4.Empty:
		if c.body == nil && c.r.Header.Get("Content-MD5") == "" {
			return nil // almost always
		}
	}
	_, err := c.document(maxConfigBytes)
	return err
}

// document reads a small document, the body of the request, whole: at most
// max bytes. Everything that the request says of it holds when document
// returns: its length, Content-MD5, payload hash, signatures and checksum. A
// request without a body has an empty one.
func (c *call) document(max int64) ([]byte, error) {
	up, err := c.upload(max)
	if err != nil {
		return nil, tooLongDocument(err, max)
	}
	up.itself, up.digests = true, newDigests(up.md5 != nil, up.sha256 != nil, up.algorithm)
	doc, err := io.ReadAll(up)
	if err != nil {
		return nil, tooLongDocument(err, max)
	}
	if err := up.verify(); err != nil {
		return nil, err
	}
	return doc, nil
}

// tooLongDocument gives the refusal of a large body the code that S3 has for
// documents.
func tooLongDocument(err error, max int64) error {
	var e *s3Error
	if !errors.As(err, &e) || e.code != codeEntityTooLarge {
		return err
	}
	long := fault(codeDocumentTooLong, "Your request was too big: its document may have %d bytes.", max)
	long.cut = e.cut
	return long
}
