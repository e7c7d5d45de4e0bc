package api

import (
	"net/http"
)

func (c *call) uploadPart() error {
	number, err := c.partNumber()
	if err != nil {
		return err
	}
	if err := c.needLength(); err != nil {
		return err
	}
	up, err := c.upload(c.s.maxObjectBytes)
	if err != nil {
		return err
	}
	info, err := c.findUpload(c.r.Context())
	if err != nil {
		return err
	}
	// S3 wants the checksum sent with every part, if it is to be composite.
	// Here it is computed for clients that leave it out (presigned parts of an
	// upload that an SDK created, for one), since nothing is lost by that.
	if algorithm, _ := uploadChecksum(info); algorithm != 0 {
		if err := up.wantChecksum(algorithm); err != nil {
			return err
		}
	}
	part, err := c.s.opts.Store.PutPart(c.r.Context(), c.bucket, c.key, c.uploadID(), number, up, up.part(c.s))
	if err != nil {
		if failure := up.failure(); failure != nil {
			return failure
		}
		return c.ofUpload(err)
	}
	h := c.w.Header()
	h["ETag"] = []string{`"` + part.ETag + `"`}
	setChecksums(h, part.System)
	c.w.WriteHeader(http.StatusOK)
	return nil
}
