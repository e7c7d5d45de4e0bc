package blockstore

import (
	"context"
	"errors"
	"io"
	"time"
)

// UploadOptions describes the object that a multipart upload is to become.
type UploadOptions struct {
	ContentType string
	Meta        []Pair
	System      []Pair
}

// UploadInfo is a multipart upload that was begun and neither completed nor
// aborted.
type UploadInfo struct {
	Key, ID      string
	Created      time.Time
	ContentType  string
	Meta, System []Pair
}

// PartOptions says how a part's body is stored; see PutOptions.
type PartOptions struct {
	Size   int64 // bytes; -1 if not known
	Digest func(p []byte)
	Finish func() (Finished, error)
}

// PartInfo is a part of an upload, or of a multipart object; of the latter
// without ETag and Modified.
type PartInfo struct {
	Number   int // 1 to 10000
	Size     int64
	ETag     string // without quotes
	Modified time.Time
	System   []Pair
}

// CompleteOptions says what object is made of an upload.
type CompleteOptions struct {
	Numbers []int // of the parts, ascending, at least one
	If      Condition
	// Finish is called with the parts as they are stored, in the order of
	// Numbers, before the object becomes visible. Its error rejects the change. Its
	// System pairs, if any, stand in place of the upload's.
	Finish func(parts []PartInfo) (Finished, error)
}

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

var errUnbuilt = errors.New("not built")

func (p *Pool) SetSystem(ctx context.Context, bucket, key string, version uint64, system []Pair) error {
	return errUnbuilt
}

func (p *Pool) CreateUpload(ctx context.Context, bucket, key string, opt UploadOptions) (id string, err error) {
	return "", errUnbuilt
}

func (p *Pool) Upload(ctx context.Context, bucket, key, id string) (UploadInfo, error) {
	return UploadInfo{}, errUnbuilt
}

func (p *Pool) Uploads(ctx context.Context, bucket string, opt UploadsOptions) (UploadsPage, error) {
	return UploadsPage{}, errUnbuilt
}

func (p *Pool) PutPart(ctx context.Context, bucket, key, id string, number int, body io.Reader, opt PartOptions) (PartInfo, error) {
	return PartInfo{}, errUnbuilt
}

func (p *Pool) Parts(ctx context.Context, bucket, key, id string, after, max int) (parts []PartInfo, more bool, err error) {
	return nil, false, errUnbuilt
}

func (p *Pool) CompleteUpload(ctx context.Context, bucket, key, id string, opt CompleteOptions) (ObjectInfo, error) {
	return ObjectInfo{}, errUnbuilt
}

func (p *Pool) AbortUpload(ctx context.Context, bucket, key, id string) error { return errUnbuilt }
