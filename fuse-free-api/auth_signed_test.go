package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-storage/holdfast/fuse-free-api/sigv4/sigv4test"
)

func testSigner() sigv4test.Signer {
	return sigv4test.Signer{AccessKey: testAccess, SecretKey: testSecret}
}

// raw writes a request and its body to a socket; lines are its headers.
func (g *rig) raw(method, target, body string, lines ...string) answer {
	g.t.Helper()
	if (body != "" || method == "PUT" || method == "POST") && !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "Content-Length:") }) {
		lines = append(slices.Clone(lines), fmt.Sprintf("Content-Length: %d", len(body)))
	}
	return send(g.t, g.objects, method, method+" "+target+" HTTP/1.1\r\n"+strings.Join(lines, "\r\n")+"\r\n\r\n"+body)
}

// signed is do with a signature in place of the keys.
func (g *rig) signed(method, target, body string, headers ...string) answer {
	g.t.Helper()
	return g.raw(method, target, body, testSigner().Lines(method, target, "holdfast", sigv4test.Hash(body), headers...)...)
}

func valueOf(lines []string, name string) string {
	for _, line := range lines {
		if value, found := strings.CutPrefix(line, name+": "); found {
			return value
		}
	}
	return ""
}

func TestSignedRequests(t *testing.T) {
	g := newRig(t)
	for _, target := range []string{"/bkt/k", "/bkt/a%20b%2Bc", "/bkt/a+(b)!*'c$", "/bkt//x//", "/bkt/../y/.", "/bkt/%7Etilde", "/bkt/\u00fc", "/bkt/%25", "/bkt/a%2Fb"} {
		g.signed("PUT", target, "body of "+target, "X-Amz-Meta-A: 1  2", "Content-Type: text/plain").want(t, 200, "")
		if a := g.signed("GET", target, "").want(t, 200, ""); a.body != "body of "+target {
			t.Errorf("%s: %q", target, a.body)
		}
	}
	if a := g.signed("GET", "/bkt?list-type=2&prefix=a%20b&delimiter=%2F", "").want(t, 200, ""); !strings.Contains(a.body, "a b+c") {
		t.Error(a.body)
	}
	g.signed("GET", "/", "").want(t, 200, "")
	g.signed("DELETE", "/bkt/k", "").want(t, 204, "")
	g.raw("PUT", "/bkt/unsigned", "any body", testSigner().Lines("PUT", "/bkt/unsigned", "holdfast", "UNSIGNED-PAYLOAD")...).want(t, 200, "")
	// Through a proxy's form of target, and with another host: both as sent.
	g.raw("GET", "http://other/bkt/unsigned", "", testSigner().Lines("GET", "/bkt/unsigned", "other", "")...).want(t, 200, "")
}

// Where the bucket is a part of the host, host and path are signed as sent.
func TestSignedByHost(t *testing.T) {
	g := newRig(t, func(o *Options) { o.Domains = []string{"s3.example.org"} })
	for _, host := range []string{"bkt.s3.example.org", "bkt.s3.example.org:9000"} {
		g.raw("PUT", "/a//b", host, testSigner().Lines("PUT", "/a//b", host, sigv4test.Hash(host))...).want(t, 200, "")
		if a := g.signed("GET", "/bkt/a//b", "").want(t, 200, ""); a.body != host {
			t.Errorf("%q", a.body)
		}
		g.raw("GET", testSigner().Presign("GET", "/a//b", host, time.Hour, nil), "", "Host: "+host).want(t, 200, "")
		g.raw("GET", "/bkt/a//b", "", testSigner().Lines("GET", "/bkt/a//b", "s3.example.org", "")...).want(t, 200, "")
		// A signature for one bucket is none for another.
		lines := testSigner().Lines("GET", "/a//b", "bkt2.s3.example.org", "")
		lines[0] = "Host: " + host
		g.raw("GET", "/a//b", "", lines...).want(t, 403, "SignatureDoesNotMatch")
	}
}

