package clients

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/s3/manager"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"
)

func (c *awsGo) roundTrips(t *testing.T) {
	for i, size := range sizes() {
		key, body := fmt.Sprintf("size-%d", size), content(size, byte(i))
		c.put(t, key, body)
		c.wantObject(t, key, body)
		head, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &c.bucket, Key: &key})
		if err != nil || aws.ToInt64(head.ContentLength) != int64(size) {
			t.Errorf("head %s: %+v, %v", key, head, err)
		}
	}
}

// managers transfers with the two libraries that split large objects.
func (c *awsGo) managers(t *testing.T) {
	ctx := t.Context()
	old, now := manager.NewUploader(c.Client), transfermanager.New(c.Client)
	for i, size := range sizes() {
		body := content(size, byte(i))
		key := fmt.Sprintf("manager-%d", size)
		// A reader that cannot seek: the manager has to buffer, and still knows each part's hash.
		if _, err := old.Upload(ctx, &s3.PutObjectInput{Bucket: &c.bucket, Key: &key, Body: io.MultiReader(bytes.NewReader(body))}); err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		got := manager.NewWriteAtBuffer(make([]byte, 0, size))
		if _, err := manager.NewDownloader(c.Client).Download(ctx, got, &s3.GetObjectInput{Bucket: &c.bucket, Key: &key}); err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		if sum(got.Bytes()) != sum(body) {
			t.Errorf("%s came back as another", key)
		}

		key = fmt.Sprintf("transfermanager-%d", size)
		if _, err := now.UploadObject(ctx, &transfermanager.UploadObjectInput{Bucket: &c.bucket, Key: &key, Body: io.MultiReader(bytes.NewReader(body))}); err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		got = manager.NewWriteAtBuffer(make([]byte, 0, size))
		if _, err := now.DownloadObject(ctx, &transfermanager.DownloadObjectInput{Bucket: &c.bucket, Key: &key, WriterAt: got}); err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		if sum(got.Bytes()) != sum(body) {
			t.Errorf("%s came back as another", key)
		}
	}
}

// streams puts bodies that cannot be read twice. Over TLS the SDK sends them with a checksum in the trailer; over plain
// HTTP it refuses by itself, which no server can change.
func (c *awsGo) streams(t *testing.T) {
	if !c.d.tls() {
		t.Log("over plain HTTP the SDK does not send a body that it cannot read twice")
		return
	}
	for i, size := range sizes() {
		key, body := fmt.Sprintf("stream-%d", size), content(size, byte(i))
		_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &c.bucket, Key: &key,
			Body: io.MultiReader(bytes.NewReader(body)), ContentLength: aws.Int64(int64(size))})
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		c.wantObject(t, key, body)
		head, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &c.bucket, Key: &key})
		if err != nil || strings.Contains(aws.ToString(head.ContentEncoding), "aws-chunked") {
			t.Errorf("%s: %+v, %v", key, head, err)
		}
	}
}

func (c *awsGo) oddKeys(t *testing.T) {
	ctx := t.Context()
	for i, key := range oddKeys() {
		c.put(t, key, []byte(fmt.Sprint(i)))
	}
	for i, key := range oddKeys() {
		if got := string(c.get(t, key)); got != fmt.Sprint(i) {
			t.Errorf("%q holds %q, want %d", key, got, i)
		}
	}
	want := oddKeys()
	slices.Sort(want)
	for _, size := range []int32{1000, 7, 1} {
		var got []string
		pages := s3.NewListObjectsV2Paginator(c, &s3.ListObjectsV2Input{Bucket: &c.bucket, MaxKeys: &size, EncodingType: types.EncodingTypeUrl})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for _, object := range page.Contents {
				key, err := url.QueryUnescape(*object.Key)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, key)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("pages of %d list %q, want %q", size, got, want)
		}
	}
	// Moved and deleted by name, too.
	for _, key := range oddKeys() {
		if len(key) == 1024 {
			continue // a longer name would be too long
		}
		source, target := c.bucket+"/"+strings.ReplaceAll(url.QueryEscape(key), "+", "%20"), "copied/"+key
		if _, err := c.CopyObject(ctx, &s3.CopyObjectInput{Bucket: &c.bucket, Key: &target, CopySource: &source}); err != nil {
			t.Errorf("copy of %q: %v", key, err)
		}
	}
	var all []types.ObjectIdentifier
	for _, key := range oddKeys() {
		if !strings.ContainsAny(key, "\x01\uffff") { // no XML can name these
			all = append(all, types.ObjectIdentifier{Key: &key})
		}
	}
	out, err := c.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: &c.bucket, Delete: &types.Delete{Objects: all}})
	if err != nil || len(out.Errors) > 0 || len(out.Deleted) != len(all) {
		t.Errorf("deleting %d: %+v, %v", len(all), out, err)
	}
	left, err := c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &c.bucket, EncodingType: types.EncodingTypeUrl, StartAfter: aws.String("copied0")})
	if err != nil || len(left.Contents) > 2 {
		t.Errorf("left behind: %+v, %v", left, err)
	}
}

