package api

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/holdfast-storage/holdfast/fuse-free-api/checksum"
	"github.com/holdfast-storage/holdfast/fuse-free-api/sigv4/sigv4test"
)

// discard takes a body as the engine does, piece by piece, and keeps
// nothing: what is measured is the way to it.
func discard(u *upload, how Body, piece []byte) error {
	for {
		n, err := io.ReadFull(u, piece)
		if how.Digest != nil {
			how.Digest(piece[:n])
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			break
		}
		if err != nil {
			return err
		}
	}
	_, err := how.Finish()
	return err
}

// BenchmarkPipeline is the way of a body from net/http's reader to Finish,
// beside MD5 alone: what the edge adds to it.
func BenchmarkPipeline(b *testing.B) {
	const size = 16 << 20
	body := bytes.Repeat([]byte("0123456789abcdef"), size/16)
	sum := sumText(checksum.CRC64NVME, string(body))
	signer := testSigner()
	stamp := "20260304T050607Z"
	signedWire := signer.Frame("", stamp, sigv4test.Framing{Unsigned: true, Trailers: trailers("x-amz-checksum-crc64nvme", sum)}, body)
	for _, c := range []struct {
		name    string
		etag    ETagMode
		wire    []byte
		payload string
		headers []string
	}{
		{"md5", ETagMD5, body, "", nil},
		{"md5, crc64nvme", ETagMD5, body, "", []string{"x-amz-checksum-crc64nvme", sum}},
		{"md5, payload hash", ETagMD5, body, sigv4test.Hash(body), nil},
		{"md5, unsigned chunks with crc64nvme", ETagMD5, signedWire, "STREAMING-UNSIGNED-PAYLOAD-TRAILER", []string{
			"x-amz-decoded-content-length", fmt.Sprint(size), "x-amz-trailer", "x-amz-checksum-crc64nvme"}},
		{"fast", ETagFast, body, "", nil},
		{"fast, crc64nvme", ETagFast, body, "", []string{"x-amz-checksum-crc64nvme", sum}},
		{"fast, unsigned chunks with crc64nvme", ETagFast, signedWire, "STREAMING-UNSIGNED-PAYLOAD-TRAILER", []string{
			"x-amz-decoded-content-length", fmt.Sprint(size), "x-amz-trailer", "x-amz-checksum-crc64nvme"}},
	} {
		b.Run(c.name, func(b *testing.B) {
			s, err := New(Options{Store: newFakeStore(), Admin: &fakeAdmin{}, AccessKey: testAccess, SecretKey: testSecret, ETag: c.etag})
			if err != nil {
				b.Fatal(err)
			}
			piece := make([]byte, 128<<10)
			b.SetBytes(size)
			for b.Loop() {
				r := httptest.NewRequest(http.MethodPut, "/bkt/k", io.NopCloser(bytes.NewReader(c.wire)))
				r.ContentLength = int64(len(c.wire))
				for i := 0; i < len(c.headers); i += 2 {
					r.Header.Set(c.headers[i], c.headers[i+1])
				}
				call := s.newCall(httptest.NewRecorder(), r)
				call.op, call.auth = &operation{upload: true}, &identity{payload: c.payload}
				u, err := call.upload(1 << 30)
				if err != nil {
					b.Fatal(err)
				}
				if err := discard(u, u.ofObject(), piece); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
