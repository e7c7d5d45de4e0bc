package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// fakeStore keeps everything in a map. Hooks stand for what a real store's
// drives may do.
type fakeStore struct {
	mu      sync.Mutex
	buckets map[string]*fakeBucket
	version uint64
	now     time.Time

	waits     bool         // it reads bodies as they come
	immediate atomic.Int64 // bodies that were read without waiting

	fail         error                                        // every call gives it, if set
	panics       bool                                         // every call panics
	midBody      func(ctx context.Context)                    // behind a body's first byte
	beforePut    func(ctx context.Context)                    // after the body, before Finish
	beforeDelete func(key string) error                       // its error is Delete's
	writeTo      func(w io.Writer, body []byte) (bool, error) // replaces reading; false: read as usual
	complete     func(ctx context.Context) error              // before an upload is completed
}

type fakeBucket struct {
	created time.Time
	objects map[string]*fakeObject
	uploads map[string]*fakeUpload // by id
}

type fakeObject struct {
	info ObjectInfo
	body []byte
	s    *fakeStore
}

func newFakeStore() *fakeStore {
	return &fakeStore{buckets: map[string]*fakeBucket{}, now: time.Date(2026, 3, 4, 5, 6, 7, 891e6, time.UTC)}
}

func (s *fakeStore) enter() error {
	if s.panics {
		panic("the fake store panics")
	}
	return s.fail
}

func (s *fakeStore) bucket(name string) (*fakeBucket, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	if b := s.buckets[name]; b != nil {
		return b, nil
	}
	return nil, fmt.Errorf("bucket %q: %w", name, ErrNoSuchBucket)
}

func (s *fakeStore) CreateBucket(_ context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.enter(); err != nil {
		return err
	}
	if s.buckets[name] != nil {
		return ErrBucketExists
	}
	s.buckets[name] = &fakeBucket{created: s.now, objects: map[string]*fakeObject{}, uploads: map[string]*fakeUpload{}}
	return nil
}

func (s *fakeStore) DeleteBucket(_ context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.bucket(name)
	if err != nil {
		return err
	}
	if len(b.objects) > 0 || len(b.uploads) > 0 {
		return ErrBucketNotEmpty
	}
	delete(s.buckets, name)
	return nil
}

func (s *fakeStore) Bucket(_ context.Context, name string) (BucketInfo, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.bucket(name)
	if err != nil {
		return BucketInfo{}, err
	}
	return BucketInfo{Name: name, Created: b.created}, nil
}