func (c *awsGo) attributes(t *testing.T) {
	ctx := t.Context()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	fmt.Fprint(w, strings.Repeat("packed ", 1000))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	meta := map[string]string{"colour": "blue", "with-dash": "a, b; c=d", "number": "007"}
	_, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: &c.bucket, Key: aws.String("packed"), Body: bytes.NewReader(packed.Bytes()),
		ContentType: aws.String("text/plain; charset=utf-8"), ContentEncoding: aws.String("gzip"), CacheControl: aws.String("max-age=60"),
		ContentDisposition: aws.String(`attachment; filename="x y.txt"`), ContentLanguage: aws.String("de"), Metadata: meta})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time of a copy
		head, err := c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &c.bucket, Key: aws.String("packed")})
		if err != nil {
			t.Fatal(err)
		}
		got := []string{*head.ContentType, aws.ToString(head.ContentEncoding), aws.ToString(head.CacheControl), aws.ToString(head.ContentDisposition), aws.ToString(head.ContentLanguage)}
		if want := []string{"text/plain; charset=utf-8", "gzip", "max-age=60", `attachment; filename="x y.txt"`, "de"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if fmt.Sprint(head.Metadata) != fmt.Sprint(meta) {
			t.Errorf("got %v, want %v", head.Metadata, meta)
		}
		if *head.ContentLength != int64(packed.Len()) {
			t.Errorf("%d bytes, want the packed %d", *head.ContentLength, packed.Len())
		}
		if _, err := c.CopyObject(ctx, &s3.CopyObjectInput{Bucket: &c.bucket, Key: aws.String("packed"), CopySource: aws.String(c.bucket + "/packed"),
			MetadataDirective: types.MetadataDirectiveReplace, ContentType: head.ContentType, ContentEncoding: head.ContentEncoding,
			CacheControl: head.CacheControl, ContentDisposition: head.ContentDisposition, ContentLanguage: head.ContentLanguage, Metadata: head.Metadata}); err != nil {
			t.Fatal(err)
		}
	}
	// What a reader asks for stands in place of what is kept.
	out, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: &c.bucket, Key: aws.String("packed"), ResponseContentType: aws.String("a/b")})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Body.Close()
	if aws.ToString(out.ContentType) != "a/b" {
		t.Errorf("response-content-type gives %q", aws.ToString(out.ContentType))
	}
}