// Nothing of a signed request can be altered on its way.
func TestAlteredRequests(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	g := newRig(t, func(o *Options) { o.Now = func() time.Time { return now } })
	const signed, body = "/bkt/k", "the body"
	replace := func(old, new string) func([]string) []string {
		return func(lines []string) []string {
			text := strings.Join(lines, "\r\n")
			if !strings.Contains(text, old) {
				t.Fatalf("%q is not in %q", old, text)
			}
			return strings.Split(strings.Replace(text, old, new, 1), "\r\n")
		}
	}
	add := func(more ...string) func([]string) []string {
		return func(lines []string) []string { return append(slices.Clone(lines), more...) }
	}
	drop := func(name string) func([]string) []string {
		return func(lines []string) []string {
			return slices.DeleteFunc(slices.Clone(lines), func(l string) bool { return strings.HasPrefix(l, name+":") })
		}
	}
	same := func(lines []string) []string { return lines }
	today, stamp := now.Format("20060102"), now.Format(sigv4test.StampFormat)
	scope := today + "/us-east-1/s3/aws4_request"
	for _, c := range []struct {
		name, method, target, body string // "": as signed
		change                     func([]string) []string
		status                     int
		code                       string
	}{
		{name: "the body", body: "the b0dy", change: same, status: 400, code: "XAmzContentSHA256Mismatch"},
		{name: "the method", method: "GET", change: same, status: 403, code: "SignatureDoesNotMatch"},
		{name: "the key", target: "/bkt/l", change: same, status: 403, code: "SignatureDoesNotMatch"},
		{name: "the bucket", target: "/bkt2/k", change: same, status: 403, code: "SignatureDoesNotMatch"},
		{name: "the key encoded twice", target: "/bkt/%256b", change: same, status: 403, code: "SignatureDoesNotMatch"},
		{name: "a query parameter more", target: "/bkt/k?tagging", change: same, status: 403, code: "SignatureDoesNotMatch"},
		{name: "the host", change: replace("Host: holdfast", "Host: stronghold"), status: 403, code: "SignatureDoesNotMatch"},
		{name: "a signed header", change: replace("X-Amz-Meta-A: 1", "X-Amz-Meta-A: 2"), status: 403, code: "SignatureDoesNotMatch"},
		{name: "a signed condition", change: replace("If-None-Match: *", "If-None-Match: x"), status: 403, code: "SignatureDoesNotMatch"},
		{name: "a signed condition taken out", change: drop("If-None-Match"), status: 403, code: "SignatureDoesNotMatch"},
		{name: "a signed header twice", change: add("X-Amz-Meta-A: 1"), status: 403, code: "SignatureDoesNotMatch"},
		{name: "a signed header folded", change: replace("X-Amz-Meta-A: 1", "X-Amz-Meta-A: 1\r\n 2"), status: 403, code: "SignatureDoesNotMatch"},
		{name: "an x-amz header smuggled in", change: add("x-amz-meta-b: 1"), status: 403, code: "AccessDenied"},
		{name: "a copy smuggled in", change: add("X-AMZ-Copy-Source: /bkt/other"), status: 403, code: "AccessDenied"},
		{name: "a copy smuggled in, folded", change: add("x-amz-copy-source:", " /bkt/other"), status: 403, code: "AccessDenied"},
		{name: "an x-amz header in place of another", change: replace("X-Amz-Meta-A:", "X-Amz-Meta-B:"), status: 403, code: "SignatureDoesNotMatch"},
		{name: "a header taken off the list", change: replace(";x-amz-meta-a", ""), status: 403, code: "AccessDenied"},
		{name: "host taken off the list", change: replace("=host;", "="), status: 403, code: "AccessDenied"},
		{name: "a header twice in the list", change: replace("=host;", "=host;host;"), status: 400, code: "AuthorizationHeaderMalformed"},
		{name: "the list not sorted", change: replace("host;if-none-match", "if-none-match;host"), status: 400, code: "AuthorizationHeaderMalformed"},
		{name: "a condition taken off the list", change: replace("if-none-match;", ""), status: 403, code: "SignatureDoesNotMatch"},
		{name: "capitals in the list", change: replace("=host;", "=Host;"), status: 400, code: "AuthorizationHeaderMalformed"},
		{name: "nothing in the list", change: replace("SignedHeaders=", "SignedHeaders=,x="), status: 400, code: "AuthorizationHeaderMalformed"},
		{name: "a header that is not there", change: replace("=host;", "=haste;host;"), status: 403, code: "SignatureDoesNotMatch"},
		{name: "the payload", change: replace(sigv4test.Hash(body), "UNSIGNED-PAYLOAD"), status: 403, code: "SignatureDoesNotMatch"},
		{name: "the payload's form", change: replace(sigv4test.Hash(body), "abc"), status: 400, code: "InvalidArgument"},
		{name: "no payload", change: drop("X-Amz-Content-Sha256"), status: 400, code: "InvalidRequest"},
		{name: "the payload twice", change: add("X-Amz-Content-Sha256: UNSIGNED-PAYLOAD"), status: 400, code: "InvalidArgument"},
		{name: "an asymmetric payload", change: replace(sigv4test.Hash(body), "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"), status: 501, code: "NotImplemented"},
		{name: "the time", change: replace("X-Amz-Date: "+stamp, "X-Amz-Date: "+now.Add(-time.Second).Format(sigv4test.StampFormat)), status: 403, code: ""},
		{name: "the time's form", change: replace("X-Amz-Date: "+stamp, "X-Amz-Date: "+now.Format(time.RFC3339)), status: 403, code: "AccessDenied"},
		{name: "the time twice", change: add("X-Amz-Date: " + stamp), status: 400, code: "InvalidArgument"},
		{name: "no time", change: drop("X-Amz-Date"), status: 403, code: "AccessDenied"},
		{name: "the date of the scope", change: replace(today+"/", "20130524/"), status: 400, code: "AuthorizationHeaderMalformed"},
		{name: "the region", change: replace("/us-east-1/", "/eu-central-1/"), status: 400, code: "AuthorizationHeaderMalformed"},
		{name: "the service", change: replace("/s3/", "/sts/"), status: 400, code: "AuthorizationHeaderMalformed"},
		{name: "the scope's end", change: replace("aws4_request", "aws5_request"), status: 400, code: "AuthorizationHeaderMalformed"},
		{name: "the scope short", change: replace("/"+scope, "/"+today), status: 400, code: "AuthorizationHeaderMalformed"},
		{name: "no access key", change: replace(testAccess+"/", "/"), status: 400, code: "AuthorizationHeaderMalformed"},
		{name: "the access key", change: replace(testAccess+"/", "another/"), status: 403, code: "InvalidAccessKeyId"},
		{name: "the signature", change: replace("Signature=", "Signature="+strings.Repeat("0", 64)+",x="), status: 400, code: "AuthorizationHeaderMalformed"},
		{name: "the signature short", change: replace("Signature=", "Signature=0"), status: 400, code: "AuthorizationHeaderMalformed"},
		{name: "two signatures", change: replace(", Signature=", ", Signature="+strings.Repeat("0", 64)+", Signature="), status: 400, code: "AuthorizationHeaderMalformed"},
		{name: "no signature", change: replace(", Signature=", ", "), status: 400, code: "AuthorizationHeaderMalformed"},
		{name: "the method of signing", change: replace("AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA1 "), status: 400, code: "AuthorizationHeaderMalformed"},
		{name: "an asymmetric signature", change: replace("AWS4-HMAC-SHA256 ", "AWS4-ECDSA-P256-SHA256 "), status: 501, code: "NotImplemented"},
		{name: "a second Authorization", change: add("Authorization: " + basic(testAccess, testSecret)), status: 400, code: "InvalidArgument"},
		{name: "a second Authorization, empty", change: add("Authorization:"), status: 400, code: "InvalidArgument"},
		{name: "a signature in the query too", target: "/bkt/k?X-Amz-Signature=" + strings.Repeat("0", 64), change: same, status: 400, code: "InvalidArgument"},
		{name: "a session token", change: add("X-Amz-Security-Token: t"), status: 400, code: "InvalidToken"},
	} {
		t.Run(c.name, func(t *testing.T) {
			signer := testSigner()
			signer.Now = func() time.Time { return now }
			lines := signer.Lines("PUT", signed, "holdfast", sigv4test.Hash(body), "If-None-Match: *", "X-Amz-Meta-A: 1")
			if c.method == "" {
				c.method = "PUT"
			}
			if c.target == "" {
				c.target = signed
			}
			if c.body == "" {
				c.body = body
			}
			a := g.raw(c.method, c.target, c.body, c.change(lines)...).want(t, c.status, c.code)
			if strings.Contains(a.body, testSecret) {
				t.Error("the answer tells the secret")
			}
			if c.name == "the region" && (!strings.Contains(a.body, "<Region>us-east-1</Region>") || a.header.Get("X-Amz-Bucket-Region") != "us-east-1") {
				t.Errorf("the right region is not told: %s", a.body)
			}
			g.wantNothing()
		})
	}
}

