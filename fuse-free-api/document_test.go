package api

import (
	"strings"
	"testing"

	"github.com/holdfast-storage/holdfast/fuse-free-api/sigv4/sigv4test"
)

// A body that nobody wants is still what the request says of it, or the
// request is not the one that was signed.
func TestPromisesOfBodiesThatAreNotWanted(t *testing.T) {
	const bad, badMD5 = "another body", "Content-MD5: AAAAAAAAAAAAAAAAAAAAAA=="
	for _, c := range []struct {
		method, target string
		status         int
	}{
		{"GET", "/", 200}, {"GET", "/bkt", 200}, {"HEAD", "/bkt", 200}, {"GET", "/bkt?acl", 200}, {"DELETE", "/bkt?policy", 204},
		{"GET", "/bkt/k", 200}, {"HEAD", "/bkt/k", 200}, {"GET", "/bkt/k?tagging", 200}, {"DELETE", "/bkt/k?tagging", 204},
		{"POST", "/bkt/k?uploads", 200}, {"DELETE", "/bkt/k", 204},
	} {
		t.Run(c.method+" "+c.target, func(t *testing.T) {
			g := newRig(t)
			g.do("PUT", "/bkt/k", "stored").want(t, 200, "")
			code := func(code string) string {
				if c.method == "HEAD" {
					return ""
				}
				return code
			}
			signed := func(body, payload string) answer {
				return g.raw(c.method, c.target, body, testSigner().Lines(c.method, c.target, "holdfast", payload)...)
			}
			signed("", sigv4test.Hash(bad)).want(t, 400, code("XAmzContentSHA256Mismatch"))
			signed(bad, sigv4test.Empty).want(t, 400, code("XAmzContentSHA256Mismatch"))
			g.do(c.method, c.target, "", badMD5).want(t, 400, code("BadDigest"))
			g.do(c.method, c.target, bad, badMD5).want(t, 400, code("BadDigest"))
			g.do(c.method, c.target, strings.Repeat("x", maxConfigBytes+1)).want(t, 400, code("MaxMessageLengthExceeded"))
			if n := len(g.store.buckets["bkt"].uploads); n != 0 || len(g.keys()) != 1 {
				t.Errorf("%d uploads were begun, and the bucket has %q", n, g.keys())
			}
			signed("", "UNSIGNED-PAYLOAD").want(t, c.status, "")
			g.do("PUT", "/bkt/k", "stored").want(t, 200, "")
			signed(bad, sigv4test.Hash(bad)).want(t, c.status, "")
		})
	}
}