func (s *fakeStore) Buckets(context.Context) ([]BucketInfo, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.enter(); err != nil {
		return nil, err
	}
	var all []BucketInfo
	for name, b := range s.buckets {
		all = append(all, BucketInfo{Name: name, Created: b.created})
	}
	slices.SortFunc(all, func(a, b BucketInfo) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// met decides a condition; o is nil if there is no object.
func (c Condition) met(o *fakeObject) bool {
	if c.IfNoneMatchAny && o != nil || o != nil && slices.Contains(c.IfNoneMatch, o.info.ETag) {
		return false
	}
	return len(c.IfMatch) == 0 || o != nil && (c.IfMatch[0] == "*" || slices.Contains(c.IfMatch, o.info.ETag))
}

// atOnce is the body read without waiting, where it can be.
func (s *fakeStore) atOnce(body io.Reader) io.Reader {
	up, ok := body.(*upload)
	if s.waits || !ok || !up.Immediate(true) {
		return body
	}
	s.immediate.Add(1)
	return &atOnce{up}
}

type atOnce struct{ *upload }

func (b *atOnce) Read(p []byte) (int, error) {
	for {
		n, err := b.upload.Read(p)
		if err != nil {
			b.Immediate(false)
		}
		if n > 0 || err != nil {
			return n, err
		}
		b.Await()
	}
}

// take reads a body as a store does.
func (s *fakeStore) take(ctx context.Context, body io.Reader, how Body) ([]byte, Finished, error) {
	var first []byte
	if s.midBody != nil {
		first = make([]byte, 1)
		n, _ := body.Read(first)
		first = first[:n]
		s.midBody(ctx)
	}
	data, err := io.ReadAll(s.atOnce(body))
	data = append(first, data...)
	if err != nil {
		return nil, Finished{}, fmt.Errorf("reading the body: %w", err)
	}
	if how.Size >= 0 && int64(len(data)) != how.Size {
		return nil, Finished{}, ErrBodySize
	}
	if how.Digest != nil {
		half := len(data) / 2
		how.Digest(data[:half])
		how.Digest(data[half:])
	}
	if s.beforePut != nil {
		s.beforePut(ctx)
	}
	done, err := how.Finish()
	if err != nil {
		return nil, Finished{}, fmt.Errorf("rejected: %w", err)
	}
	return data, done, nil
}

func joinPairs(a, b []Pair) []Pair {
	all := slices.Concat(a, b)
	slices.SortFunc(all, func(a, b Pair) int { return strings.Compare(a.Name, b.Name) })
	return all
}

func (s *fakeStore) Put(ctx context.Context, bucket, key string, body io.Reader, req PutRequest) (ObjectInfo, error) {
	if _, err := s.Bucket(ctx, bucket); err != nil {
		return ObjectInfo{}, err
	}
	data, done, err := s.take(ctx, body, req.Body)
	if err != nil {
		return ObjectInfo{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.bucket(bucket)
	if err != nil {
		return ObjectInfo{}, err
	}
	if !req.If.met(b.objects[key]) {
		return ObjectInfo{}, fmt.Errorf("put: %w", ErrPrecondition)
	}
	s.version++
	info := ObjectInfo{Bucket: bucket, Key: key, Size: int64(len(data)), ETag: done.ETag, ContentType: req.ContentType,
		Meta: req.Meta, System: joinPairs(req.System, done.System), Modified: s.now, Version: s.version}
	b.objects[key] = &fakeObject{info: info, body: data, s: s}
	return info, nil
}

func (s *fakeStore) object(bucket, key string) (*fakeObject, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.bucket(bucket)
	if err != nil {
		return nil, err
	}
	if o := b.objects[key]; o != nil {
		return o, nil
	}
	return nil, fmt.Errorf("key %q: %w", key, ErrNoSuchKey)
}

func (s *fakeStore) Stat(_ context.Context, bucket, key string) (ObjectInfo, error) {
	o, err := s.object(bucket, key)
	if err != nil {
		return ObjectInfo{}, err
	}
	return o.info, nil
}

func (s *fakeStore) Get(_ context.Context, bucket, key string) (Object, error) {
	o, err := s.object(bucket, key)
	if err != nil {
		return nil, err
	}
	return o, nil
}

func (s *fakeStore) Delete(_ context.Context, bucket, key string, cond Condition) (bool, error) {
	if s.beforeDelete != nil {
		if err := s.beforeDelete(key); err != nil {
			return false, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.bucket(bucket)
	if err != nil {
		return false, err
	}
	o := b.objects[key]
	if !cond.met(o) {
		return false, ErrPrecondition
	}
	delete(b.objects, key)
	return o != nil, nil
}

// List goes through all keys: slow, and plainly right.
func (s *fakeStore) List(_ context.Context, bucket string, opts ListOptions) (ListPage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.bucket(bucket)
	if err != nil {
		return ListPage{}, err
	}
	if opts.Max < 1 {
		return ListPage{}, errors.New("a page of nothing was asked for")
	}
	var keys []string
	for key := range b.objects {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	var page ListPage
	last := ""
	for _, key := range keys {
		if !strings.HasPrefix(key, opts.Prefix) || key <= opts.After {
			continue
		}
		entry, isPrefix := key, false
		if opts.Delimiter != "" {
			if i := strings.Index(key[len(opts.Prefix):], opts.Delimiter); i >= 0 {
				entry, isPrefix = key[:len(opts.Prefix)+i+len(opts.Delimiter)], true
			}
		}
		if isPrefix && (entry == last || entry == opts.After) {
			continue
		}
		if len(page.Objects)+len(page.Prefixes) == opts.Max {
			page.Truncated, page.Next = true, last
			break
		}
		last = entry
		if isPrefix {
			page.Prefixes = append(page.Prefixes, entry)
		} else {
			page.Objects = append(page.Objects, b.objects[key].info)
		}
	}
	return page, nil
}

func (o *fakeObject) Info() ObjectInfo { return o.info }
func (o *fakeObject) Close()           {}

func (o *fakeObject) WriteTo(_ context.Context, w io.Writer, off, n int64) error {
	if o.s.writeTo != nil {
		if done, err := o.s.writeTo(w, o.body[off:off+n]); done {
			return err
		}
	}
	_, err := w.Write(o.body[off : off+n])
	return err
}
