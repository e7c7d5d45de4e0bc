package clients

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/tags"
)

// minioGo is minio-go, which mc, warp and restic are made with. Over plain HTTP it signs each chunk of a body.
type minioGo struct {
	*minio.Client
	d      *daemon
	bucket string
}

func TestMinioGo(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, d *daemon) {
		for _, c := range []struct {
			name string
			test func(*minioGo, *testing.T)
		}{
			{"buckets", (*minioGo).buckets},
			{"round-trips", (*minioGo).roundTrips},
			{"round-trips-with-trailers", (*minioGo).roundTripsWithTrailers},
			{"streams", (*minioGo).streams},
			{"files", (*minioGo).files},
			{"odd-keys", (*minioGo).oddKeys},
			{"attributes", (*minioGo).attributes},
			{"listing", (*minioGo).listing},
			{"checksums", (*minioGo).checksums},
			{"copy-compose", (*minioGo).compose},
			{"multipart", (*minioGo).multipart},
			{"presigned", (*minioGo).presigned},
			{"ranges", (*minioGo).ranges},
			{"conditions", (*minioGo).conditions},
			{"tagging", (*minioGo).tagging},
		} {
			m := &minioGo{Client: newMinio(t, d, false), d: d, bucket: "minio-" + c.name}
			t.Run(c.name, func(t *testing.T) {
				if err := m.MakeBucket(t.Context(), m.bucket, minio.MakeBucketOptions{}); err != nil {
					t.Fatal(err)
				}
				c.test(m, t)
			})
		}
	})
}

