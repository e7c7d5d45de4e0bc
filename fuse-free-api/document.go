package api

import (
	"errors"
	"io"
)

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
