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

// PutRequest describes the object that a Put stores.
type PutRequest struct {
	Size        int64 // length of the body in bytes; -1: unknown, until EOF
	ContentType string
	Meta        []Pair // sorted by name
	System      []Pair // sorted by name
	If          Condition
	// Finish is called once, after the body's last byte was read and before
	// the object becomes visible. It gives the ETag. Its error rejects the
	// object, and Put's error wraps it.
	Finish func() (etag string, err error)
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
}
