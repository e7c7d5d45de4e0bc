package blockstore

import (
	"context"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
)

// UploadsOptions selects a page of a bucket's uploads, by key and then by age.
type UploadsOptions struct {
	Prefix, Delimiter string
	// The page starts behind the upload AfterID of AfterKey or, without AfterID,
	// behind all of AfterKey's and, if it is a common prefix, behind all that it stands for.
	AfterKey, AfterID string
	Max               int // uploads and common prefixes together; 0 lists none
}

// UploadsPage is a page of uploads.
type UploadsPage struct {
	Uploads         []UploadInfo // without their attributes
	Prefixes        []string
	NextKey, NextID string // if Truncated: AfterKey and AfterID of the next page
	Truncated       bool
}

// Uploads lists the uploads of a bucket that are under way.
func (p *Pool) Uploads(ctx context.Context, bucket string, opt UploadsOptions) (UploadsPage, error) {
	end, err := p.enter()
	if err != nil {
		return UploadsPage{}, err
	}
	defer end()
	if err := p.settledBucket(bucket, 0, false); err != nil {
		return UploadsPage{}, err
	}
	b, err := p.catalog.Bucket(ctx, bucket)
	if err != nil {
		return UploadsPage{}, notFoundAs(err, ErrNoSuchBucket)
	}
	if err := p.settledUploads(b.ID); err != nil {
		return UploadsPage{}, err
	}
	o := catalog.UploadListOptions{Prefix: opt.Prefix, Delimiter: opt.Delimiter, AfterKey: opt.AfterKey, Max: opt.Max}
	if opt.AfterID != "" {
		if o.AfterID, err = parseUploadID(opt.AfterID); err != nil {
			return UploadsPage{}, err
		}
	}
	page, err := p.catalog.Uploads(ctx, b.ID, o)
	if err != nil {
		return UploadsPage{}, unavailable(err)
	}
	list := UploadsPage{Prefixes: page.Prefixes, Truncated: page.Truncated, NextKey: page.NextKey}
	if page.NextID != 0 {
		list.NextID = uploadID(page.NextID)
	}
	for i := range page.Uploads {
		list.Uploads = append(list.Uploads, uploadInfo(&page.Uploads[i]))
	}
	return list, nil
}
