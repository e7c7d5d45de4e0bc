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

// The documents of all requests have one bound, and count no longer than
// their requests last.
func TestDocumentsTogether(t *testing.T) {
	g := newRig(t)
	g.maxDocumentsBytes = 100 << 10
	doc := func(keys int) string {
		return "<Delete>" + strings.Repeat("<Object><Key>"+strings.Repeat("k", 1000)+"</Key></Object>", keys) + "</Delete>"
	}
	remove := func(doc string) answer { return g.do("POST", "/bkt?delete", doc, "Content-MD5: "+md5Text(doc)) }
	for range 20 {
		remove(doc(20)).want(t, 200, "")
	}
	if a := remove(doc(200)).want(t, 503, "SlowDown"); a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	arrived, goOn := make(chan struct{}), make(chan struct{})
	first := true
	g.store.beforeDelete = func(string) error {
		if first {
			first = false
			close(arrived)
			<-goOn
		}
		return nil
	}
	ended := make(chan answer, 1)
	one := doc(1)
	go func() { ended <- remove(one + strings.Repeat("<!-- -->", 7<<10)) }()
	<-arrived
	remove(doc(40)).want(t, 503, "SlowDown")
	remove(one).want(t, 200, "")
	close(goOn)
	(<-ended).want(t, 200, "")
	remove(doc(40)).want(t, 200, "")
	if n := g.Server.documents.Load(); n != 0 {
		t.Errorf("%d bytes still count", n)
	}
}
