package api

import (
	"strings"
	"testing"

	"github.com/holdfast-storage/holdfast/fuse-free-api/checksum"
)

func sumText(a checksum.Algorithm, body string) string {
	h := a.New()
	_, _ = h.Write([]byte(body))
	return checksum.Text(h.Sum(nil))
}

// What is sent with a PUT is checked, kept, told at once, and told again when
// asked for.
func TestChecksumsOfObjects(t *testing.T) {
	const body = "checked and kept"
	for _, a := range checksum.All() {
		for _, c := range []struct{ name, header string }{
			{"in a header", a.Header() + ": " + sumText(a, body)},
			{"in a header, named", a.Header() + ": " + sumText(a, body) + "\r\nx-amz-sdk-checksum-algorithm: " + a.String()},
			{"computed", "x-amz-sdk-checksum-algorithm: " + strings.ToLower(a.String())},
		} {
			t.Run(a.String()+" "+c.name, func(t *testing.T) {
				g := newRig(t)
				want := func(at answer, sum, kind string) {
					t.Helper()
					if got := at.header.Get(a.Header()); got != sum {
						t.Errorf("%s is %q, want %q", a.Header(), got, sum)
					}
					if got := at.header.Get(checksum.TypeHeader); got != kind {
						t.Errorf("%s is %q, want %q", checksum.TypeHeader, got, kind)
					}
				}
				sum := sumText(a, body)
				want(g.do("PUT", "/bkt/k", body, c.header).want(t, 200, ""), sum, "FULL_OBJECT")
				for _, method := range []string{"GET", "HEAD"} {
					want(g.do(method, "/bkt/k", "").want(t, 200, ""), "", "")
					want(g.do(method, "/bkt/k", "", "x-amz-checksum-mode: ENABLED").want(t, 200, ""), sum, "FULL_OBJECT")
					want(g.do(method, "/bkt/k", "", "x-amz-checksum-mode: ENABLED", "Range: bytes=0-3").want(t, 206, ""), "", "")
					want(g.do(method, "/bkt/k", "", "x-amz-checksum-mode: ENABLED", "Range: bytes=0-1,3-4").want(t, 200, ""), sum, "FULL_OBJECT")
					want(g.do(method, "/bkt/k?partNumber=1", "", "x-amz-checksum-mode: ENABLED").want(t, 206, ""), sum, "FULL_OBJECT")
					want(g.do(method, "/bkt/k", "", "x-amz-checksum-mode: ENABLED", "If-None-Match: *").want(t, 304, ""), "", "")
				}
			})
		}
	}
}

func TestChecksumsThatDoNotHold(t *testing.T) {
	const body = "checked"
	right, wrong := sumText(checksum.CRC32, body), sumText(checksum.CRC32, "other")
	for _, c := range []struct {
		name, code string
		headers    []string
	}{
		{"wrong", "BadDigest", []string{"x-amz-checksum-crc32: " + wrong}},
		{"no base64", "InvalidRequest", []string{"x-amz-checksum-crc32: !!!!!!=="}},
		{"empty", "InvalidRequest", []string{"x-amz-checksum-crc32:"}},
		{"too short", "InvalidRequest", []string{"x-amz-checksum-crc32: AAAA"}},
		{"of another algorithm", "InvalidRequest", []string{"x-amz-checksum-crc64nvme: " + right}},
		{"composite", "InvalidRequest", []string{"x-amz-checksum-crc32: " + right + "-1"}},
		{"two", "InvalidRequest", []string{"x-amz-checksum-crc32: " + right, "x-amz-checksum-crc32c: " + sumText(checksum.CRC32C, body)}},
		{"one twice", "InvalidArgument", []string{"x-amz-checksum-crc32: " + right, "x-amz-checksum-crc32: " + right}},
		{"another is named", "InvalidRequest", []string{"x-amz-checksum-crc32: " + right, "x-amz-sdk-checksum-algorithm: SHA1"}},
		{"an unknown one is named", "InvalidRequest", []string{"x-amz-sdk-checksum-algorithm: MD4"}},
		{"a trailer where none can be", "InvalidRequest", []string{"x-amz-trailer: x-amz-checksum-crc32"}},
		{"a decoded length without framing", "InvalidArgument", []string{"x-amz-decoded-content-length: 6"}},
		{"right, but not the MD5", "BadDigest", []string{"x-amz-checksum-crc32: " + right, "Content-MD5: AAAAAAAAAAAAAAAAAAAAAA=="}},
		{"right, but not the payload hash", "XAmzContentSHA256Mismatch", []string{"x-amz-checksum-crc32: " + right, "x-amz-content-sha256: " + strings.Repeat("0", 64)}},
		{"right SHA-256, but not the payload hash", "XAmzContentSHA256Mismatch", []string{"x-amz-checksum-sha256: " + sumText(checksum.SHA256, body), "x-amz-content-sha256: " + strings.Repeat("0", 64)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newRig(t)
			g.do("PUT", "/bkt/k", body, c.headers...).want(t, 400, c.code)
			g.wantNothing()
			// Documents are held to the same.
			g.do("PUT", "/newbucket", "", c.headers...)
			if len(g.store.buckets) != 1 {
				t.Error("a bucket was made")
			}
		})
	}
}

// minio-go names the algorithm twice: as the SDKs do, and as for an upload in parts.
func TestChecksumAlgorithmOfAPut(t *testing.T) {
	for _, c := range []struct {
		name    string
		headers []string
		status  int
		code    string
	}{
		{"a wish", []string{"x-amz-checksum-algorithm: CRC32"}, 200, ""},
		{"with its checksum", []string{"x-amz-checksum-algorithm: CRC32", "x-amz-checksum-crc32: " + sumText(checksum.CRC32, "hello"), "x-amz-checksum-type: FULL_OBJECT"}, 200, ""},
		{"with another's checksum", []string{"x-amz-checksum-algorithm: SHA256", "x-amz-checksum-crc32: " + sumText(checksum.CRC32, "hello")}, 400, "InvalidRequest"},
		{"with another wish", []string{"x-amz-checksum-algorithm: SHA256", "x-amz-sdk-checksum-algorithm: CRC32"}, 400, "InvalidRequest"},
		{"unknown", []string{"x-amz-checksum-algorithm: MD6"}, 400, "InvalidRequest"},
		{"of parts", []string{"x-amz-checksum-algorithm: CRC32", "x-amz-checksum-type: COMPOSITE"}, 400, "InvalidRequest"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newRig(t)
			a := g.do("PUT", "/bkt/k", "hello", c.headers...).want(t, c.status, c.code)
			if got := a.header.Get("X-Amz-Checksum-Crc32"); c.status == 200 && got != sumText(checksum.CRC32, "hello") {
				t.Errorf("checksum %q", got)
			}
		})
	}
}
