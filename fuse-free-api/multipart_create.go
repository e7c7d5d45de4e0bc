package api

import (
	"net/http"

	"github.com/holdfast-storage/holdfast/fuse-free-api/checksum"
)

func (c *call) createUpload() error {
	contentType, meta, system, err := attributes(c.r.Header)
	if err != nil {
		return err
	}
	sums, err := askedChecksum(c.r.Header)
	if err != nil {
		return err
	}
	id, err := c.s.opts.Store.CreateUpload(c.r.Context(), c.bucket, c.key,
		UploadRequest{ContentType: contentType, Meta: meta, System: mergePairs(system, sums)})
	if err != nil {
		return err
	}
	for _, p := range sums {
		c.w.Header()[p.Name] = []string{p.Value}
	}
	x := c.beginXML()
	x.root("InitiateMultipartUploadResult")
	x.text("Bucket", c.bucket)
	x.text("Key", c.key)
	x.text("UploadId", id)
	x.end("InitiateMultipartUploadResult")
	x.flush()
	return nil
}

// askedChecksum gives the algorithm and the type of the checksum that an
// upload asks for, as they are kept and echoed; none if it asks for none.
func askedChecksum(h http.Header) ([]Pair, error) {
	algorithm, err := wantedAlgorithm(h)
	if err != nil {
		return nil, err
	}
	kind := algorithm.DefaultType()
	if text := h.Get(checksum.TypeHeader); text != "" {
		var ok bool
		kind, ok = checksum.ParseType(text)
		switch {
		case algorithm == 0:
			return nil, fault(codeInvalidRequest, "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.")
		case !ok:
			return nil, fault(codeInvalidRequest, "Value for x-amz-checksum-type header is invalid.")
		case !algorithm.Allows(kind):
			return nil, fault(codeInvalidRequest, "The %s checksum type cannot be used with the %v checksum algorithm.", kind, algorithm)
		}
	}
	if algorithm == 0 {
		return nil, nil
	}
	return []Pair{{Name: algorithmName, Value: algorithm.String()}, {Name: checksum.TypeHeader, Value: string(kind)}}, nil
}
