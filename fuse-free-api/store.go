package api

import (
	"context"
	"errors"
	"io"
	"time"
)

// What a Store's errors wrap, so that the edge can choose the answer. An
// error that wraps none of these is answered with 500 InternalError.
var (
	ErrNoSuchBucket   = errors.New("no such bucket")
	ErrNoSuchKey      = errors.New("no such key")
	ErrBucketExists   = errors.New("the bucket exists")
	ErrBucketNotEmpty = errors.New("the bucket is not empty")
	ErrPrecondition   = errors.New("a condition does not hold")
	ErrReadOnly       = errors.New("the pool is read-only")
	ErrUnavailable    = errors.New("not available now")
	ErrBusy           = errors.New("too much work at once")
	ErrNoSpace        = errors.New("no space left")
	ErrBodySize       = errors.New("the body is not as long as announced")
	ErrInvalidName    = errors.New("invalid name")
	ErrKeyTooLong     = errors.New("the key is too long")
	ErrClosed         = errors.New("the pool is closed")
	ErrNoSuchUpload   = errors.New("no such multipart upload")
	ErrNoSuchPart     = errors.New("no such part of the upload")
	ErrTooManyPieces  = errors.New("stored in too many pieces")
)

// Pair is one named value: user metadata (names in lower case, without
// "x-amz-meta-") or a kept header (canonical names, as "Cache-Control").
type Pair struct{ Name, Value string }

// Condition is what must hold for a change to be made; the store decides it
// together with the change, atomically. The zero value is no condition.
// ETags are without quotes; a weak one, which matches nothing strongly, is
// kept as W/"…" in IfMatch.
type Condition struct {
	IfNoneMatchAny bool     // no object may exist
	IfMatch        []string // the object's ETag is one of these; "*": any object
	IfNoneMatch    []string // the object's ETag is none of these
}

// Body is how a store takes in the bytes of an object or of a part.
type Body struct {
	Size int64 // length in bytes; -1: unknown, until EOF
	// Digest, if set, is given the body's bytes in order, piece by piece, beside
	// encoding them. It is called by one goroutine at a time, which need not
	// be the caller's, and must not keep p. All its calls are over before Finish.
	Digest func(p []byte)
	// Finish is called once, after the body's last byte was read and before
	// what was stored becomes visible. Its error rejects the body, and is
	// wrapped in the store's.
	Finish func() (Finished, error)
}

// Finished is what only the whole body tells.
type Finished struct {
	ETag   string // without quotes
	System []Pair // kept beside those of the request; names occur in one of them only
}

// PutRequest describes the object that a Put stores.
type PutRequest struct {
	Body
	ContentType string
	Meta        []Pair // sorted by name
	System      []Pair // sorted by name
	If          Condition
}

// ObjectInfo is what is known of an object without its body.
type ObjectInfo struct {
	Bucket, Key  string
	Size         int64
	ETag         string // without quotes
	ContentType  string
	Meta, System []Pair
	Modified     time.Time
	Version      uint64
	Parts        []PartInfo // of a multipart object, ascending; not in listings
}

// UploadRequest describes the object that a multipart upload is to become.
type UploadRequest struct {
	ContentType  string
	Meta, System []Pair // sorted by name
}

// UploadInfo is a multipart upload that was begun and neither completed nor
// aborted.
type UploadInfo struct {
	Key, ID      string
	Created      time.Time
	ContentType  string
	Meta, System []Pair
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

// CompleteRequest makes the object of an upload's parts.
type CompleteRequest struct {
	Numbers []int // of the parts, ascending
	If      Condition
	// Finish is called with the parts as they are stored, in the order of
	// Numbers, before the object becomes visible. Its error rejects the change. Its
	// System pairs, if any, stand in place of the upload's.
	Finish func(parts []PartInfo) (Finished, error)
}

// UploadsOptions say which uploads of a bucket a page shows.
type UploadsOptions struct {
	Prefix, Delimiter string
	// The page starts behind the upload AfterID of AfterKey or, without AfterID,
	// behind all of AfterKey's. If AfterKey equals a common prefix, all that it
	// stands for has been listed already. AfterID need not be there any more;
	// what cannot be an upload's id gives ErrNoSuchUpload.
	AfterKey, AfterID string
	Max               int // uploads and common prefixes together, at least 1
}

// UploadsPage is a page of uploads, by key and then by age.
type UploadsPage struct {
	Uploads         []UploadInfo // without their attributes
	Prefixes        []string
	NextKey, NextID string // if Truncated: AfterKey and AfterID of the next page
	Truncated       bool
}

// BucketInfo is a bucket's name and birthday.
type BucketInfo struct {
	Name    string
	Created time.Time
}

// ListOptions say which part of a bucket a page shows.
type ListOptions struct {
	Prefix    string
	Delimiter string // empty: no common prefixes
	// After: the page starts with what sorts behind it. If it equals a common
	// prefix, all that it stands for has been listed already.
	After string
	Max   int // objects and common prefixes together, at least 1
}

// ListPage is a page of a listing, objects and prefixes each in byte order.
type ListPage struct {
	Objects   []ObjectInfo
	Prefixes  []string
	Next      string // if Truncated: the After of the next page
	Truncated bool
}

// Object is an object held open for reading: its bytes stay what they were,
// whatever happens to its key meanwhile.
type Object interface {
	Info() ObjectInfo
	// WriteTo writes n bytes of the body from offset off. It writes nothing
	// to w that was not verified.
	WriteTo(ctx context.Context, w io.Writer, off, n int64) error
	Close()
}

// Store is what the object listener needs. Names were checked against the
// rules of CheckBucketName and CheckKey before any call.
type Store interface {
	CreateBucket(ctx context.Context, name string) error
	DeleteBucket(ctx context.Context, name string) error
	Bucket(ctx context.Context, name string) (BucketInfo, error)
	Buckets(ctx context.Context) ([]BucketInfo, error) // in byte order of the names
	// Put must not touch body any more once it has returned. An error that
	// body's Read gave is wrapped in Put's.
	Put(ctx context.Context, bucket, key string, body io.Reader, req PutRequest) (ObjectInfo, error)
	Stat(ctx context.Context, bucket, key string) (ObjectInfo, error)
	Get(ctx context.Context, bucket, key string) (Object, error)
	Delete(ctx context.Context, bucket, key string, cond Condition) (existed bool, err error)
	List(ctx context.Context, bucket string, opts ListOptions) (ListPage, error)
	// SetSystem replaces the System pairs of an object, if version is still its
	// version, else it gives ErrPrecondition. Version, ETag and time stay.
	SetSystem(ctx context.Context, bucket, key string, version uint64, system []Pair) error

	CreateUpload(ctx context.Context, bucket, key string, req UploadRequest) (id string, err error)
	Upload(ctx context.Context, bucket, key, id string) (UploadInfo, error)
	Uploads(ctx context.Context, bucket string, opts UploadsOptions) (UploadsPage, error)
	PutPart(ctx context.Context, bucket, key, id string, number int, body io.Reader, how Body) (PartInfo, error)
	// Parts gives up to max parts with a higher number than after, ascending.
	Parts(ctx context.Context, bucket, key, id string, after, max int) (parts []PartInfo, more bool, err error)
	// CompleteUpload gives ErrNoSuchPart if a part is not there, and
	// ErrTooManyPieces if the object would be more than can be kept of one.
	CompleteUpload(ctx context.Context, bucket, key, id string, req CompleteRequest) (ObjectInfo, error)
	AbortUpload(ctx context.Context, bucket, key, id string) error
}
