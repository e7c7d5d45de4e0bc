package main

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/holdfast-storage/holdfast/blockstore"
	api "github.com/holdfast-storage/holdfast/fuse-free-api"
)

// poolStore shows a pool to the HTTP edge in the edge's own words. The two packages do not know each other: here their
// types are copied one into the other and errors are given the edge's sentinels. It decides nothing.
type poolStore struct{ pool *blockstore.Pool }

// errorWords pairs the engine's errors with the edge's.
func errorWords() [][2]error {
	return [][2]error{
		{blockstore.ErrNoSuchBucket, api.ErrNoSuchBucket},
		{blockstore.ErrNoSuchKey, api.ErrNoSuchKey},
		{blockstore.ErrBucketExists, api.ErrBucketExists},
		{blockstore.ErrBucketNotEmpty, api.ErrBucketNotEmpty},
		{blockstore.ErrPrecondition, api.ErrPrecondition},
		{blockstore.ErrReadOnly, api.ErrReadOnly},
		{blockstore.ErrUnavailable, api.ErrUnavailable},
		{blockstore.ErrBusy, api.ErrBusy},
		{blockstore.ErrNoSpace, api.ErrNoSpace},
		{blockstore.ErrBodySize, api.ErrBodySize},
		{blockstore.ErrInvalidName, api.ErrInvalidName},
		{blockstore.ErrKeyTooLong, api.ErrKeyTooLong},
		{blockstore.ErrClosed, api.ErrClosed},
		{blockstore.ErrNoSuchUpload, api.ErrNoSuchUpload},
		{blockstore.ErrNoSuchPart, api.ErrNoSuchPart},
		{blockstore.ErrTooManyPieces, api.ErrTooManyPieces},
	}
}

// edgeError is an error of the engine that is one of the edge's, too. Its text is the engine's.
type edgeError struct{ err, as error }

func (e *edgeError) Error() string   { return e.err.Error() }
func (e *edgeError) Unwrap() []error { return []error{e.as, e.err} }

func toEdge(err error) error {
	if err == nil {
		return nil
	}
	for _, pair := range errorWords() {
		if errors.Is(err, pair[0]) {
			return &edgeError{err, pair[1]}
		}
	}
	return err
}

func (s poolStore) CreateBucket(ctx context.Context, name string) error {
	return toEdge(s.pool.CreateBucket(ctx, name))
}

func (s poolStore) DeleteBucket(ctx context.Context, name string) error {
	return toEdge(s.pool.DeleteBucket(ctx, name))
}

func (s poolStore) Bucket(ctx context.Context, name string) (api.BucketInfo, error) {
	info, err := s.pool.Bucket(ctx, name)
	return api.BucketInfo(info), toEdge(err)
}

func (s poolStore) Buckets(ctx context.Context) ([]api.BucketInfo, error) {
	buckets, err := s.pool.Buckets(ctx)
	list := make([]api.BucketInfo, len(buckets))
	for i, b := range buckets {
		list[i] = api.BucketInfo(b)
	}
	return list, toEdge(err)
}

func (s poolStore) Put(ctx context.Context, bucket, key string, body io.Reader, req api.PutRequest) (api.ObjectInfo, error) {
	info, err := s.pool.Put(ctx, bucket, key, body, blockstore.PutOptions{
		Size: req.Size, ContentType: req.ContentType, Meta: fromPairs(req.Meta), System: fromPairs(req.System),
		If: fromCondition(req.If), Digest: req.Digest, Finish: fromFinish(req.Finish),
	})
	return toInfo(info), toEdge(err)
}

func (s poolStore) Stat(ctx context.Context, bucket, key string) (api.ObjectInfo, error) {
	info, err := s.pool.Stat(ctx, bucket, key)
	return toInfo(info), toEdge(err)
}

func (s poolStore) Get(ctx context.Context, bucket, key string) (api.Object, error) {
	object, err := s.pool.Get(ctx, bucket, key)
	if err != nil {
		return nil, toEdge(err)
	}
	return poolObject{object}, nil
}

func (s poolStore) Delete(ctx context.Context, bucket, key string, cond api.Condition) (existed bool, err error) {
	existed, err = s.pool.Delete(ctx, bucket, key, fromCondition(cond))
	return existed, toEdge(err)
}

func (s poolStore) List(ctx context.Context, bucket string, opts api.ListOptions) (api.ListPage, error) {
	p, err := s.pool.List(ctx, bucket, blockstore.ListOptions(opts))
	list := api.ListPage{Objects: make([]api.ObjectInfo, len(p.Objects)), Prefixes: p.Prefixes, Next: p.Next, Truncated: p.Truncated}
	for i, o := range p.Objects {
		list.Objects[i] = toInfo(o)
	}
	return list, toEdge(err)
}

// poolObject is an open object of the pool.
type poolObject struct{ object *blockstore.Object }

func (o poolObject) Info() api.ObjectInfo { return toInfo(o.object.Info()) }
func (o poolObject) Close()               { o.object.Close() }
func (o poolObject) WriteTo(ctx context.Context, w io.Writer, off, n int64) error {
	return toEdge(o.object.WriteTo(ctx, w, off, n))
}

func toInfo(info blockstore.ObjectInfo) api.ObjectInfo {
	return api.ObjectInfo{
		Bucket: info.Bucket, Key: info.Key, Size: info.Size, ETag: info.ETag, ContentType: info.ContentType,
		Meta: toPairs(info.Meta), System: toPairs(info.System), Modified: info.Modified, Version: info.Version,
		Parts: toParts(info.Parts),
	}
}

func toPairs(pairs []blockstore.Pair) []api.Pair {
	list := make([]api.Pair, len(pairs))
	for i, pair := range pairs {
		list[i] = api.Pair(pair)
	}
	return list
}

func fromPairs(pairs []api.Pair) []blockstore.Pair {
	list := make([]blockstore.Pair, len(pairs))
	for i, pair := range pairs {
		list[i] = blockstore.Pair(pair)
	}
	return list
}

// fromCondition writes "no object may exist" as the engine does, as If-None-Match: *.
func fromCondition(cond api.Condition) blockstore.Condition {
	c := blockstore.Condition{IfMatch: cond.IfMatch, IfNoneMatch: cond.IfNoneMatch}
	if cond.IfNoneMatchAny {
		c.IfNoneMatch = append(slices.Clone(c.IfNoneMatch), "*")
	}
	return c
}
