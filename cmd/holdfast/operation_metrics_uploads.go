package main

import (
	"context"
	"io"
	"time"

	api "github.com/holdfast-storage/holdfast/fuse-free-api"
)

// Multipart uploads and changes of attributes, counted.

func (s measuredStore) SetSystem(ctx context.Context, bucket, key string, version uint64, system []api.Pair) (err error) {
	defer func(began time.Time) { s.metrics.ended(opSystem, began, err) }(time.Now())
	return s.store.SetSystem(ctx, bucket, key, version, system)
}

func (s measuredStore) CreateUpload(ctx context.Context, bucket, key string, req api.UploadRequest) (id string, err error) {
	defer func(began time.Time) { s.metrics.ended(opUpload, began, err) }(time.Now())
	return s.store.CreateUpload(ctx, bucket, key, req)
}

func (s measuredStore) Upload(ctx context.Context, bucket, key, id string) (info api.UploadInfo, err error) {
	defer func(began time.Time) { s.metrics.ended(opUpload, began, err) }(time.Now())
	return s.store.Upload(ctx, bucket, key, id)
}

func (s measuredStore) Uploads(ctx context.Context, bucket string, opts api.UploadsOptions) (page api.UploadsPage, err error) {
	defer func(began time.Time) { s.metrics.ended(opUpload, began, err) }(time.Now())
	return s.store.Uploads(ctx, bucket, opts)
}

func (s measuredStore) PutPart(ctx context.Context, bucket, key, id string, number int, body io.Reader, how api.Body) (part api.PartInfo, err error) {
	watched := &measuredBody{body: body}
	defer func(began time.Time) { s.metrics.endedPut(began, watched, err) }(time.Now())
	return s.store.PutPart(ctx, bucket, key, id, number, watched, how)
}

func (s measuredStore) Parts(ctx context.Context, bucket, key, id string, after, max int) (parts []api.PartInfo, more bool, err error) {
	defer func(began time.Time) { s.metrics.ended(opUpload, began, err) }(time.Now())
	return s.store.Parts(ctx, bucket, key, id, after, max)
}

func (s measuredStore) CompleteUpload(ctx context.Context, bucket, key, id string, req api.CompleteRequest) (info api.ObjectInfo, err error) {
	defer func(began time.Time) { s.metrics.ended(opUpload, began, err) }(time.Now())
	return s.store.CompleteUpload(ctx, bucket, key, id, req)
}

func (s measuredStore) AbortUpload(ctx context.Context, bucket, key, id string) (err error) {
	defer func(began time.Time) { s.metrics.ended(opUpload, began, err) }(time.Now())
	return s.store.AbortUpload(ctx, bucket, key, id)
}
