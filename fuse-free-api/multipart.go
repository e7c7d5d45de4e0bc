package api

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"strconv"

	"github.com/holdfast-storage/holdfast/fuse-free-api/checksum"
)

const (
	maxParts           = 10000
	minPartBytes       = 5 << 20 // of all parts but the last
	maxMultipartBytes  = 5 << 40 // of the object
	maxPartsPage       = 1000
	algorithmName      = "x-amz-checksum-algorithm" // of the header and of an upload's System pair
	uploadName         = "x-holdfast-upload"        // System pair of an object: the upload that made it
	partNumberArgument = "partNumber"
)

// uploadID is the upload that the request is about.
func (c *call) uploadID() string { return c.query.Get("uploadId") }

// ofUpload adds to an error which upload it is about, as S3 does.
func (c *call) ofUpload(err error) error {
	if err == nil || !errors.Is(err, ErrNoSuchUpload) {
		return err
	}
	return storeFault(err).about("UploadId", clip(c.uploadID()))
}

// findUpload gives the upload that the request is about.
func (c *call) findUpload(ctx context.Context) (UploadInfo, error) {
	info, err := c.s.opts.Store.Upload(ctx, c.bucket, c.key, c.uploadID())
	return info, c.ofUpload(err)
}

// partNumber reads the number of the part that the request is about.
func (c *call) partNumber() (int, error) {
	text := c.query.Get("partNumber")
	if n, ok := digits(text); ok && 1 <= n && n <= maxParts {
		return int(n), nil
	}
	return 0, fault(codeInvalidArgument, "Part number must be an integer between 1 and %d, inclusive.", maxParts).
		about("ArgumentName", partNumberArgument).about("ArgumentValue", clip(text))
}

// uploadChecksum gives what an upload's parts, and the object made of them,
// are to have; 0 if nothing was asked for.
func uploadChecksum(info UploadInfo) (checksum.Algorithm, checksum.Type) {
	name, _ := findPair(info.System, algorithmName)
	kind, _ := findPair(info.System, checksum.TypeHeader)
	a, ok := checksum.Parse(name)
	if !ok {
		return 0, ""
	}
	return a, checksum.Type(kind)
}

// multipartETag makes the ETag of an object of those of its parts: as S3
// does, if they are MD5s, else of their text.
func multipartETag(parts []string) string {
	h := md5.New()
	for _, etag := range parts {
		sum, err := hex.DecodeString(etag)
		if err != nil || len(sum) != md5.Size {
			sum = []byte(etag)
		}
		_, _ = h.Write(sum)
	}
	return hex.EncodeToString(h.Sum(nil)) + "-" + strconv.Itoa(len(parts))
}

// pageLimit reads how many entries a page may have: at most most, and as many
// without text.
func pageLimit(name, text string, most int) (int, error) {
	if text == "" {
		return most, nil
	}
	n, ok := digits(text)
	if !ok || n > 1<<31-1 {
		return 0, notANumber(name, text)
	}
	return int(min(n, int64(most))), nil
}

// pageMarker reads the number of the part that a page starts behind.
func pageMarker(name, text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, ok := digits(text)
	if !ok || n > 1<<31-1 {
		return 0, notANumber(name, text)
	}
	return int(n), nil
}

func notANumber(name, text string) error {
	return fault(codeInvalidArgument, "%s must be an integer from 0 to 2147483647.", name).
		about("ArgumentName", name).about("ArgumentValue", clip(text))
}
