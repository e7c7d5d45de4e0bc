package main

import (
	"context"
	"io"

	"github.com/holdfast-storage/holdfast/blockstore"
	api "github.com/holdfast-storage/holdfast/fuse-free-api"
)

// Multipart uploads and changes of what is kept with an object, copied from the edge's words into the engine's.

func (s poolStore) SetSystem(ctx context.Context, bucket, key string, version uint64, system []api.Pair) error {
	return toEdge(s.pool.SetSystem(ctx, bucket, key, version, fromPairs(system)))
}

func (s poolStore) CreateUpload(ctx context.Context, bucket, key string, req api.UploadRequest) (id string, err error) {
	id, err = s.pool.CreateUpload(ctx, bucket, key, blockstore.UploadOptions{
		ContentType: req.ContentType, Meta: fromPairs(req.Meta), System: fromPairs(req.System),
	})
	return id, toEdge(err)
}

func (s poolStore) Upload(ctx context.Context, bucket, key, id string) (api.UploadInfo, error) {
	u, err := s.pool.Upload(ctx, bucket, key, id)
	return toUpload(u), toEdge(err)
}

func (s poolStore) Uploads(ctx context.Context, bucket string, opts api.UploadsOptions) (api.UploadsPage, error) {
	p, err := s.pool.Uploads(ctx, bucket, blockstore.UploadsOptions(opts))
	page := api.UploadsPage{Prefixes: p.Prefixes, NextKey: p.NextKey, NextID: p.NextID, Truncated: p.Truncated}
	for _, u := range p.Uploads {
		page.Uploads = append(page.Uploads, toUpload(u))
	}
	return page, toEdge(err)
}

func (s poolStore) PutPart(ctx context.Context, bucket, key, id string, number int, body io.Reader, how api.Body) (api.PartInfo, error) {
	part, err := s.pool.PutPart(ctx, bucket, key, id, number, body, blockstore.PartOptions{
		Size: how.Size, Digest: how.Digest, Finish: fromFinish(how.Finish),
	})
	return toPart(part), toEdge(err)
}

func (s poolStore) Parts(ctx context.Context, bucket, key, id string, after, max int) (parts []api.PartInfo, more bool, err error) {
	list, more, err := s.pool.Parts(ctx, bucket, key, id, after, max)
	return toParts(list), more, toEdge(err)
}

func (s poolStore) CompleteUpload(ctx context.Context, bucket, key, id string, req api.CompleteRequest) (api.ObjectInfo, error) {
	opt := blockstore.CompleteOptions{Numbers: req.Numbers, If: fromCondition(req.If)}
	if req.Finish != nil {
		opt.Finish = func(parts []blockstore.PartInfo) (blockstore.Finished, error) {
			done, err := req.Finish(toParts(parts))
			return fromFinished(done), err
		}
	}
	info, err := s.pool.CompleteUpload(ctx, bucket, key, id, opt)
	return toInfo(info), toEdge(err)
}

func (s poolStore) AbortUpload(ctx context.Context, bucket, key, id string) error {
	return toEdge(s.pool.AbortUpload(ctx, bucket, key, id))
}

func toUpload(u blockstore.UploadInfo) api.UploadInfo {
	return api.UploadInfo{
		Key: u.Key, ID: u.ID, Created: u.Created, ContentType: u.ContentType, Meta: toPairs(u.Meta), System: toPairs(u.System),
	}
}

func toPart(p blockstore.PartInfo) api.PartInfo {
	return api.PartInfo{Number: p.Number, Size: p.Size, ETag: p.ETag, Modified: p.Modified, System: toPairs(p.System)}
}

func toParts(parts []blockstore.PartInfo) []api.PartInfo {
	list := make([]api.PartInfo, len(parts))
	for i, p := range parts {
		list[i] = toPart(p)
	}
	return list
}

func fromFinish(finish func() (api.Finished, error)) func() (blockstore.Finished, error) {
	if finish == nil {
		return nil
	}
	return func() (blockstore.Finished, error) {
		done, err := finish()
		return fromFinished(done), err
	}
}

func fromFinished(done api.Finished) blockstore.Finished {
	return blockstore.Finished{ETag: done.ETag, System: fromPairs(done.System)}
}