// A request is good for a quarter of an hour, and a presigned one as long as it says.
func TestReplay(t *testing.T) {
	now := time.Date(2026, 3, 4, 23, 59, 0, 0, time.UTC)
	g := newRig(t, func(o *Options) { o.Now = func() time.Time { return now } })
	signer := testSigner()
	signer.Now = func() time.Time { return time.Date(2026, 3, 4, 23, 59, 0, 0, time.UTC) }
	lines := signer.Lines("PUT", "/bkt/k", "holdfast", sigv4test.Hash("x"))
	presigned := signer.Presign("PUT", "/bkt/k", "holdfast", 7*24*time.Hour, nil)
	for _, c := range []struct {
		later           time.Duration
		code, presigned string
	}{
		{0, "", ""},
		{15 * time.Minute, "", ""},
		{15*time.Minute + time.Second, "RequestTimeTooSkewed", ""},
		{7 * 24 * time.Hour, "RequestTimeTooSkewed", ""},
		{7*24*time.Hour + time.Second, "RequestTimeTooSkewed", "AccessDenied"},
		{-15*time.Minute - time.Second, "RequestTimeTooSkewed", "AccessDenied"},
	} {
		now = signer.Now().Add(c.later)
		status := func(code string) int {
			if code == "" {
				return 200
			}
			return 403
		}
		g.raw("PUT", "/bkt/k", "x", lines...).want(t, status(c.code), c.code)
		a := g.raw("PUT", presigned, "x", "Host: holdfast").want(t, status(c.presigned), c.presigned)
		if c.later > 0 && c.presigned != "" && !strings.Contains(a.body, "Request has expired") {
			t.Error(a.body)
		}
	}
}

