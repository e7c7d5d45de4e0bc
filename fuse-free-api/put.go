package api

import (
	"net/http"

	"github.com/holdfast-storage/holdfast/fuse-free-api/checksum"
)

// maxObjectBytes is S3's limit on a single PUT.
const maxObjectBytes = 5 << 30

// needLength refuses a request that does not tell where its body ends.
func (c *call) needLength() error {
	// HTTP/2 says by itself that there is no body.
	if c.r.ContentLength == 0 && c.r.ProtoMajor < 2 && len(c.r.Header.Values("Content-Length")) == 0 && len(c.r.TransferEncoding) == 0 {
		return fault(codeMissingLength, "You must provide the Content-Length header, or send the body in chunks.")
	}
	return nil
}

func (c *call) putObject() error {
	if err := c.needLength(); err != nil {
		return err
	}
	cond, err := writeCondition(c.r.Header)
	if err != nil {
		return err
	}
	contentType, meta, system, err := attributes(c.r.Header)
	if err != nil {
		return err
	}
	if value := first(c.r.Header, "X-Amz-Checksum-Type"); value != "" && value != string(checksum.FullObject) {
		return fault(codeInvalidRequest, "Value for x-amz-checksum-type header is invalid: of an object put at once it is %s.", checksum.FullObject)
	}
	up, err := c.upload(c.s.maxObjectBytes)
	if err != nil {
		return err
	}
	info, err := c.s.opts.Store.Put(c.r.Context(), c.bucket, c.key, up, PutRequest{
		Body: up.ofObject(), ContentType: contentType, Meta: meta, System: system, If: cond,
	})
	if err != nil {
		// What the client did wrong says more than what the store made of it.
		if failure := up.failure(); failure != nil {
			return failure
		}
		return c.gone(c.r.Context(), err, cond)
	}
	c.etagLine[0] = up.quoted(info.ETag)
	c.w.Header()["ETag"] = c.etagLine[:]
	setChecksums(c.w.Header(), info.System)
	c.w.WriteHeader(http.StatusOK)
	c.over = true
	return nil
}

// deleteObject answers 204 whether the object was there or not.
func (c *call) deleteObject() error {
	if err := c.onlyVersion(); err != nil {
		return err
	}
	cond, err := writeCondition(c.r.Header)
	if err != nil {
		return err
	}
	if _, err := c.s.opts.Store.Delete(c.r.Context(), c.bucket, c.key, cond); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}
