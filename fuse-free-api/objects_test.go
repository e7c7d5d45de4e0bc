package api

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

func md5Hex(s string) string {
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

func TestObjectRoundTrip(t *testing.T) {
	g := newRig(t)
	const body = "hold fast"
	put := g.do("PUT", "/bkt/dir/file.txt", body,
		"Content-Type: text/plain", "X-Amz-Meta-Colour: Red", "x-amz-meta-empty:", "Cache-Control: max-age=5", "Content-Disposition: inline",
		"Content-Encoding: gzip", "Content-Language: en", "Expires: Thu, 01 Dec 1994 16:00:00 GMT").want(t, 200, "")
	etag := `"` + md5Hex(body) + `"`
	if put.header.Get("Etag") != etag || put.body != "" {
		t.Errorf("put: ETag %s, body %q", put.header.Get("Etag"), put.body)
	}
	for _, method := range []string{"GET", "HEAD"} {
		a := g.do(method, "/bkt/dir/file.txt", "").want(t, 200, "")
		wantBody := body
		if method == "HEAD" {
			wantBody = ""
		}
		if a.body != wantBody {
			t.Errorf("%s: body %q", method, a.body)
		}
		for name, want := range map[string]string{
			"Etag": etag, "Content-Type": "text/plain", "X-Amz-Meta-Colour": "Red", "X-Amz-Meta-Empty": "", "Cache-Control": "max-age=5",
			"Content-Disposition": "inline", "Content-Encoding": "gzip", "Content-Language": "en",
			"Expires": "Thu, 01 Dec 1994 16:00:00 GMT", "Last-Modified": "Wed, 04 Mar 2026 05:06:07 GMT",
			"Accept-Ranges": "bytes", "Content-Length": "9",
		} {
			if got := a.header.Values(name); len(got) != 1 || got[0] != want {
				t.Errorf("%s: %s is %q, want %q", method, name, got, want)
			}
		}
	}
	g.do("DELETE", "/bkt/dir/file.txt", "").want(t, 204, "")
	g.do("DELETE", "/bkt/dir/file.txt", "").want(t, 204, "")
	g.do("GET", "/bkt/dir/file.txt", "").want(t, 404, "NoSuchKey")
	if a := g.do("HEAD", "/bkt/dir/file.txt", "").want(t, 404, ""); a.body != "" {
		t.Errorf("a HEAD error has the body %q", a.body)
	}
}

func TestLowerCaseOnTheWire(t *testing.T) {
	g := newRig(t)
	g.do("PUT", "/bkt/k", "x", "X-Amz-Meta-MixedCase: Value").want(t, 200, "")
	conn := dial(t, g.objects)
	defer conn.Close()
	fmt.Fprintf(conn, "GET /bkt/k HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: %s\r\n\r\n", basic(testAccess, testSecret))
	var b strings.Builder
	buf := make([]byte, 4096)
	for {
		n, err := conn.Read(buf)
		b.Write(buf[:n])
		if err != nil {
			break
		}
	}
	for _, want := range []string{"\r\nx-amz-meta-mixedcase: Value\r\n", "\r\nETag: \"", "\r\nx-amz-request-id: "} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in the answer:\n%s", want, b.String())
		}
	}
}

func TestEmptyAndChunkedBodies(t *testing.T) {
	g := newRig(t)
	g.do("PUT", "/bkt/empty", "").want(t, 200, "")
	if a := g.do("GET", "/bkt/empty", "").want(t, 200, ""); a.body != "" || a.header.Get("Content-Length") != "0" || a.header.Get("Content-Type") != "binary/octet-stream" {
		t.Errorf("an empty object: %+v", a)
	}
	request := "PUT /bkt/chunked HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nAuthorization: " + basic(testAccess, testSecret) +
		"\r\n\r\n5\r\nhello\r\n7;x=y\r\n, world\r\n0\r\n\r\n"
	send(t, g.objects, "PUT", request).want(t, 200, "")
	if a := g.do("GET", "/bkt/chunked", "").want(t, 200, ""); a.body != "hello, world" {
		t.Errorf("body %q", a.body)
	}
}

func TestLargeBody(t *testing.T) {
	g := newRig(t)
	body := strings.Repeat("0123456789abcdef", 1<<16)
	g.do("PUT", "/bkt/large", body).want(t, 200, "")
	if a := g.do("GET", "/bkt/large", "").want(t, 200, ""); a.body != body {
		t.Error("another body came back")
	}
}

