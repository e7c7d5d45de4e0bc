package api

import "errors"

// listUploads is ListMultipartUploads. An upload-id-marker without a
// key-marker is ignored, as S3 says it is.
func (c *call) listUploads() error {
	l, err := c.listing("max-uploads")
	if err != nil {
		return err
	}
	key, err := c.nameParameter("key-marker")
	if err != nil {
		return err
	}
	id, err := c.nameParameter("upload-id-marker")
	if err != nil {
		return err
	}
	page, err := c.uploads(l, key, id)
	if err != nil {
		return err
	}
	x := c.beginList(l, "ListMultipartUploadsResult")
	x.text("Bucket", c.bucket)
	x.name("KeyMarker", key)
	x.text("UploadIdMarker", id)
	if page.Truncated {
		x.name("NextKeyMarker", page.NextKey)
		if page.NextID != "" { // it is empty behind a common prefix
			x.text("NextUploadIdMarker", page.NextID)
		}
	}
	x.name("Prefix", l.prefix)
	x.number("MaxUploads", int64(l.max))
	x.asked()
	x.truth("IsTruncated", page.Truncated)
	for _, u := range page.Uploads {
		x.start("Upload")
		x.name("Key", u.Key)
		x.text("UploadId", u.ID)
		x.owner("Initiator")
		x.owner("Owner")
		x.text("StorageClass", "STANDARD")
		x.time("Initiated", u.Created)
		x.end("Upload")
	}
	x.prefixes(page.Prefixes)
	x.end("ListMultipartUploadsResult")
	x.flush()
	return nil
}

// uploads asks the store for one page of uploads.
func (c *call) uploads(l listing, key, id string) (UploadsPage, error) {
	if l.max == 0 {
		return UploadsPage{}, c.bucketExists()
	}
	if key == "" {
		id = ""
	}
	page, err := c.s.opts.Store.Uploads(c.r.Context(), c.bucket, UploadsOptions{Prefix: l.prefix, Delimiter: l.delimiter, AfterKey: key, AfterID: id, Max: l.max})
	if errors.Is(err, ErrNoSuchUpload) {
		// The marker is a place, and its upload need not be there any more.
		return UploadsPage{}, fault(codeInvalidArgument, "The upload-id-marker is not the id of any upload.").about("ArgumentName", "upload-id-marker")
	}
	return page, err
}