func (c *awsGo) listing(t *testing.T) {
	ctx := t.Context()
	const folders, files = 12, 101 // 1,212 keys: more than one page
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	var want, wantPrefixes []string
	for i := range folders {
		prefix := fmt.Sprintf("folder %02d/", i)
		wantPrefixes = append(wantPrefixes, prefix)
		for n := range files {
			key := fmt.Sprintf("%sfile+%03d", prefix, n)
			want = append(want, key)
			group.Go(func() error {
				_, err := c.PutObject(groupCtx, &s3.PutObjectInput{Bucket: &c.bucket, Key: &key, Body: strings.NewReader(key)})
				return err
			})
		}
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	var got []string
	var counts []int
	pages := s3.NewListObjectsV2Paginator(c, &s3.ListObjectsV2Input{Bucket: &c.bucket})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		counts = append(counts, int(*page.KeyCount))
		for _, object := range page.Contents {
			got = append(got, *object.Key)
			if *object.Size != int64(len(*object.Key)) || !strings.HasPrefix(*object.ETag, `"`) {
				t.Errorf("%+v", object)
			}
		}
	}
	if !slices.Equal(got, want) || !slices.Equal(counts, []int{1000, 212}) {
		t.Errorf("version 2: %d keys in pages of %v, want %d", len(got), counts, len(want))
	}
	got = nil
	marker := ""
	for {
		page, err := c.ListObjects(ctx, &s3.ListObjectsInput{Bucket: &c.bucket, MaxKeys: aws.Int32(500), Marker: &marker})
		if err != nil {
			t.Fatal(err)
		}
		for _, object := range page.Contents {
			got = append(got, *object.Key)
		}
		if !aws.ToBool(page.IsTruncated) {
			break
		}
		marker = got[len(got)-1]
	}
	if !slices.Equal(got, want) {
		t.Errorf("version 1: %d keys, want %d", len(got), len(want))
	}
	for _, size := range []int32{1000, 5} {
		got = nil
		pages = s3.NewListObjectsV2Paginator(c, &s3.ListObjectsV2Input{Bucket: &c.bucket, Delimiter: aws.String("/"), MaxKeys: &size})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for _, prefix := range page.CommonPrefixes {
				got = append(got, *prefix.Prefix)
			}
		}
		if !slices.Equal(got, wantPrefixes) {
			t.Errorf("common prefixes, %d a page: %q", size, got)
		}
	}
	page, err := c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &c.bucket, Prefix: aws.String("folder 03/"), Delimiter: aws.String("/"),
		StartAfter: aws.String("folder 03/file+098"), FetchOwner: aws.Bool(true)})
	if err != nil || len(page.Contents) != 2 || page.Contents[0].Owner == nil {
		t.Errorf("start-after: %+v, %v", page, err)
	}
	none, err := c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &c.bucket, MaxKeys: aws.Int32(0)})
	if err != nil || len(none.Contents) != 0 {
		t.Errorf("max-keys=0: %+v, %v", none, err)
	}
	versions, err := c.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: &c.bucket, Prefix: aws.String("folder 11/")})
	if err != nil || len(versions.Versions) != files || aws.ToString(versions.Versions[0].VersionId) != "null" {
		t.Errorf("versions: %d, %v", len(versions.Versions), err)
	}
	var all []types.ObjectIdentifier
	for _, key := range want[:1000] {
		all = append(all, types.ObjectIdentifier{Key: &key})
	}
	out, err := c.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: &c.bucket, Delete: &types.Delete{Objects: all, Quiet: aws.Bool(true)}})
	if err != nil || len(out.Errors) > 0 || len(out.Deleted) > 0 {
		t.Errorf("deleting 1,000: %+v, %v", out, err)
	}
	page, err = c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &c.bucket})
	if err != nil || len(page.Contents) != 212 {
		t.Errorf("%d are left, %v", len(page.Contents), err)
	}
}

func (c *awsGo) copyMoveDelete(t *testing.T) {
	ctx := t.Context()
	body := content(6<<20, 3)
	c.put(t, "from here+there", body)
	_, err := c.CopyObject(ctx, &s3.CopyObjectInput{Bucket: &c.bucket, Key: aws.String("to"), CopySource: aws.String("/" + c.bucket + "/from%20here%2Bthere")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &c.bucket, Key: aws.String("from here+there")}); err != nil {
		t.Fatal(err)
	}
	c.wantObject(t, "to", body)
	// RenameObject is of directory buckets only.
	_, err = c.RenameObject(ctx, &s3.RenameObjectInput{Bucket: &c.bucket, Key: aws.String("renamed"), RenameSource: aws.String("to")})
	wantCode(t, err, "NotImplemented")
	_, err = c.CopyObject(ctx, &s3.CopyObjectInput{Bucket: &c.bucket, Key: aws.String("to"), CopySource: aws.String(c.bucket + "/to")})
	wantCode(t, err, "InvalidRequest")
	_, err = c.CopyObject(ctx, &s3.CopyObjectInput{Bucket: &c.bucket, Key: aws.String("x"), CopySource: aws.String(c.bucket + "/gone")})
	wantCode(t, err, "NoSuchKey")
	_, err = c.CopyObject(ctx, &s3.CopyObjectInput{Bucket: &c.bucket, Key: aws.String("x"), CopySource: aws.String(c.bucket + "/to"), CopySourceIfMatch: aws.String(`"other"`)})
	wantCode(t, err, "PreconditionFailed")
	if _, err := c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &c.bucket, Key: aws.String("never there")}); err != nil {
		t.Error(err)
	}
}

