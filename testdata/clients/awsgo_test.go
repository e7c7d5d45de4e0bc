package clients

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

// newAWS makes a client as a program would that was given an endpoint and keys, and nothing more.
func newAWS(t testing.TB, d *daemon) *s3.Client {
	t.Helper()
	return newAWSWith(t, d, accessKey, secretKey)
}

func newAWSWith(t testing.TB, d *daemon, access, secret string) *s3.Client {
	t.Helper()
	options := []func(*config.LoadOptions) error{
		config.WithRegion(region),
		config.WithBaseEndpoint(d.endpoint),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(access, secret, "")),
		config.WithSharedConfigFiles([]string{}), config.WithSharedCredentialsFiles([]string{}),
	}
	if d.tls() {
		authority, err := os.Open(d.caFile)
		if err != nil {
			t.Fatal(err)
		}
		defer authority.Close()
		options = append(options, config.WithCustomCABundle(authority))
	}
	cfg, err := config.LoadDefaultConfig(t.Context(), options...)
	if err != nil {
		t.Fatal(err)
	}
	return s3.NewFromConfig(cfg)
}

// awsGo is one client with one bucket.
type awsGo struct {
	*s3.Client
	d      *daemon
	bucket string
}

func newAWSBucket(t testing.TB, d *daemon, bucket string) *awsGo {
	t.Helper()
	c := &awsGo{Client: newAWS(t, d), d: d, bucket: bucket}
	_, err := c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAWSSDKGo(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, d *daemon) {
		for _, c := range []struct {
			name string
			test func(*awsGo, *testing.T)
		}{
			{"buckets", (*awsGo).buckets},
			{"round-trips", (*awsGo).roundTrips},
			{"managers", (*awsGo).managers},
			{"streams", (*awsGo).streams},
			{"odd-keys", (*awsGo).oddKeys},
			{"attributes", (*awsGo).attributes},
			{"listing", (*awsGo).listing},
			{"copy-move-delete", (*awsGo).copyMoveDelete},
			{"checksums", (*awsGo).checksums},
			{"multipart-checksums", (*awsGo).multipartChecksums},
			{"multipart", (*awsGo).multipart},
			{"presigned", (*awsGo).presigned},
			{"ranges", (*awsGo).ranges},
			{"conditions", (*awsGo).conditions},
			{"tagging", (*awsGo).tagging},
			{"errors", (*awsGo).errors},
		} {
			bucket := "awsgo-" + c.name
			t.Run(c.name, func(t *testing.T) { c.test(newAWSBucket(t, d, bucket), t) })
		}
	})
}

// put stores an object that is expected to be stored.
func (c *awsGo) put(t testing.TB, key string, body []byte) *s3.PutObjectOutput {
	t.Helper()
	out, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &c.bucket, Key: &key, Body: bytes.NewReader(body)})
	if err != nil {
		t.Fatalf("put %q: %v", key, err)
	}
	return out
}

// get reads an object whole; the SDK compares it with the checksum that it comes with.
func (c *awsGo) get(t testing.TB, key string) []byte {
	t.Helper()
	out, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &c.bucket, Key: &key})
	if err != nil {
		t.Fatalf("get %q: %v", key, err)
	}
	defer out.Body.Close()
	body, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatalf("get %q: %v", key, err)
	}
	return body
}

func (c *awsGo) wantObject(t testing.TB, key string, body []byte) {
	t.Helper()
	if got := c.get(t, key); sum(got) != sum(body) {
		t.Errorf("%q: %d bytes came back for %d, and differ", key, len(got), len(body))
	}
}

// wantCode wants an error with that code of S3.
func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	var failure smithy.APIError
	switch {
	case err == nil:
		t.Errorf("no error, want %s", code)
	case !errors.As(err, &failure) || failure.ErrorCode() != code:
		t.Errorf("want %s, got: %v", code, err)
	}
}

// wantType wants an error that the SDK has made one of its own types.
func wantType[E error](t testing.TB, err error) {
	t.Helper()
	var typed E
	if !errors.As(err, &typed) {
		t.Errorf("want %T, got: %v", typed, err)
	}
}

