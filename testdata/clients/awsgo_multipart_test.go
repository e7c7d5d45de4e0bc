package clients

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// checksumCase is a checksum as an object of several parts may have it.
type checksumCase struct {
	algorithm types.ChecksumAlgorithm
	form      types.ChecksumType
}

func checksumCases() []checksumCase {
	return []checksumCase{
		{types.ChecksumAlgorithmCrc32, types.ChecksumTypeComposite},
		{types.ChecksumAlgorithmCrc32, types.ChecksumTypeFullObject},
		{types.ChecksumAlgorithmCrc32c, types.ChecksumTypeComposite},
		{types.ChecksumAlgorithmCrc32c, types.ChecksumTypeFullObject},
		{types.ChecksumAlgorithmCrc64nvme, types.ChecksumTypeFullObject},
		{types.ChecksumAlgorithmSha1, types.ChecksumTypeComposite},
		{types.ChecksumAlgorithmSha256, types.ChecksumTypeComposite},
	}
}

// checksums puts with every checksum, and one that is wrong.
func (c *awsGo) checksums(t *testing.T) {
	ctx := t.Context()
	body := content(300_000, 9)
	for _, algorithm := range []types.ChecksumAlgorithm{types.ChecksumAlgorithmCrc32, types.ChecksumAlgorithmCrc32c,
		types.ChecksumAlgorithmCrc64nvme, types.ChecksumAlgorithmSha1, types.ChecksumAlgorithmSha256} {
		key := string(algorithm)
		put, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: &c.bucket, Key: &key, Body: bytes.NewReader(body), ChecksumAlgorithm: algorithm})
		if err != nil {
			t.Errorf("%s: %v", key, err)
			continue
		}
		head, err := c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &c.bucket, Key: &key, ChecksumMode: types.ChecksumModeEnabled})
		if err != nil {
			t.Errorf("%s: %v", key, err)
			continue
		}
		sent := sums5{put.ChecksumCRC32, put.ChecksumCRC32C, put.ChecksumCRC64NVME, put.ChecksumSHA1, put.ChecksumSHA256}
		kept := sums5{head.ChecksumCRC32, head.ChecksumCRC32C, head.ChecksumCRC64NVME, head.ChecksumSHA1, head.ChecksumSHA256}
		if sent.of(algorithm) == "" || sent.of(algorithm) != kept.of(algorithm) || head.ChecksumType != types.ChecksumTypeFullObject {
			t.Errorf("%s: sent %q, kept %q %s", key, sent.of(algorithm), kept.of(algorithm), head.ChecksumType)
		}
		c.wantObject(t, key, body)
		copied := key + " copied"
		if _, err := c.CopyObject(ctx, &s3.CopyObjectInput{Bucket: &c.bucket, Key: &copied, CopySource: aws.String(c.bucket + "/" + key), ChecksumAlgorithm: algorithm}); err != nil {
			t.Errorf("copy with %s: %v", key, err)
		}
	}
	_, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: &c.bucket, Key: aws.String("wrong"), Body: bytes.NewReader(body), ChecksumCRC32: aws.String("AAAAAA==")})
	wantCode(t, err, "BadDigest")
	_, err = c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &c.bucket, Key: aws.String("wrong")})
	wantType[*types.NotFound](t, err)
}

// sums5 are the five checksums as the SDK's answers have them.
type sums5 [5]*string

func (s sums5) of(algorithm types.ChecksumAlgorithm) string {
	return aws.ToString(s[map[types.ChecksumAlgorithm]int{types.ChecksumAlgorithmCrc32: 0, types.ChecksumAlgorithmCrc32c: 1,
		types.ChecksumAlgorithmCrc64nvme: 2, types.ChecksumAlgorithmSha1: 3, types.ChecksumAlgorithmSha256: 4}[algorithm]])
}

func (c *awsGo) multipartChecksums(t *testing.T) {
	for _, k := range checksumCases() {
		t.Run(fmt.Sprintf("%s-%s", k.algorithm, k.form), func(t *testing.T) { c.multipartChecksum(t, k) })
	}
}