// newMinio makes a client with what a program has to give. To put checksums into trailers is an option of minio-go's,
// without which it sends none that it is asked for.
func newMinio(t testing.TB, d *daemon, trailers bool) *minio.Client {
	t.Helper()
	client, err := minio.New(d.address(), &minio.Options{Creds: credentials.NewStaticV4(accessKey, secretKey, ""), Secure: d.tls(), Transport: d.transport(),
		TrailingHeaders: trailers})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func (m *minioGo) put(t testing.TB, key string, body []byte) minio.UploadInfo {
	t.Helper()
	info, err := m.PutObject(t.Context(), m.bucket, key, bytes.NewReader(body), int64(len(body)), minio.PutObjectOptions{})
	if err != nil {
		t.Fatalf("put %q: %v", key, err)
	}
	return info
}

func (m *minioGo) wantObject(t testing.TB, key string, body []byte) {
	t.Helper()
	object, err := m.GetObject(t.Context(), m.bucket, key, minio.GetObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer object.Close()
	got, err := io.ReadAll(object)
	if err != nil {
		t.Fatalf("get %q: %v", key, err)
	}
	if sum(got) != sum(body) {
		t.Errorf("%q: %d bytes came back for %d, and differ", key, len(got), len(body))
	}
}

// wantMinioCode wants an error with that code of S3.
func wantMinioCode(t testing.TB, err error, code string) {
	t.Helper()
	if got := minio.ToErrorResponse(err).Code; err == nil || got != code {
		t.Errorf("want %s, got %s: %v", code, got, err)
	}
}

func (m *minioGo) buckets(t *testing.T) {
	ctx := t.Context()
	wantMinioCode(t, m.MakeBucket(ctx, m.bucket, minio.MakeBucketOptions{Region: region}), "BucketAlreadyOwnedByYou")
	if there, err := m.BucketExists(ctx, m.bucket); err != nil || !there {
		t.Errorf("exists: %v, %v", there, err)
	}
	if there, err := m.BucketExists(ctx, "minio-nowhere"); err != nil || there {
		t.Errorf("nowhere exists: %v, %v", there, err)
	}
	if location, err := m.GetBucketLocation(ctx, m.bucket); err != nil || location != region {
		t.Errorf("location %q, %v", location, err)
	}
	all, err := m.ListBuckets(ctx)
	if err != nil || !slices.ContainsFunc(all, func(b minio.BucketInfo) bool { return b.Name == m.bucket }) {
		t.Errorf("buckets %v, %v", all, err)
	}
	m.put(t, "in the way", nil)
	wantMinioCode(t, m.RemoveBucket(ctx, m.bucket), "BucketNotEmpty")
	if err := m.RemoveObject(ctx, m.bucket, "in the way", minio.RemoveObjectOptions{}); err != nil {
		t.Error(err)
	}
	if err := m.RemoveBucket(ctx, m.bucket); err != nil {
		t.Error(err)
	}
	_, err = m.StatObject(ctx, m.bucket, "x", minio.StatObjectOptions{})
	wantMinioCode(t, err, "NoSuchBucket")
	versioning, err := m.GetBucketVersioning(ctx, "minio-listing-not-there")
	wantMinioCode(t, err, "NoSuchBucket")
	if versioning.Status != "" {
		t.Errorf("versioning %+v", versioning)
	}
}

func (m *minioGo) roundTrips(t *testing.T) {
	for i, size := range sizes() {
		key, body := fmt.Sprintf("size-%d", size), content(size, byte(i))
		m.put(t, key, body)
		m.wantObject(t, key, body)
	}
	body := content(large, 2)
	if _, err := m.PutObject(t.Context(), m.bucket, "whole", bytes.NewReader(body), large, minio.PutObjectOptions{DisableMultipart: true}); err != nil {
		t.Fatal(err)
	}
	m.wantObject(t, "whole", body)
	if _, err := m.PutObject(t.Context(), m.bucket, "hashed", bytes.NewReader(body[:9<<20]), 9<<20, minio.PutObjectOptions{SendContentMd5: true, PartSize: 5 << 20, NumThreads: 3}); err != nil {
		t.Fatal(err)
	}
	m.wantObject(t, "hashed", body[:9<<20])
}

func (m *minioGo) roundTripsWithTrailers(t *testing.T) {
	m.Client = newMinio(t, m.d, true)
	m.roundTrips(t)
}

// streams puts bodies of a length that is not known, and ones that cannot be read twice.
func (m *minioGo) streams(t *testing.T) {
	for i, size := range sizes()[:5] {
		key, body := fmt.Sprintf("stream-%d", size), content(size, byte(i))
		for _, announced := range []int64{-1, int64(size)} {
			if _, err := m.PutObject(t.Context(), m.bucket, key, io.MultiReader(bytes.NewReader(body)), announced, minio.PutObjectOptions{PartSize: 5 << 20}); err != nil {
				t.Fatalf("%s as %d: %v", key, announced, err)
			}
			m.wantObject(t, key, body)
		}
	}
}

func (m *minioGo) files(t *testing.T) {
	dir := t.TempDir()
	for _, name := range makeSizes(t, filepath.Join(dir, "up")) {
		up, down := filepath.Join(dir, "up", name), filepath.Join(dir, "down", name)
		if _, err := m.FPutObject(t.Context(), m.bucket, name, up, minio.PutObjectOptions{ContentType: "a/b"}); err != nil {
			t.Fatal(err)
		}
		if err := m.FGetObject(t.Context(), m.bucket, name, down, minio.GetObjectOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	sameTree(t, filepath.Join(dir, "up"), filepath.Join(dir, "down"))
}

func (m *minioGo) oddKeys(t *testing.T) {
	ctx := t.Context()
	var want []string
	for _, key := range oddKeys() {
		_, err := m.PutObject(ctx, m.bucket, key, strings.NewReader(key), int64(len(key)), minio.PutObjectOptions{})
		if err != nil {
			t.Errorf("put %q: %v", key, err)
			continue
		}
		want = append(want, key)
		m.wantObject(t, key, []byte(key))
	}
	slices.Sort(want)
	for _, v1 := range []bool{false, true} {
		var got []string
		for object := range m.ListObjects(ctx, m.bucket, minio.ListObjectsOptions{Recursive: true, UseV1: v1, MaxKeys: 5}) {
			if object.Err != nil {
				t.Fatal(object.Err)
			}
			got = append(got, object.Key)
		}
		if !slices.Equal(got, want) {
			t.Errorf("v1 %v lists %q, want %q", v1, got, want)
		}
	}
	objects := make(chan minio.ObjectInfo, len(want))
	for _, key := range want {
		if !strings.ContainsAny(key, "\x01\uffff") { // no XML can name these
			objects <- minio.ObjectInfo{Key: key}
		}
	}
	close(objects)
	for failed := range m.RemoveObjects(ctx, m.bucket, objects, minio.RemoveObjectsOptions{}) {
		t.Errorf("delete %q: %v", failed.ObjectName, failed.Err)
	}
	left := 0
	for range m.ListObjects(ctx, m.bucket, minio.ListObjectsOptions{Recursive: true}) {
		left++
	}
	if left != 2 {
		t.Errorf("%d keys are left, want the 2 that no XML can name", left)
	}
}

func (m *minioGo) attributes(t *testing.T) {
	ctx := t.Context()
	options := minio.PutObjectOptions{ContentType: "text/x-odd; charset=utf-8", ContentEncoding: "gzip", CacheControl: "no-store", ContentLanguage: "de",
		ContentDisposition: `inline; filename="a b"`, Expires: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), UserMetadata: map[string]string{"colour": "dark blue"}, UserTags: map[string]string{"a": "b c"}}
	if _, err := m.PutObject(ctx, m.bucket, "x", strings.NewReader("not really packed"), 17, options); err != nil {
		t.Fatal(err)
	}
	info, err := m.StatObject(ctx, m.bucket, "x", minio.StatObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"Content-Type": options.ContentType, "Content-Encoding": "gzip", "Cache-Control": "no-store", "Content-Language": "de",
		"Content-Disposition": options.ContentDisposition, "X-Amz-Meta-Colour": "dark blue"} {
		got := info.Metadata.Get(name)
		if name == "Content-Type" {
			got = info.ContentType
		}
		if got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if info.UserTagCount != 1 || info.Size != 17 || !info.Expires.Equal(options.Expires) {
		t.Errorf("%+v", info)
	}
}

func (m *minioGo) listing(t *testing.T) {
	ctx := t.Context()
	var want []string
	for i := range 1005 {
		key := fmt.Sprintf("folder %d/%04d+", i%5, i)
		want = append(want, key)
		if _, err := m.PutObject(ctx, m.bucket, key, strings.NewReader("x"), 1, minio.PutObjectOptions{UserMetadata: map[string]string{"n": "1"}}); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(want)
	for _, options := range []minio.ListObjectsOptions{{}, {UseV1: true}, {WithVersions: true}, {StartAfter: want[0]}, {MaxKeys: 10}} {
		options.Recursive = true
		var got []string
		for object := range m.ListObjects(ctx, m.bucket, options) {
			if object.Err != nil {
				t.Fatal(object.Err)
			}
			if options.WithVersions && (object.VersionID != "null" || !object.IsLatest) {
				t.Errorf("%+v", object)
			}
			got = append(got, object.Key)
		}
		expected := want
		if options.StartAfter != "" {
			expected = want[1:]
		}
		if !slices.Equal(got, expected) {
			t.Errorf("%+v lists %d keys, want %d", options, len(got), len(expected))
		}
	}
	var folders []string
	for object := range m.ListObjects(ctx, m.bucket, minio.ListObjectsOptions{}) {
		folders = append(folders, object.Key)
	}
	if got := strings.Join(folders, "|"); got != "folder 0/|folder 1/|folder 2/|folder 3/|folder 4/" {
		t.Errorf("folders %q", got)
	}
	objects := make(chan minio.ObjectInfo)
	go func() { // ends when RemoveObjects has taken all
		defer close(objects)
		for _, key := range want {
			objects <- minio.ObjectInfo{Key: key}
		}
	}()
	for failed := range m.RemoveObjects(ctx, m.bucket, objects, minio.RemoveObjectsOptions{}) {
		t.Errorf("delete %q: %v", failed.ObjectName, failed.Err)
	}
	if err := m.RemoveBucket(ctx, m.bucket); err != nil {
		t.Error(err)
	}
}

// checksums asks for each of them, in one piece and in parts, over the whole where that is possible.
func (m *minioGo) checksums(t *testing.T) {
	m.Client = newMinio(t, m.d, true)
	ctx := t.Context()
	body := content(11<<20, 13)
	for _, checksum := range []minio.ChecksumType{minio.ChecksumCRC32, minio.ChecksumCRC32C, minio.ChecksumCRC64NVME, minio.ChecksumSHA1, minio.ChecksumSHA256,
		minio.ChecksumFullObjectCRC32, minio.ChecksumFullObjectCRC32C} {
		for _, size := range []int{100, len(body)} {
			key := fmt.Sprintf("%s of %d", checksum.String(), size)
			_, err := m.PutObject(ctx, m.bucket, key, bytes.NewReader(body[:size]), int64(size), minio.PutObjectOptions{Checksum: checksum, PartSize: 5 << 20})
			if err != nil {
				t.Errorf("%s: %v", key, err)
				continue
			}
			m.wantObject(t, key, body[:size])
			info, err := m.StatObject(ctx, m.bucket, key, minio.StatObjectOptions{Checksum: true})
			kept := info.ChecksumCRC32 + info.ChecksumCRC32C + info.ChecksumCRC64NVME + info.ChecksumSHA1 + info.ChecksumSHA256
			if err != nil || kept == "" {
				t.Errorf("%s: no checksum is kept, %v: %+v", key, err, info)
			}
			attributes, err := m.GetObjectAttributes(ctx, m.bucket, key, minio.ObjectAttributesOptions{})
			if err != nil || attributes.ObjectSize != size {
				t.Errorf("%s: %+v, %v", key, attributes, err)
			}
		}
	}
}

func (m *minioGo) compose(t *testing.T) {
	ctx := t.Context()
	a, b := content(6<<20, 14), content(3<<20, 15)
	m.put(t, "a + a", a)
	m.put(t, "b", b)
	source := func(key string) minio.CopySrcOptions { return minio.CopySrcOptions{Bucket: m.bucket, Object: key} }
	if _, err := m.CopyObject(ctx, minio.CopyDestOptions{Bucket: m.bucket, Object: "copy", ReplaceMetadata: true, UserMetadata: map[string]string{"colour": "red"}}, source("a + a")); err != nil {
		t.Fatal(err)
	}
	m.wantObject(t, "copy", a)
	if _, err := m.ComposeObject(ctx, minio.CopyDestOptions{Bucket: m.bucket, Object: "composed"}, source("a + a"), source("b")); err != nil {
		t.Fatal(err)
	}
	m.wantObject(t, "composed", slices.Concat(a, b))
	part := source("a + a")
	part.MatchRange, part.Start, part.End = true, 100, 6<<20-1
	if _, err := m.ComposeObject(ctx, minio.CopyDestOptions{Bucket: m.bucket, Object: "part"}, part, source("b")); err != nil {
		t.Fatal(err)
	}
	m.wantObject(t, "part", slices.Concat(a[100:], b))
	gone := source("gone")
	_, err := m.CopyObject(ctx, minio.CopyDestOptions{Bucket: m.bucket, Object: "x"}, gone)
	wantMinioCode(t, err, "NoSuchKey")
}

func (m *minioGo) multipart(t *testing.T) {
	ctx := t.Context()
	core := minio.Core{Client: m.Client}
	id, err := core.NewMultipartUpload(ctx, m.bucket, "a b", minio.PutObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	body := content(5<<20+9, 16)
	var parts []minio.CompletePart
	for n, piece := range [][]byte{body[:5<<20], body[5<<20:]} {
		part, err := core.PutObjectPart(ctx, m.bucket, "a b", id, n+1, bytes.NewReader(piece), int64(len(piece)), minio.PutObjectPartOptions{})
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, minio.CompletePart{PartNumber: n + 1, ETag: part.ETag})
	}
	var unfinished []string
	for upload := range m.ListIncompleteUploads(ctx, m.bucket, "", true) {
		if upload.Err != nil {
			t.Fatal(upload.Err)
		}
		unfinished = append(unfinished, upload.Key)
	}
	if !slices.Equal(unfinished, []string{"a b"}) {
		t.Errorf("unfinished: %q", unfinished)
	}
	if _, err := core.CompleteMultipartUpload(ctx, m.bucket, "a b", id, parts, minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	m.wantObject(t, "a b", body)
	if id, err = core.NewMultipartUpload(ctx, m.bucket, "left", minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := m.RemoveIncompleteUpload(ctx, m.bucket, "left"); err != nil {
		t.Fatal(err)
	}
	wantMinioCode(t, core.AbortMultipartUpload(ctx, m.bucket, "left", id), "NoSuchUpload")
}

func (m *minioGo) presigned(t *testing.T) {
	ctx := t.Context()
	key, body := "with space+plus/ü%.txt", content(1000, 17)
	send := func(method string, u *url.URL, body []byte) (*http.Response, []byte) {
		t.Helper()
		resp, text, err := m.d.plain(ctx, method, u.String(), nil, bytes.NewReader(body), int64(len(body)))
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("presigned %s: %v, %v, %s", method, resp, err, text)
		}
		return resp, text
	}
	put, err := m.PresignedPutObject(ctx, m.bucket, key, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	send(http.MethodPut, put, body)
	get, err := m.PresignedGetObject(ctx, m.bucket, key, 7*24*time.Hour, url.Values{"response-content-type": {"a/b"}})
	if err != nil {
		t.Fatal(err)
	}
	resp, text := send(http.MethodGet, get, nil)
	if sum(text) != sum(body) || resp.Header.Get("Content-Type") != "a/b" {
		t.Errorf("presigned GET gives %d bytes of %s", len(text), resp.Header.Get("Content-Type"))
	}
	head, err := m.PresignedHeadObject(ctx, m.bucket, key, time.Minute, nil)
	if err != nil {
		t.Fatal(err)
	}
	send(http.MethodHead, head, nil)
}

func (m *minioGo) ranges(t *testing.T) {
	ctx, body := t.Context(), content(6<<20, 18)
	m.put(t, "x", body)
	object, err := m.GetObject(ctx, m.bucket, "x", minio.GetObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer object.Close()
	for _, at := range []int64{0, 5<<20 - 3, 100, 6<<20 - 10} {
		got := make([]byte, 10)
		if _, err := object.ReadAt(got, at); err != nil && err != io.EOF || !bytes.Equal(got, body[at:at+10]) {
			t.Errorf("at %d: %v", at, err)
		}
	}
	if _, err := object.Seek(-5, io.SeekEnd); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(object); err != nil || !bytes.Equal(got, body[len(body)-5:]) {
		t.Errorf("the end: %x, %v", got, err)
	}
}

func (m *minioGo) conditions(t *testing.T) {
	put := func(ctx context.Context, set func(*minio.PutObjectOptions)) (minio.UploadInfo, error) {
		var options minio.PutObjectOptions
		set(&options)
		return m.PutObject(ctx, m.bucket, "x", strings.NewReader("x"), 1, options)
	}
	ctx := t.Context()
	first, err := put(ctx, func(o *minio.PutObjectOptions) { o.SetMatchETagExcept("*") })
	if err != nil {
		t.Fatal(err)
	}
	_, err = put(ctx, func(o *minio.PutObjectOptions) { o.SetMatchETagExcept("*") })
	wantMinioCode(t, err, "PreconditionFailed")
	if _, err := put(ctx, func(o *minio.PutObjectOptions) { o.SetMatchETag(first.ETag) }); err != nil {
		t.Error(err)
	}
	_, err = put(ctx, func(o *minio.PutObjectOptions) { o.SetMatchETag("0123") })
	wantMinioCode(t, err, "PreconditionFailed")
	var options minio.GetObjectOptions
	if err := options.SetMatchETag("0123"); err != nil {
		t.Fatal(err)
	}
	_, err = m.StatObject(ctx, m.bucket, "x", options)
	wantMinioCode(t, err, "PreconditionFailed")
}

func (m *minioGo) tagging(t *testing.T) {
	ctx := t.Context()
	m.put(t, "x", nil)
	set, err := tags.NewTags(map[string]string{"a": "1 2", "b": "x/y"}, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.PutObjectTagging(ctx, m.bucket, "x", set, minio.PutObjectTaggingOptions{}); err != nil {
		t.Fatal(err)
	}
	got, err := m.GetObjectTagging(ctx, m.bucket, "x", minio.GetObjectTaggingOptions{})
	if err != nil || got.String() != set.String() {
		t.Errorf("tags %v, %v", got, err)
	}
	if err := m.RemoveObjectTagging(ctx, m.bucket, "x", minio.RemoveObjectTaggingOptions{}); err != nil {
		t.Error(err)
	}
	if got, err := m.GetObjectTagging(ctx, m.bucket, "x", minio.GetObjectTaggingOptions{}); err == nil && got.Count() != 0 {
		t.Errorf("tags %v, %v", got, err)
	}
}