func (c *awsGo) ranges(t *testing.T) {
	body := content(6<<20, 5)
	c.put(t, "x", body)
	for _, r := range []struct {
		asked string
		want  []byte
	}{
		{"bytes=0-0", body[:1]}, {"bytes=100-199", body[100:200]}, {"bytes=5242880-", body[5<<20:]}, {"bytes=-7", body[len(body)-7:]},
		{"bytes=6291455-99999999", body[len(body)-1:]}, {"bytes=1048570-1048580", body[1048570:1048581]},
	} {
		out, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &c.bucket, Key: aws.String("x"), Range: &r.asked})
		if err != nil {
			t.Errorf("%s: %v", r.asked, err)
			continue
		}
		got, err := io.ReadAll(out.Body)
		if err != nil || !bytes.Equal(got, r.want) {
			t.Errorf("%s gives %d bytes, want %d: %v", r.asked, len(got), len(r.want), err)
		}
		_ = out.Body.Close()
	}
	_, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &c.bucket, Key: aws.String("x"), Range: aws.String("bytes=6291456-")})
	wantCode(t, err, "InvalidRange")
}

func (c *awsGo) conditions(t *testing.T) {
	ctx := t.Context()
	put := func(key, match, noneMatch string) (*s3.PutObjectOutput, error) {
		in := &s3.PutObjectInput{Bucket: &c.bucket, Key: &key, Body: strings.NewReader(match + noneMatch)}
		if match != "" {
			in.IfMatch = &match
		}
		if noneMatch != "" {
			in.IfNoneMatch = &noneMatch
		}
		return c.PutObject(ctx, in)
	}
	first, err := put("x", "", "*")
	if err != nil {
		t.Fatal(err)
	}
	_, err = put("x", "", "*")
	wantCode(t, err, "PreconditionFailed")
	second, err := put("x", *first.ETag, "")
	if err != nil {
		t.Fatal(err)
	}
	_, err = put("x", *first.ETag, "")
	wantCode(t, err, "PreconditionFailed")
	_, err = put("never there", *first.ETag, "")
	wantCode(t, err, "NoSuchKey")
	_, err = c.GetObject(ctx, &s3.GetObjectInput{Bucket: &c.bucket, Key: aws.String("x"), IfMatch: first.ETag})
	wantCode(t, err, "PreconditionFailed")
	_, err = c.GetObject(ctx, &s3.GetObjectInput{Bucket: &c.bucket, Key: aws.String("x"), IfNoneMatch: second.ETag})
	wantCode(t, err, "NotModified")
	_, err = c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &c.bucket, Key: aws.String("x"), IfMatch: first.ETag})
	wantCode(t, err, "PreconditionFailed")
	if _, err := c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &c.bucket, Key: aws.String("x"), IfMatch: second.ETag}); err != nil {
		t.Error(err)
	}
}

func (c *awsGo) tagging(t *testing.T) {
	ctx := t.Context()
	_, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: &c.bucket, Key: aws.String("x"), Tagging: aws.String("colour=dark+blue&kind=a%2Fb")})
	if err != nil {
		t.Fatal(err)
	}
	want := func(text string) {
		t.Helper()
		out, err := c.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{Bucket: &c.bucket, Key: aws.String("x")})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, tag := range out.TagSet {
			got = append(got, *tag.Key+"="+*tag.Value)
		}
		if slices.Sort(got); strings.Join(got, ",") != text {
			t.Errorf("tags %q, want %q", got, text)
		}
	}
	want("colour=dark blue,kind=a/b")
	head, err := c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &c.bucket, Key: aws.String("x")})
	if err != nil || aws.ToInt32(head.TagCount) != 2 {
		t.Errorf("the head counts %d tags, %v", aws.ToInt32(head.TagCount), err)
	}
	if _, err := c.PutObjectTagging(ctx, &s3.PutObjectTaggingInput{Bucket: &c.bucket, Key: aws.String("x"),
		Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String("größe"), Value: aws.String("1 & 2")}}}}); err != nil {
		t.Fatal(err)
	}
	want("größe=1 & 2")
	if _, err := c.CopyObject(ctx, &s3.CopyObjectInput{Bucket: &c.bucket, Key: aws.String("x"), CopySource: aws.String(c.bucket + "/x"),
		MetadataDirective: types.MetadataDirectiveReplace, TaggingDirective: types.TaggingDirectiveReplace, Tagging: aws.String("new=1")}); err != nil {
		t.Fatal(err)
	}
	want("new=1")
	if _, err := c.DeleteObjectTagging(ctx, &s3.DeleteObjectTaggingInput{Bucket: &c.bucket, Key: aws.String("x")}); err != nil {
		t.Fatal(err)
	}
	want("")
}

