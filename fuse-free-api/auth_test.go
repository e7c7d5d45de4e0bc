package api

import (
	"strings"
	"testing"
)

func TestNothingAnonymous(t *testing.T) {
	g := newRig(t)
	g.do("PUT", "/bkt/k", "secret").want(t, 200, "")
	for _, c := range []struct {
		name, target string
		headers      []string
		status       int
		code         string
	}{
		{"no key", "/bkt/k", nil, 403, "AccessDenied"},
		{"no key, no bucket", "/", nil, 403, "AccessDenied"},
		{"no key, bad name", "/B", nil, 403, "AccessDenied"},
		{"another key", "/bkt/k", []string{basic("other", testSecret)}, 403, "InvalidAccessKeyId"},
		{"another secret", "/bkt/k", []string{basic(testAccess, "other")}, 403, "SignatureDoesNotMatch"},
		{"a prefix of the secret", "/bkt/k", []string{basic(testAccess, testSecret[:4])}, 403, "SignatureDoesNotMatch"},
		{"no secret", "/bkt/k", []string{basic(testAccess, "")}, 403, "SignatureDoesNotMatch"},
		{"nothing in it", "/bkt/k", []string{""}, 400, "InvalidArgument"},
		{"not base64", "/bkt/k", []string{"Basic !!!"}, 403, "AccessDenied"},
		{"twice", "/bkt/k", []string{basic(testAccess, testSecret), basic(testAccess, testSecret)}, 400, "InvalidArgument"},
		{"bearer", "/bkt/k", []string{"Bearer x"}, 400, "InvalidArgument"},
		{"signature 4", "/bkt/k", []string{"AWS4-HMAC-SHA256 Credential=x/20260304/us-east-1/s3/aws4_request"}, 400, "AuthorizationHeaderMalformed"},
		{"signature 2", "/bkt/k", []string{"AWS x:y"}, 501, "NotImplemented"},
		{"presigned", "/bkt/k?X-Amz-Algorithm=AWS4-HMAC-SHA256", nil, 400, "AuthorizationQueryParametersError"},
		{"signature 2 in the query", "/bkt/k?AWSAccessKeyId=x&Signature=y&Expires=1", nil, 403, "InvalidAccessKeyId"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, method := range []string{"GET", "PUT", "DELETE", "HEAD"} {
				request := method + " " + c.target + " HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n"
				for _, h := range c.headers {
					request += "Authorization: " + h + "\r\n"
				}
				code := c.code
				if method == "HEAD" {
					code = ""
				}
				a := send(t, g.objects, method, request+"\r\n").want(t, c.status, code)
				if strings.Contains(a.body, testSecret) {
					t.Error("the answer tells the secret")
				}
			}
		})
	}
	if a := g.do("GET", "/bkt/k", "").want(t, 200, ""); a.body != "secret" {
		t.Errorf("the object is %q now", a.body)
	}
}

func TestKeysMustBeGiven(t *testing.T) {
	for _, opts := range []Options{{AccessKey: "a"}, {SecretKey: "s"}, {}} {
		opts.Store, opts.Admin = newFakeStore(), &fakeAdmin{}
		if _, err := New(opts); err == nil {
			t.Errorf("%q, %q: taken", opts.AccessKey, opts.SecretKey)
		}
	}
}
