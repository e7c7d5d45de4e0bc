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
		if c.body == nil && first(c.r.Header, "Content-Md5") == "" {
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
	up.itself, up.digests = true, newDigests(c.s.md5s, up.md5 != nil, up.sha256 != nil, up.algorithm)
	doc, err := c.readAll(up)
	if err != nil {
		return nil, tooLongDocument(err, max)
	}
	if err := up.verify(); err != nil {
		return nil, err
	}
	return doc, nil
}

// maxDocumentsBytes bounds the documents of all requests together, which are in
// memory as long as their requests are served.
const maxDocumentsBytes = 64 << 20

// readAll reads a document, and has it count among those of all requests.
func (c *call) readAll(up *upload) ([]byte, error) {
	const firstBytes = 4 << 10
	var doc []byte
	for {
		if len(doc) == cap(doc) {
			size := max(2*cap(doc), firstBytes)
			c.documents += int64(size - cap(doc))
			if c.s.documents.Add(int64(size-cap(doc))) > c.s.maxDocumentsBytes {
				return nil, fault(codeSlowDown, "The documents of all requests are more than memory allows; please reduce your request rate.").with("Retry-After", "1")
			}
			doc = append(make([]byte, 0, size), doc...)
		}
		n, err := up.Read(doc[len(doc):cap(doc)])
		doc = doc[:len(doc)+n]
		if err == io.EOF {
			return doc, nil
		}
		if err != nil {
			return nil, err
		}
	}
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