func (c *awsGo) presigned(t *testing.T) {
	ctx := t.Context()
	signer := s3.NewPresignClient(c.Client)
	key, body := "with space+plus/ü%.txt", content(1<<20, 7)
	put, err := signer.PresignPutObject(ctx, &s3.PutObjectInput{Bucket: &c.bucket, Key: &key, ContentType: aws.String("a/b"), Metadata: map[string]string{"colour": "blue"}})
	if err != nil {
		t.Fatal(err)
	}
	resp, text, err := c.d.plain(ctx, put.Method, put.URL, put.SignedHeader, bytes.NewReader(body), int64(len(body)))
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("presigned PUT: %v, %v, %s", resp, err, text)
	}
	get, err := signer.PresignGetObject(ctx, &s3.GetObjectInput{Bucket: &c.bucket, Key: &key, ResponseContentDisposition: aws.String("attachment")})
	if err != nil {
		t.Fatal(err)
	}
	resp, text, err = c.d.plain(ctx, get.Method, get.URL, get.SignedHeader, nil, 0)
	if err != nil || resp.StatusCode != http.StatusOK || sum(text) != sum(body) || resp.Header.Get("Content-Type") != "a/b" ||
		resp.Header.Get("X-Amz-Meta-Colour") != "blue" || resp.Header.Get("Content-Disposition") != "attachment" {
		t.Errorf("presigned GET: %v, %v", resp, err)
	}
	head, err := signer.PresignHeadObject(ctx, &s3.HeadObjectInput{Bucket: &c.bucket, Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	resp, _, err = c.d.plain(ctx, head.Method, head.URL, head.SignedHeader, nil, 0)
	if err != nil || resp.StatusCode != http.StatusOK || resp.ContentLength != int64(len(body)) {
		t.Errorf("presigned HEAD: %v, %v", resp, err)
	}
	// Of another method, or altered, it is no permission.
	resp, text, err = c.d.plain(ctx, http.MethodDelete, get.URL, nil, nil, 0)
	if err != nil || resp.StatusCode != http.StatusForbidden || !strings.Contains(string(text), "SignatureDoesNotMatch") {
		t.Errorf("presigned GET used for DELETE: %v, %v, %s", resp, err, text)
	}
	resp, _, err = c.d.plain(ctx, http.MethodGet, strings.Replace(get.URL, "plus", "minus", 1), nil, nil, 0)
	if err != nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("presigned GET altered: %v, %v", resp, err)
	}
	c.presignedParts(t, signer)
}

// presignedParts uploads in parts that are all sent by presigned URLs, as GitLab's runners do.
func (c *awsGo) presignedParts(t *testing.T, signer *s3.PresignClient) {
	ctx := t.Context()
	created, err := c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &c.bucket, Key: aws.String("parts")})
	if err != nil {
		t.Fatal(err)
	}
	body := content(5<<20+1, 8)
	var parts []types.CompletedPart
	for n, part := range [][]byte{body[:5<<20], body[5<<20:]} {
		number := int32(n + 1)
		put, err := signer.PresignUploadPart(ctx, &s3.UploadPartInput{Bucket: &c.bucket, Key: aws.String("parts"), UploadId: created.UploadId, PartNumber: &number})
		if err != nil {
			t.Fatal(err)
		}
		resp, text, err := c.d.plain(ctx, put.Method, put.URL, put.SignedHeader, bytes.NewReader(part), int64(len(part)))
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("presigned part: %v, %v, %s", resp, err, text)
		}
		parts = append(parts, types.CompletedPart{PartNumber: &number, ETag: aws.String(resp.Header.Get("ETag"))})
	}
	if _, err := c.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: &c.bucket, Key: aws.String("parts"), UploadId: created.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}}); err != nil {
		t.Fatal(err)
	}
	c.wantObject(t, "parts", body)
}
