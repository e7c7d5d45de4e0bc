package api

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
)

// The fake store's multipart uploads.

type fakeUpload struct {
	info  UploadInfo
	parts map[int]*fakePart
}

type fakePart struct {
	info PartInfo
	body []byte
}

func (s *fakeStore) SetSystem(_ context.Context, bucket, key string, version uint64, system []Pair) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.bucket(bucket)
	if err != nil {
		return err
	}
	o := b.objects[key]
	if o == nil {
		return ErrNoSuchKey
	}
	if o.info.Version != version {
		return ErrPrecondition
	}
	changed := *o
	changed.info.System = system
	b.objects[key] = &changed
	return nil
}

func (s *fakeStore) CreateUpload(_ context.Context, bucket, key string, req UploadRequest) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.bucket(bucket)
	if err != nil {
		return "", err
	}
	s.version++
	id := fmt.Sprintf("%016x", s.version)
	b.uploads[id] = &fakeUpload{parts: map[int]*fakePart{},
		info: UploadInfo{Key: key, ID: id, Created: s.now, ContentType: req.ContentType, Meta: req.Meta, System: req.System}}
	return id, nil
}

// upload finds an upload; s.mu is held.
func (s *fakeStore) upload(bucket, key, id string) (*fakeUpload, error) {
	b, err := s.bucket(bucket)
	if err != nil {
		return nil, err
	}
	if u := b.uploads[id]; u != nil && u.info.Key == key {
		return u, nil
	}
	return nil, ErrNoSuchUpload
}

func (s *fakeStore) Upload(_ context.Context, bucket, key, id string) (UploadInfo, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.upload(bucket, key, id)
	if err != nil {
		return UploadInfo{}, err
	}
	return u.info, nil
}

func (s *fakeStore) PutPart(ctx context.Context, bucket, key, id string, number int, body io.Reader, how Body) (PartInfo, error) {
	if _, err := s.Upload(ctx, bucket, key, id); err != nil {
		return PartInfo{}, err
	}
	data, done, err := s.take(ctx, body, how)
	if err != nil {
		return PartInfo{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.upload(bucket, key, id)
	if err != nil {
		return PartInfo{}, err
	}
	p := PartInfo{Number: number, Size: int64(len(data)), ETag: done.ETag, Modified: s.now, System: done.System}
	u.parts[number] = &fakePart{info: p, body: data}
	return p, nil
}

func (s *fakeStore) Parts(_ context.Context, bucket, key, id string, after, max int) (parts []PartInfo, more bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.upload(bucket, key, id)
	if err != nil {
		return nil, false, err
	}
	for number, p := range u.parts {
		if number > after {
			parts = append(parts, p.info)
		}
	}
	slices.SortFunc(parts, func(a, b PartInfo) int { return a.Number - b.Number })
	if len(parts) > max {
		return parts[:max], true, nil
	}
	return parts, false, nil
}

func (s *fakeStore) CompleteUpload(ctx context.Context, bucket, key, id string, req CompleteRequest) (ObjectInfo, error) {
	if s.complete != nil {
		if err := s.complete(ctx); err != nil {
			return ObjectInfo{}, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.upload(bucket, key, id)
	if err != nil {
		return ObjectInfo{}, err
	}
	var parts []PartInfo
	var body []byte
	for _, number := range req.Numbers {
		p := u.parts[number]
		if p == nil {
			return ObjectInfo{}, fmt.Errorf("part %d: %w", number, ErrNoSuchPart)
		}
		parts, body = append(parts, p.info), append(body, p.body...)
	}
	done, err := req.Finish(slices.Clone(parts))
	if err != nil {
		return ObjectInfo{}, fmt.Errorf("rejected: %w", err)
	}
	b := s.buckets[bucket]
	if !req.If.met(b.objects[key]) {
		return ObjectInfo{}, ErrPrecondition
	}
	for i := range parts {
		parts[i] = PartInfo{Number: parts[i].Number, Size: parts[i].Size, System: parts[i].System}
	}
	system := u.info.System
	if len(done.System) > 0 {
		system = joinPairs(done.System, nil)
	}
	s.version++
	info := ObjectInfo{Bucket: bucket, Key: key, Size: int64(len(body)), ETag: done.ETag, ContentType: u.info.ContentType,
		Meta: u.info.Meta, System: system, Modified: s.now, Version: s.version, Parts: parts}
	b.objects[key] = &fakeObject{info: info, body: body, s: s}
	delete(b.uploads, id)
	return info, nil
}

func (s *fakeStore) AbortUpload(_ context.Context, bucket, key, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.upload(bucket, key, id); err != nil {
		return err
	}
	delete(s.buckets[bucket].uploads, id)
	return nil
}

// Uploads goes through all uploads: slow, and plainly right.
func (s *fakeStore) Uploads(_ context.Context, bucket string, opts UploadsOptions) (UploadsPage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.bucket(bucket)
	if err != nil {
		return UploadsPage{}, err
	}
	if opts.AfterID != "" && len(opts.AfterID) != 16 {
		return UploadsPage{}, ErrNoSuchUpload
	}
	var all []UploadInfo
	for _, u := range b.uploads {
		all = append(all, UploadInfo{Key: u.info.Key, ID: u.info.ID, Created: u.info.Created})
	}
	slices.SortFunc(all, func(a, b UploadInfo) int {
		return cmp.Or(strings.Compare(a.Key, b.Key), strings.Compare(a.ID, b.ID))
	})
	var page UploadsPage
	last := ""
	for _, u := range all {
		behind := u.Key > opts.AfterKey || u.Key == opts.AfterKey && opts.AfterID != "" && u.ID > opts.AfterID
		if !strings.HasPrefix(u.Key, opts.Prefix) || !behind {
			continue
		}
		prefix := ""
		if opts.Delimiter != "" {
			if i := strings.Index(u.Key[len(opts.Prefix):], opts.Delimiter); i >= 0 {
				prefix = u.Key[:len(opts.Prefix)+i+len(opts.Delimiter)]
			}
		}
		if prefix != "" && (prefix == last || prefix == opts.AfterKey) {
			continue
		}
		if len(page.Uploads)+len(page.Prefixes) == opts.Max {
			page.Truncated = true
			break
		}
		if prefix != "" {
			last = prefix
			page.Prefixes, page.NextKey, page.NextID = append(page.Prefixes, prefix), prefix, ""
		} else {
			page.Uploads, page.NextKey, page.NextID = append(page.Uploads, u), u.Key, u.ID
		}
	}
	if !page.Truncated {
		page.NextKey, page.NextID = "", ""
	}
	return page, nil
}