func (c *awsGo) multipartChecksum(t *testing.T, k checksumCase) {
	ctx := t.Context()
	key, body := fmt.Sprintf("%s-%s", k.algorithm, k.form), content(11<<20, 10)
	created, err := c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &c.bucket, Key: &key, ChecksumAlgorithm: k.algorithm, ChecksumType: k.form})
	if err != nil {
		t.Fatal(err)
	}
	var done []types.CompletedPart
	for n, part := range [][]byte{body[:5<<20], body[5<<20 : 10<<20], body[10<<20:]} {
		number := int32(n + 1)
		out, err := c.UploadPart(ctx, &s3.UploadPartInput{Bucket: &c.bucket, Key: &key, UploadId: created.UploadId, PartNumber: &number,
			Body: bytes.NewReader(part), ChecksumAlgorithm: k.algorithm})
		if err != nil {
			t.Fatal(err)
		}
		done = append(done, types.CompletedPart{PartNumber: &number, ETag: out.ETag, ChecksumCRC32: out.ChecksumCRC32, ChecksumCRC32C: out.ChecksumCRC32C,
			ChecksumCRC64NVME: out.ChecksumCRC64NVME, ChecksumSHA1: out.ChecksumSHA1, ChecksumSHA256: out.ChecksumSHA256})
	}
	listed, err := c.ListParts(ctx, &s3.ListPartsInput{Bucket: &c.bucket, Key: &key, UploadId: created.UploadId})
	if err != nil || len(listed.Parts) != 3 || listed.ChecksumAlgorithm != k.algorithm || listed.ChecksumType != k.form {
		t.Errorf("parts: %+v, %v", listed, err)
	}
	completed, err := c.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: &c.bucket, Key: &key, UploadId: created.UploadId,
		ChecksumType: k.form, MpuObjectSize: aws.Int64(int64(len(body))), MultipartUpload: &types.CompletedMultipartUpload{Parts: done}})
	if err != nil {
		t.Fatal(err)
	}
	head, err := c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &c.bucket, Key: &key, ChecksumMode: types.ChecksumModeEnabled})
	if err != nil {
		t.Fatal(err)
	}
	atEnd := sums5{completed.ChecksumCRC32, completed.ChecksumCRC32C, completed.ChecksumCRC64NVME, completed.ChecksumSHA1, completed.ChecksumSHA256}
	kept := sums5{head.ChecksumCRC32, head.ChecksumCRC32C, head.ChecksumCRC64NVME, head.ChecksumSHA1, head.ChecksumSHA256}
	if atEnd.of(k.algorithm) == "" || atEnd.of(k.algorithm) != kept.of(k.algorithm) || head.ChecksumType != k.form {
		t.Errorf("complete says %q %s, the head %q %s", atEnd.of(k.algorithm), completed.ChecksumType, kept.of(k.algorithm), head.ChecksumType)
	}
	if composite := strings.HasSuffix(kept.of(k.algorithm), "-3"); composite != (k.form == types.ChecksumTypeComposite) {
		t.Errorf("%s checksum %q", k.form, kept.of(k.algorithm))
	}
	if k.form == types.ChecksumTypeFullObject { // it is what a single PUT of the same bytes has
		put, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: &c.bucket, Key: aws.String("whole"), Body: bytes.NewReader(body), ChecksumAlgorithm: k.algorithm})
		if err != nil {
			t.Fatal(err)
		}
		whole := sums5{put.ChecksumCRC32, put.ChecksumCRC32C, put.ChecksumCRC64NVME, put.ChecksumSHA1, put.ChecksumSHA256}
		if whole.of(k.algorithm) != kept.of(k.algorithm) {
			t.Errorf("%q of the parts, %q of the whole", kept.of(k.algorithm), whole.of(k.algorithm))
		}
	}
	c.wantObject(t, key, body)
	attributes, err := c.GetObjectAttributes(ctx, &s3.GetObjectAttributesInput{Bucket: &c.bucket, Key: &key, ObjectAttributes: []types.ObjectAttributes{
		types.ObjectAttributesEtag, types.ObjectAttributesChecksum, types.ObjectAttributesObjectParts, types.ObjectAttributesObjectSize, types.ObjectAttributesStorageClass}})
	if err != nil || aws.ToInt64(attributes.ObjectSize) != int64(len(body)) || attributes.ObjectParts == nil || aws.ToInt32(attributes.ObjectParts.TotalPartsCount) != 3 ||
		attributes.Checksum == nil || attributes.Checksum.ChecksumType != k.form {
		t.Errorf("attributes %+v, %v", attributes, err)
	}
}

