package api

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

// version2Query signs the text as it is given.
func version2Query(access, secret, text, expires string) string {
	digest := hmac.New(sha1.New, []byte(secret))
	digest.Write([]byte(text))
	return fmt.Sprintf("AWSAccessKeyId=%s&Expires=%s&Signature=%s", access, expires, url.QueryEscape(base64.StdEncoding.EncodeToString(digest.Sum(nil))))
}

// TestVersion2Example is the example of Amazon S3's documentation: a URL of January 2007 below a bucket's own host name.
func TestVersion2Example(t *testing.T) {
	g := newRig(t, func(o *Options) {
		o.AccessKey, o.SecretKey = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
		o.Domains = []string{"s3.amazonaws.com"}
		o.Now = func() time.Time { return time.Unix(1175139610, 0) }
	})
	if err := g.store.CreateBucket(t.Context(), "johnsmith"); err != nil {
		t.Fatal(err)
	}
	get := "GET /photos/puppy.jpg?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D&Expires=1175139620 HTTP/1.1\r\n" +
		"Host: johnsmith.s3.amazonaws.com\r\n\r\n"
	send(t, g.objects, "GET", get).want(t, 404, "NoSuchKey")
	send(t, g.objects, "GET", strings.Replace(get, "puppy", "kitty", 1)).want(t, 403, "SignatureDoesNotMatch")
	send(t, g.objects, "GET", strings.Replace(get, "johnsmith", "johnsmyth", 1)).want(t, 403, "SignatureDoesNotMatch")
}

func TestVersion2(t *testing.T) {
	const now, later = 1800000000, "1800000060"
	for _, c := range []struct {
		name, method, target, text string // the text that is signed, without the method and the time
		expires                    string // if not later
		headers, body              string
		status                     int
		code                       string
	}{
		{name: "get", method: "GET", target: "/bkt/a%20b%2B?", text: "/bkt/a%20b%2B", status: 200},
		{name: "put", method: "PUT", target: "/bkt/new?", text: "/bkt/new", body: "x", status: 200},
		{name: "put what is signed as headers", method: "PUT", target: "/bkt/new?content-type=a%2Fb&x-amz-meta-a=1&x-amz-meta-a-b=2&", text: "x-amz-meta-a:1\nx-amz-meta-a-b:2\n/bkt/new",
			headers: "Content-Type: a/b\r\n", body: "x", status: 200},
		{name: "the same in both places", method: "PUT", target: "/bkt/new?x-amz-meta-a=1&", text: "x-amz-meta-a:1\n/bkt/new", headers: "x-amz-meta-a: 1\r\n", body: "x", status: 200},
		{name: "something else in both places", method: "PUT", target: "/bkt/new?x-amz-meta-a=1&", text: "x-amz-meta-a:1\n/bkt/new", headers: "x-amz-meta-a: 2\r\n", body: "x", status: 400, code: "InvalidArgument"},
		{name: "a header that was not signed", method: "PUT", target: "/bkt/new?", text: "/bkt/new", headers: "x-amz-copy-source: /bkt/secret\r\n", status: 403, code: "SignatureDoesNotMatch"},
		{name: "a parameter that was not signed", method: "PUT", target: "/bkt/new?tagging&", text: "/bkt/new", body: "x", status: 403, code: "SignatureDoesNotMatch"},
		{name: "a parameter that cannot be signed", method: "GET", target: "/bkt/new?attributes&", text: "/bkt/new", status: 403, code: "AccessDenied"},
		{name: "an override", method: "GET", target: "/bkt/a%20b%2B?response-content-type=c%2Fd&", text: "/bkt/a%20b%2B?response-content-type=c/d", status: 200},
		{name: "a token", method: "GET", target: "/bkt/a%20b%2B?x-amz-security-token=t&", text: "x-amz-security-token:t\n/bkt/a%20b%2B", status: 501, code: "NotImplemented"},
		{name: "a listing", method: "GET", target: "/bkt?list-type=2&prefix=a&", text: "/bkt", status: 200},
		{name: "another method", method: "DELETE", target: "/bkt/a%20b%2B?", text: "GET", status: 403, code: "SignatureDoesNotMatch"},
		{name: "expired", method: "GET", target: "/bkt/a%20b%2B?", text: "/bkt/a%20b%2B", expires: "1799999999", status: 403, code: "AccessDenied"},
		{name: "expires never", method: "GET", target: "/bkt/a%20b%2B?", text: "/bkt/a%20b%2B", expires: "never", status: 403, code: "AccessDenied"},
		{name: "expires twice", method: "GET", target: "/bkt/a%20b%2B?Expires=1900000000&", text: "/bkt/a%20b%2B", status: 403, code: "AccessDenied"},
		{name: "signed chunks", method: "PUT", target: "/bkt/new?", text: "x-amz-content-sha256:STREAMING-AWS4-HMAC-SHA256-PAYLOAD\nx-amz-decoded-content-length:1\n/bkt/new",
			headers: "x-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD\r\nx-amz-decoded-content-length: 1\r\n", body: "x", status: 400, code: "InvalidRequest"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newRig(t, func(o *Options) { o.Now = func() time.Time { return time.Unix(now, 0) } })
			g.do("PUT", "/bkt/a%20b%2B", "hello").want(t, 200, "")
			if c.expires == "" {
				c.expires = later
			}
			contentType := ""
			if strings.HasPrefix(c.headers, "Content-Type: ") {
				contentType = "a/b"
			}
			text := strings.Join([]string{c.method, "", contentType, c.expires, c.text}, "\n")
			request := c.method + " " + c.target + version2Query(testAccess, testSecret, text, c.expires) + " HTTP/1.1\r\nHost: h\r\n" + c.headers
			answer := send(t, g.objects, c.method, fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", request, len(c.body), c.body))
			answer.want(t, c.status, c.code)
			if strings.Contains(answer.body, testSecret) {
				t.Error("the answer tells the secret")
			}
		})
	}
	g := newRig(t)
	for _, query := range []string{"AWSAccessKeyId=x", "AWSAccessKeyId=x&Signature=y&Expires=", "AWSAccessKeyId=&Signature=y&Expires=1"} {
		send(t, g.objects, "GET", "GET /bkt/k?"+query+" HTTP/1.1\r\nHost: h\r\n\r\n").want(t, 403, "AccessDenied")
	}
	request := "GET /bkt/k?" + version2Query("another", testSecret, "GET\n\n\n4000000000\n/bkt/k", "4000000000") + " HTTP/1.1\r\nHost: h\r\n\r\n"
	send(t, g.objects, "GET", request).want(t, 403, "InvalidAccessKeyId")
}