func (c *awsGo) buckets(t *testing.T) {
	ctx := t.Context()
	_, err := c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &c.bucket})
	wantType[*types.BucketAlreadyOwnedByYou](t, err)
	if _, err := c.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &c.bucket}); err != nil {
		t.Error(err)
	}
	_, err = c.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: aws.String("awsgo-nowhere")})
	wantType[*types.NotFound](t, err)
	location, err := c.GetBucketLocation(ctx, &s3.GetBucketLocationInput{Bucket: &c.bucket})
	if err != nil || location.LocationConstraint != "" {
		t.Errorf("location %+v, %v", location, err)
	}
	list, err := c.ListBuckets(ctx, &s3.ListBucketsInput{})
	if err != nil || !containsBucket(list.Buckets, c.bucket) {
		t.Errorf("the buckets are %+v, %v", list, err)
	}
	c.put(t, "in the way", nil)
	_, err = c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &c.bucket})
	wantCode(t, err, "BucketNotEmpty")
	if _, err := c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &c.bucket, Key: aws.String("in the way")}); err != nil {
		t.Error(err)
	}
	if _, err := c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &c.bucket}); err != nil {
		t.Error(err)
	}
	_, err = c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &c.bucket})
	wantCode(t, err, "NoSuchBucket")
	_, err = c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &c.bucket})
	wantType[*types.NoSuchBucket](t, err)
}

func containsBucket(all []types.Bucket, name string) bool {
	for _, b := range all {
		if aws.ToString(b.Name) == name {
			return true
		}
	}
	return false
}

func (c *awsGo) errors(t *testing.T) {
	ctx := t.Context()
	_, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: &c.bucket, Key: aws.String("nothing")})
	wantType[*types.NoSuchKey](t, err)
	_, err = c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &c.bucket, Key: aws.String("nothing")})
	wantType[*types.NotFound](t, err)
	_, err = c.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("awsgo-nowhere"), Key: aws.String("nothing")})
	wantCode(t, err, "NoSuchBucket")
	_, err = c.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("awsgo-nowhere"), Key: aws.String("x"), Body: bytes.NewReader(content(100, 1))})
	wantCode(t, err, "NoSuchBucket")
	_, err = c.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &c.bucket, Key: aws.String("x"), UploadId: aws.String("none")})
	wantType[*types.NoSuchUpload](t, err)
	// What is not there is said so, not passed over.
	_, err = c.PutObject(ctx, &s3.PutObjectInput{Bucket: &c.bucket, Key: aws.String("x"), ServerSideEncryption: types.ServerSideEncryptionAwsKms})
	wantCode(t, err, "NotImplemented")
	_, err = c.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: &c.bucket})
	wantCode(t, err, "NoSuchBucketPolicy")
	_, err = c.GetBucketCors(ctx, &s3.GetBucketCorsInput{Bucket: &c.bucket})
	wantCode(t, err, "NoSuchCORSConfiguration")
	_, err = c.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: &c.bucket})
	wantCode(t, err, "NoSuchLifecycleConfiguration")
	_, err = c.GetBucketEncryption(ctx, &s3.GetBucketEncryptionInput{Bucket: &c.bucket})
	wantCode(t, err, "ServerSideEncryptionConfigurationNotFoundError")
	_, err = c.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: &c.bucket})
	wantCode(t, err, "NoSuchTagSet")
	_, err = c.GetObjectLockConfiguration(ctx, &s3.GetObjectLockConfigurationInput{Bucket: &c.bucket})
	wantCode(t, err, "ObjectLockConfigurationNotFoundError")
	versioning, err := c.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: &c.bucket})
	if err != nil || versioning.Status != "" {
		t.Errorf("versioning %+v, %v", versioning, err)
	}
	acl, err := c.GetBucketAcl(ctx, &s3.GetBucketAclInput{Bucket: &c.bucket})
	if err != nil || len(acl.Grants) != 1 || acl.Grants[0].Permission != types.PermissionFullControl {
		t.Errorf("acl %+v, %v", acl, err)
	}
	// Each in a client of its own: the SDK keeps the keys that it derives by the access key alone.
	for code, keys := range map[string][2]string{"SignatureDoesNotMatch": {accessKey, "another"}, "InvalidAccessKeyId": {"ANOTHER", secretKey}} {
		_, err := newAWSWith(t, c.d, keys[0], keys[1]).ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &c.bucket})
		wantCode(t, err, code)
	}
	resp, text, err := c.d.plain(ctx, http.MethodGet, c.d.endpoint+"/"+c.bucket, nil, nil, 0)
	if err != nil || resp.StatusCode != http.StatusForbidden || !strings.Contains(string(text), "AccessDenied") {
		t.Errorf("without a signature: %v, %v, %s", resp, err, text)
	}
}

// plain sends a request of our own making, as curl would, and gives the status and the body.
func (d *daemon) plain(ctx context.Context, method, url string, header http.Header, body io.Reader, size int64) (*http.Response, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return nil, nil, err
	}
	for name, values := range header {
		if name != "Host" && name != "Content-Length" {
			req.Header[name] = values
		}
	}
	req.ContentLength = size
	transport := d.transport()
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp, text, err
}