func (c *awsGo) multipart(t *testing.T) {
	ctx := t.Context()
	key, body := "multi part", content(13<<20, 11)
	c.put(t, "source", body)
	created, err := c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &c.bucket, Key: &key, ContentType: aws.String("a/b"),
		ContentEncoding: aws.String("gzip"), Metadata: map[string]string{"colour": "blue"}, Tagging: aws.String("a=b")})
	if err != nil {
		t.Fatal(err)
	}
	upload := created.UploadId
	uploads, err := c.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: &c.bucket})
	if err != nil || len(uploads.Uploads) != 1 || *uploads.Uploads[0].Key != key || *uploads.Uploads[0].UploadId != *upload {
		t.Errorf("uploads: %+v, %v", uploads, err)
	}
	var done []types.CompletedPart
	etags := md5.New()
	part := func(number int32, bytesOf []byte) {
		t.Helper()
		out, err := c.UploadPart(ctx, &s3.UploadPartInput{Bucket: &c.bucket, Key: &key, UploadId: upload, PartNumber: &number, Body: bytes.NewReader(bytesOf)})
		if err != nil {
			t.Fatal(err)
		}
		done = append(done, types.CompletedPart{PartNumber: &number, ETag: out.ETag})
	}
	part(2, content(5<<20, 12)) // it will be put again
	done = nil
	part(2, body[:5<<20])
	copied, err := c.UploadPartCopy(ctx, &s3.UploadPartCopyInput{Bucket: &c.bucket, Key: &key, UploadId: upload, PartNumber: aws.Int32(5),
		CopySource: aws.String(c.bucket + "/source"), CopySourceRange: aws.String(fmt.Sprintf("bytes=%d-%d", 5<<20, 10<<20-1))})
	if err != nil {
		t.Fatal(err)
	}
	done = append(done, types.CompletedPart{PartNumber: aws.Int32(5), ETag: copied.CopyPartResult.ETag})
	part(9, body[10<<20:])
	for _, piece := range [][]byte{body[:5<<20], body[5<<20 : 10<<20], body[10<<20:]} {
		digest := md5.Sum(piece)
		etags.Write(digest[:])
	}
	first, err := c.ListParts(ctx, &s3.ListPartsInput{Bucket: &c.bucket, Key: &key, UploadId: upload, MaxParts: aws.Int32(2)})
	if err != nil || len(first.Parts) != 2 || !aws.ToBool(first.IsTruncated) || *first.Parts[1].PartNumber != 5 {
		t.Errorf("first parts: %+v, %v", first, err)
	}
	rest, err := c.ListParts(ctx, &s3.ListPartsInput{Bucket: &c.bucket, Key: &key, UploadId: upload, PartNumberMarker: first.NextPartNumberMarker})
	if err != nil || len(rest.Parts) != 1 || *rest.Parts[0].Size != 3<<20 {
		t.Errorf("other parts: %+v, %v", rest, err)
	}
	complete := func(parts []types.CompletedPart, noneMatch *string) (*s3.CompleteMultipartUploadOutput, error) {
		return c.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: &c.bucket, Key: &key, UploadId: upload, IfNoneMatch: noneMatch,
			MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}})
	}
	_, err = complete([]types.CompletedPart{done[1], done[0]}, nil)
	wantCode(t, err, "InvalidPartOrder")
	_, err = complete([]types.CompletedPart{done[0], {PartNumber: aws.Int32(3), ETag: done[0].ETag}}, nil)
	wantCode(t, err, "InvalidPart")
	_, err = complete([]types.CompletedPart{done[2], {PartNumber: aws.Int32(10), ETag: done[0].ETag}}, nil)
	wantCode(t, err, "InvalidPart")
	completed, err := complete(done, aws.String("*"))
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf(`"%s-3"`, hex.EncodeToString(etags.Sum(nil))); aws.ToString(completed.ETag) != want {
		t.Errorf("ETag %s, want %s", aws.ToString(completed.ETag), want)
	}
	if _, err := complete(done, nil); err != nil {
		t.Errorf("completed twice: %v", err)
	}
	head, err := c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &c.bucket, Key: &key})
	if err != nil || aws.ToString(head.ContentType) != "a/b" || head.Metadata["colour"] != "blue" || aws.ToInt32(head.TagCount) != 1 || aws.ToString(head.ContentEncoding) != "gzip" {
		t.Errorf("head: %+v, %v", head, err)
	}
	c.wantObject(t, key, body)
	one, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: &c.bucket, Key: &key, PartNumber: aws.Int32(5)})
	if err != nil {
		t.Fatal(err)
	}
	defer one.Body.Close()
	if got, err := io.ReadAll(one.Body); err != nil || !bytes.Equal(got, body[5<<20:10<<20]) || aws.ToInt32(one.PartsCount) != 3 {
		t.Errorf("part 5 has %d bytes of %d parts, %v", len(got), aws.ToInt32(one.PartsCount), err)
	}
	c.abort(t)
}

// abort leaves nothing, and a part that is too small is refused.
func (c *awsGo) abort(t *testing.T) {
	ctx := t.Context()
	key := "aborted"
	created, err := c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &c.bucket, Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	var done []types.CompletedPart
	for number := range int32(2) {
		number++
		out, err := c.UploadPart(ctx, &s3.UploadPartInput{Bucket: &c.bucket, Key: &key, UploadId: created.UploadId, PartNumber: &number, Body: strings.NewReader("small")})
		if err != nil {
			t.Fatal(err)
		}
		done = append(done, types.CompletedPart{PartNumber: &number, ETag: out.ETag})
	}
	_, err = c.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: &c.bucket, Key: &key, UploadId: created.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: done}})
	wantCode(t, err, "EntityTooSmall")
	if _, err := c.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &c.bucket, Key: &key, UploadId: created.UploadId}); err != nil {
		t.Fatal(err)
	}
	_, err = c.ListParts(ctx, &s3.ListPartsInput{Bucket: &c.bucket, Key: &key, UploadId: created.UploadId})
	wantCode(t, err, "NoSuchUpload")
	uploads, err := c.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: &c.bucket})
	if err != nil || len(uploads.Uploads) != 0 {
		t.Errorf("uploads: %+v, %v", uploads, err)
	}
}