// Keys are what stands behind the bucket's slash, decoded once, and nothing
// else is done to them.
func TestRawPaths(t *testing.T) {
	long := strings.Repeat("k", maxKeyBytes)
	for target, key := range map[string]string{
		"/bkt/..":                     "..",
		"/bkt/../..":                  "../..",
		"/bkt/a/../b":                 "a/../b",
		"/bkt/./a":                    "./a",
		"/bkt//a":                     "/a",
		"/bkt///":                     "//",
		"/bkt/a//b/":                  "a//b/",
		"/bkt/a%2Fb":                  "a/b",
		"/bkt/%2F":                    "/",
		"/bkt/%2e%2E/x":               "../x",
		"/bkt/a%252Fb":                "a%2Fb",
		"/bkt/a+b%20c":                "a+b c",
		"/bkt/%00":                    "\x00",
		"/bkt/%3F%23%25":              "?#%",
		"/bkt/a#b":                    "a#b",
		"/bkt/\xc3\xbc":               "ü",
		"/bkt/%C3%BC":                 "ü",
		"/bkt/a;b=c&d":                "a;b=c&d",
		"/bkt/" + long:                long,
		"/bkt/" + encodeAll(long):     long,
		"http://other.host/bkt/a/b":   "a/b",
		"http://other.host/bkt//a?":   "/a",
		"/bkt/x?x-id=PutObject":       "x",
		"/bkt/http://h/p":             "http://h/p",
		"/bkt/%F0%9F%98%80/%E2%82%AC": "😀/€",
	} {
		t.Run(strings.ToValidUTF8(target[:min(len(target), 40)], "?"), func(t *testing.T) {
			g := newRig(t)
			g.do("PUT", target, "body").want(t, 200, "")
			if keys := g.keys(); len(keys) != 1 || keys[0] != key {
				t.Fatalf("keys %q, want %q", keys, key)
			}
			if a := g.do("GET", target, "").want(t, 200, ""); a.body != "body" {
				t.Errorf("body %q", a.body)
			}
		})
	}
}

func encodeAll(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, "%%%02x", s[i])
	}
	return b.String()
}

func TestDigests(t *testing.T) {
	const body = "checked"
	sum := md5.Sum([]byte(body))
	sha := sha256.Sum256([]byte(body))
	other := md5.Sum([]byte("other"))
	otherSHA := sha256.Sum256([]byte("other"))
	b64 := base64.StdEncoding.EncodeToString
	for _, c := range []struct {
		name, header string
		status       int
		code         string
	}{
		{"right md5", "Content-MD5: " + b64(sum[:]), 200, ""},
		{"wrong md5", "Content-MD5: " + b64(other[:]), 400, "BadDigest"},
		{"short md5", "Content-MD5: " + b64(sum[:8]), 400, "InvalidDigest"},
		{"md5 in hex", "Content-MD5: " + hex.EncodeToString(sum[:]), 400, "InvalidDigest"},
		{"empty md5", "Content-MD5:", 400, "InvalidDigest"},
		{"right sha256", "x-amz-content-sha256: " + hex.EncodeToString(sha[:]), 200, ""},
		{"wrong sha256", "x-amz-content-sha256: " + hex.EncodeToString(otherSHA[:]), 400, "XAmzContentSHA256Mismatch"},
		{"bad sha256", "x-amz-content-sha256: abc", 400, "InvalidArgument"},
		{"no sha256", "x-amz-content-sha256: UNSIGNED-PAYLOAD", 200, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newRig(t)
			g.do("PUT", "/bkt/k", body, c.header).want(t, c.status, c.code)
			if c.status != 200 {
				g.wantNothing()
			}
		})
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"/", "/bkt", "/bkt/", "/bkt/..", "/bkt//a%2Fb", "/bkt/%zz", "//", "/%2F/a", "*", "", "/bkt/%ff", "/b%6bt/k"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		a, err := parseAddress(raw)
		if err != nil {
			if a != (address{}) {
				t.Fatalf("%q: %+v with an error", raw, a)
			}
			return
		}
		if a.bucket == "" {
			if raw != "/" || a.key != "" {
				t.Fatalf("%q: %+v", raw, a)
			}
			return
		}
		if err := CheckBucketName(a.bucket); err != nil {
			t.Fatal(err)
		}
		again := "/" + a.bucket
		if a.key != "" {
			if err := CheckKey(a.key); err != nil {
				t.Fatal(err)
			}
			again += "/" + url.PathEscape(a.key)
		}
		b, err := parseAddress(again)
		if err != nil || a != b {
			t.Fatalf("%q: %+v, then %+v, %v", raw, a, b, err)
		}
	})
}
