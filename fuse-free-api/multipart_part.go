package api

import (
	"net/http"

	"github.com/holdfast-storage/holdfast/fuse-free-api/checksum"
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
	if err := c.partChecksum(info, up); err != nil {
		return err
	}
	part, err := c.s.opts.Store.PutPart(c.r.Context(), c.bucket, c.key, c.uploadID(), number, up, up.ofPart())
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

// partChecksum has the part get the checksum that its upload asked for.
//
// S3 wants it sent with every part, if it is to be composite. Here it is
// computed for clients that leave it out (presigned parts of an upload that an SDK
// created, for one), since nothing is lost by that. Other than S3, minio-go says
// algorithm and type with every part, too; they can only be the upload's.
func (c *call) partChecksum(info UploadInfo, up *upload) error {
	algorithm, kind := uploadChecksum(info)
	if text := c.r.Header.Get(checksum.TypeHeader); text != "" && checksum.Type(text) != kind {
		return fault(codeInvalidRequest, "The upload was created using the %s checksum mode, and its parts must use the same.", orNone(string(kind)))
	}
	if algorithm == 0 {
		return nil
	}
	return up.wantChecksum(algorithm)
}