func TestPresigned(t *testing.T) {
	g := newRig(t)
	signer := testSigner()
	presign := func(method, target string, headers ...string) string {
		h := http.Header{}
		for _, line := range headers {
			name, value, _ := strings.Cut(line, ": ")
			h.Add(name, value)
		}
		return signer.Presign(method, target, "holdfast", time.Hour, h)
	}
	host := "Host: holdfast"
	g.raw("PUT", presign("PUT", "/bkt/a%20b?x-id=PutObject"), "hello", host).want(t, 200, "")
	if a := g.raw("GET", presign("GET", "/bkt/a%20b"), "", host).want(t, 200, ""); a.body != "hello" {
		t.Errorf("%q", a.body)
	}
	g.raw("HEAD", presign("HEAD", "/bkt/a%20b"), "", host).want(t, 200, "")
	g.raw("GET", presign("GET", "/bkt?list-type=2&prefix=a"), "", host).want(t, 200, "")
	g.raw("PUT", presign("PUT", "/bkt/typed", "Content-Type: text/plain"), "x", host, "Content-Type: text/plain").want(t, 200, "")
	sum := "X-Amz-Content-Sha256: " + sigv4test.Hash("right")
	g.raw("PUT", presign("PUT", "/bkt/hashed", sum), "right", host, sum).want(t, 200, "")
	g.raw("PUT", presign("PUT", "/bkt/hashed", sum), "wrong", host, sum).want(t, 400, "XAmzContentSHA256Mismatch")

	t.Run("headers in the query are headers", func(t *testing.T) {
		g.raw("PUT", presign("PUT", "/bkt/meta?x-amz-meta-colour=dark%20red&X-Amz-Acl=private"), "x", host).want(t, 200, "")
		if a := g.do("GET", "/bkt/meta", "").want(t, 200, ""); a.header.Get("X-Amz-Meta-Colour") != "dark red" {
			t.Error(a.header)
		}
		g.raw("GET", presign("GET", "/bkt/meta?x-amz-checksum-mode=ENABLED"), "", host).want(t, 200, "")
		for _, c := range []struct {
			query  string
			status int
			code   string
		}{
			{"x-amz-acl=public-read", 501, "NotImplemented"},
			{"x-amz-made-up=1", 501, "NotImplemented"},
			{"X-Amz-Made-Up=1", 501, "NotImplemented"},
			{"x-amz-acl=private&X-Amz-Acl=public-read", 400, "InvalidArgument"},
			{"x-amz-acl=private&x-amz-acl=private", 400, "InvalidArgument"},
			{"x-amz-meta-a=1%0d%0aX-Amz-Meta-B:%202", 400, "InvalidArgument"},
			{"X-Amz-Meta-A%20b=1", 400, "InvalidArgument"},
			{"x-amz-expires=5", 400, "InvalidArgument"},
			{"x-amz-content-sha256=UNSIGNED-PAYLOAD", 400, "InvalidArgument"},
		} {
			g.raw("PUT", presign("PUT", "/bkt/refused?"+c.query), "x", host).want(t, c.status, c.code)
		}
		g.raw("PUT", presign("PUT", "/bkt/refused?x-amz-meta-a=1", "X-Amz-Meta-A: 2"), "x", host, "X-Amz-Meta-A: 2").want(t, 400, "InvalidArgument")
	})

	good := presign("PUT", "/bkt/refused")
	for _, c := range []struct {
		name, old, new string
		headers        []string
		status         int
		code           string
	}{
		{name: "another key", old: "/refused", new: "/other", status: 403, code: "SignatureDoesNotMatch"},
		{name: "one more parameter", old: "?", new: "?tagging&", status: 403, code: "SignatureDoesNotMatch"},
		{name: "longer", old: "Expires=3600", new: "Expires=3601", status: 403, code: "SignatureDoesNotMatch"},
		{name: "too long", old: "Expires=3600", new: "Expires=604801", status: 400, code: "AuthorizationQueryParametersError"},
		{name: "no time at all", old: "Expires=3600", new: "Expires=0", status: 400, code: "AuthorizationQueryParametersError"},
		{name: "negative", old: "Expires=3600", new: "Expires=-1", status: 400, code: "AuthorizationQueryParametersError"},
		{name: "not a number", old: "Expires=3600", new: "Expires=1h", status: 400, code: "AuthorizationQueryParametersError"},
		{name: "expires empty", old: "Expires=3600", new: "Expires=", status: 400, code: "AuthorizationQueryParametersError"},
		{name: "expires twice", old: "&X-Amz-Expires=3600", new: "&X-Amz-Expires=3600&X-Amz-Expires=3600", status: 400, code: "AuthorizationQueryParametersError"},
		{name: "expires missing", old: "&X-Amz-Expires=3600", new: "", status: 400, code: "AuthorizationQueryParametersError"},
		{name: "algorithm twice", old: "X-Amz-Algorithm=AWS4-HMAC-SHA256", new: "X-Amz-Algorithm=AWS4-HMAC-SHA256&X%2DAmz-Algorithm=AWS4-HMAC-SHA256", status: 400, code: "AuthorizationQueryParametersError"},
		{name: "algorithm missing", old: "X-Amz-Algorithm=AWS4-HMAC-SHA256&", new: "", status: 400, code: "AuthorizationQueryParametersError"},
		{name: "another algorithm", old: "AWS4-HMAC-SHA256", new: "AWS4-HMAC-SHA512", status: 400, code: "AuthorizationQueryParametersError"},
		{name: "asymmetric", old: "AWS4-HMAC-SHA256", new: "AWS4-ECDSA-P256-SHA256", status: 501, code: "NotImplemented"},
		{name: "signature twice", old: "&X-Amz-Signature=", new: "&X-Amz-Signature=0&X-Amz-Signature=", status: 400, code: "AuthorizationQueryParametersError"},
		{name: "signature short", old: "&X-Amz-Signature=", new: "&X-Amz-Signature=0", status: 400, code: "AuthorizationQueryParametersError"},
		{name: "region", old: "us-east-1", new: "eu-west-1", status: 400, code: "AuthorizationQueryParametersError"},
		{name: "scope's date", old: testAccess + "%2F20", new: testAccess + "%2F19", status: 400, code: "AuthorizationQueryParametersError"},
		{name: "access key", old: testAccess, new: "another", status: 403, code: "InvalidAccessKeyId"},
		{name: "host not signed", old: "SignedHeaders=host", new: "SignedHeaders=range", headers: []string{"Range: bytes=0-1"}, status: 403, code: "AccessDenied"},
		{name: "date", old: "X-Amz-Date=2", new: "X-Amz-Date=x2", status: 400, code: "AuthorizationQueryParametersError"},
		{name: "session token", old: "&X-Amz-Sig", new: "&X-Amz-Security-Token=t&X-Amz-Sig", status: 400, code: "InvalidToken"},
		{name: "payload", old: "&X-Amz-Sig", new: "&X-Amz-Content-Sha256=UNSIGNED-PAYLOAD&X-Amz-Sig", status: 403, code: "SignatureDoesNotMatch"},
		{name: "payload in a header", headers: []string{"X-Amz-Content-Sha256: " + sigv4test.Hash("x")}, status: 403, code: "SignatureDoesNotMatch"},
		{name: "Authorization too", headers: []string{"Authorization: " + basic(testAccess, testSecret)}, status: 400, code: "InvalidArgument"},
		{name: "smuggled header", headers: []string{"X-Amz-Meta-A: 1"}, status: 403, code: "AccessDenied"},
		{name: "smuggled copy", headers: []string{"x-amz-copy-source: /bkt/a"}, status: 403, code: "AccessDenied"},
		{name: "a date in a header", headers: []string{"X-Amz-Date: 20260304T000000Z"}, status: 403, code: "AccessDenied"},
		{name: "another host", headers: []string{"Host: stronghold"}, status: 403, code: "SignatureDoesNotMatch"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if !strings.Contains(good, c.old) {
				t.Fatalf("%q is not in %q", c.old, good)
			}
			if !strings.HasPrefix(strings.Join(c.headers, ""), "Host") {
				c.headers = append(c.headers, host)
			}
			g.raw("PUT", strings.Replace(good, c.old, c.new, 1), "x", c.headers...).want(t, c.status, c.code)
		})
	}
	if slices.Contains(g.keys(), "refused") || slices.Contains(g.keys(), "other") {
		t.Errorf("stored: %q", g.keys())
	}
	// Without a presigned request around them, such parameters mean nothing.
	for _, query := range []string{"X-Amz-Expires=5", "x-amz-acl=private", "X-Amz-Date=20260304T000000Z", "X-Amz-Content-Sha256=UNSIGNED-PAYLOAD"} {
		g.signed("PUT", "/bkt/refused?"+query, "x").want(t, 501, "NotImplemented")
		g.do("PUT", "/bkt/refused?"+query, "x").want(t, 501, "NotImplemented")
	}
}
