package main

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	api "github.com/holdfast-storage/holdfast/fuse-free-api"
)

// memoryStore is the simplest thing behind the HTTP edge: it lets the command line be tested without a pool.
type memoryStore struct {
	api.Store // none: of multipart uploads this store knows nothing
	mu        sync.Mutex
	buckets   map[string]map[string]memoryObject
}

type memoryObject struct {
	info api.ObjectInfo
	body []byte
}

// newMemoryEdge is the real edge over an empty memoryStore.
func newMemoryEdge(access, secret string) http.Handler {
	server, err := api.New(api.Options{
		Store: &memoryStore{buckets: make(map[string]map[string]memoryObject)},
		Admin: memoryAdmin{}, AccessKey: access, SecretKey: secret,
	})
	if err != nil {
		panic(err)
	}
	return server.ObjectHandler()
}

// memoryAdmin knows nothing of drives: the object listener does not ask.
type memoryAdmin struct{ api.Admin }

func (memoryAdmin) Status(context.Context) (any, error) { return statusReport{}, nil }
func (memoryAdmin) Ready(context.Context) error         { return nil }

func (s *memoryStore) CreateBucket(_ context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.buckets[name] != nil {
		return api.ErrBucketExists
	}
	s.buckets[name] = make(map[string]memoryObject)
	return nil
}

func (s *memoryStore) DeleteBucket(_ context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch objects, found := s.buckets[name]; {
	case !found:
		return api.ErrNoSuchBucket
	case len(objects) > 0:
		return api.ErrBucketNotEmpty
	}
	delete(s.buckets, name)
	return nil
}

func (s *memoryStore) Bucket(_ context.Context, name string) (api.BucketInfo, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.buckets[name] == nil {
		return api.BucketInfo{}, api.ErrNoSuchBucket
	}
	return api.BucketInfo{Name: name, Created: time.Unix(0, 0)}, nil
}

func (s *memoryStore) Buckets(context.Context) (list []api.BucketInfo, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(s.buckets)) {
		list = append(list, api.BucketInfo{Name: name, Created: time.Unix(0, 0)})
	}
	return list, nil
}

func (s *memoryStore) Put(_ context.Context, bucket, key string, body io.Reader, req api.PutRequest) (api.ObjectInfo, error) {
	content, err := io.ReadAll(body)
	if err != nil {
		return api.ObjectInfo{}, err
	}
	info := api.ObjectInfo{Bucket: bucket, Key: key, Size: int64(len(content)), ContentType: req.ContentType, Meta: req.Meta, System: req.System, Modified: time.Unix(1e9, 0)}
	if req.Digest != nil {
		req.Digest(content)
	}
	done, err := req.Finish()
	if err != nil {
		return api.ObjectInfo{}, err
	}
	info.ETag = done.ETag
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.buckets[bucket] == nil {
		return api.ObjectInfo{}, api.ErrNoSuchBucket
	}
	s.buckets[bucket][key] = memoryObject{info, content}
	return info, nil
}

func (s *memoryStore) look(bucket, key string) (memoryObject, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	objects, found := s.buckets[bucket]
	if !found {
		return memoryObject{}, api.ErrNoSuchBucket
	}
	o, found := objects[key]
	if !found {
		return memoryObject{}, api.ErrNoSuchKey
	}
	return o, nil
}

func (s *memoryStore) Stat(_ context.Context, bucket, key string) (api.ObjectInfo, error) {
	o, err := s.look(bucket, key)
	return o.info, err
}

func (s *memoryStore) Get(_ context.Context, bucket, key string) (api.Object, error) {
	o, err := s.look(bucket, key)
	if err != nil {
		return nil, err
	}
	return o, nil
}

func (o memoryObject) Info() api.ObjectInfo { return o.info }
func (o memoryObject) Close()               {}
func (o memoryObject) WriteTo(_ context.Context, w io.Writer, off, n int64) error {
	_, err := io.Copy(w, bytes.NewReader(o.body[off:off+n]))
	return err
}

func (s *memoryStore) Delete(_ context.Context, bucket, key string, _ api.Condition) (bool, error) {
	_, err := s.look(bucket, key)
	if err != nil {
		return false, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.buckets[bucket], key)
	return true, nil
}

func (s *memoryStore) List(_ context.Context, bucket string, opts api.ListOptions) (page api.ListPage, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	objects, found := s.buckets[bucket]
	if !found {
		return page, api.ErrNoSuchBucket
	}
	for _, key := range slices.Sorted(maps.Keys(objects)) {
		name := key
		rest, isBelow := strings.CutPrefix(key, opts.Prefix)
		if head, _, cut := strings.Cut(rest, opts.Delimiter); cut && opts.Delimiter != "" {
			name = opts.Prefix + head + opts.Delimiter
		}
		last := ""
		if n := len(page.Prefixes); n > 0 {
			last = page.Prefixes[n-1]
		}
		switch {
		case !isBelow || name <= opts.After || name == last:
			continue
		case len(page.Objects)+len(page.Prefixes) == opts.Max:
			page.Truncated = true
			return page, nil
		case name != key:
			page.Prefixes = append(page.Prefixes, name)
		default:
			page.Objects = append(page.Objects, objects[key].info)
		}
		page.Next = name
	}
	return page, nil
}
