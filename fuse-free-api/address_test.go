package api

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestCheckDomain(t *testing.T) {
	for name, ok := range map[string]bool{
		"s3.example.org": true, "localhost": true, "S3.Example.ORG": true, "a-b.c1": true, "xn--bcher-kva.example": true,
		"": false, ".": false, "a..b": false, "a.": false, ".a": false, "a:9000": false, "http://a": false, "*.a": false, "-a.b": false, "a-.b": false,
		"a_b": false, "bücher.example": false, "192.168.1.2": false, "::1": false, "a/b": false, strings.Repeat("a", 64): false,
		strings.Repeat("a.", 127) + "a": false,
	} {
		if err := CheckDomain(name); (err == nil) != ok || err != nil && !errors.Is(err, ErrInvalidName) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := New(Options{Store: newFakeStore(), Admin: &fakeAdmin{}, AccessKey: "a", SecretKey: "s", Domains: []string{"a:1"}}); !errors.Is(err, ErrInvalidName) {
		t.Errorf("taken: %v", err)
	}
}

func TestAddressOfHostAndPath(t *testing.T) {
	d, err := newDomains([]string{"example.org", "s3.example.org", "LOCALHOST"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		host, raw   string
		bucket, key string
		code        string // of the error
	}{
		{"bkt.s3.example.org", "/", "bkt", "", ""},
		{"bkt.s3.example.org", "/k", "bkt", "k", ""},
		{"bkt.s3.example.org:9000", "/a/b", "bkt", "a/b", ""},
		{"BKT.S3.example.org.:9000", "/k", "bkt", "k", ""},
		{"my.dotted.bkt.s3.example.org", "/k", "my.dotted.bkt", "k", ""},
		{"bkt.localhost", "//k", "bkt", "/k", ""},
		{"bkt.localhost", "//", "bkt", "/", ""},
		{"bkt.localhost", "///k//", "bkt", "//k//", ""},
		{"bkt.localhost", "/..", "bkt", "..", ""},
		{"bkt.localhost", "/../../k", "bkt", "../../k", ""},
		{"bkt.localhost", "/%2e%2E/%2F", "bkt", "..//", ""},
		{"bkt.localhost", "/bkt/k", "bkt", "bkt/k", ""},
		{"bkt.localhost", "/a%20b+c", "bkt", "a b+c", ""},
		{"s3.example.org", "/bkt/k", "bkt", "k", ""},
		{"s3.example.org:443", "/", "", "", ""},
		{"localhost", "/bkt//k", "bkt", "/k", ""},
		{"other.net", "/bkt/k", "bkt", "k", ""},
		{"nos3.example.net", "/bkt/k", "bkt", "k", ""},
		{"xlocalhost", "/bkt/k", "bkt", "k", ""},
		{"127.0.0.1:9000", "/bkt/k", "bkt", "k", ""},
		{"[::1]:9000", "/bkt/k", "bkt", "k", ""},
		{"", "/bkt/k", "bkt", "k", ""},
		{"bucket.example.org", "/k", "bucket", "k", ""},
		{"ab.example.org", "/k", "", "", "InvalidBucketName"},
		{"b_t.s3.example.org", "/k", "", "", "InvalidBucketName"},
		{".s3.example.org", "/k", "", "", "InvalidBucketName"},
		{"a..b.s3.example.org", "/k", "", "", "InvalidBucketName"},
		{"1.2.3.4.s3.example.org", "/k", "", "", "InvalidBucketName"},
		{"bkt.s3.example.org", "/%zz", "", "", "InvalidURI"},
		{"bkt.s3.example.org", "/%ff", "", "", "InvalidURI"},
		{"bkt.s3.example.org", "*", "", "", "InvalidURI"},
		{"bkt.s3.example.org", "/" + strings.Repeat("k", maxKeyBytes+1), "", "", "KeyTooLongError"},
	} {
		t.Run(c.host+c.raw[:min(len(c.raw), 20)], func(t *testing.T) {
			a, err := d.parse(c.host, c.raw)
			var e *s3Error
			if errors.As(err, &e); e != nil && e.code.name != c.code || e == nil && c.code != "" || err != nil && e == nil {
				t.Fatalf("%v, want %q", err, c.code)
			}
			if err == nil && (a.bucket != c.bucket || a.key != c.key) {
				t.Errorf("bucket %q and key %q, want %q and %q", a.bucket, a.key, c.bucket, c.key)
			}
		})
	}
}

// Objects are the same whichever way their bucket is named.
func TestVirtualHosts(t *testing.T) {
	g := newRig(t, func(o *Options) { o.Domains = []string{"s3.example.org"} })
	ask := func(method, host, target, body string) answer {
		t.Helper()
		return send(t, g.objects, method, fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\nAuthorization: %s\r\nContent-Length: %d\r\n\r\n%s",
			method, target, host, basic(testAccess, testSecret), len(body), body))
	}
	const dotted = "www.dotted.bucket"
	ask("PUT", dotted+".s3.example.org", "/", "").want(t, 200, "")
	for _, bucket := range []string{"bkt", dotted} {
		host := bucket + ".s3.example.org"
		for _, raw := range []string{"k", "/k", "//k", "..", "../k", "a/../b/", ".", "%2e%2e/x", "a//b", "%20%25%2B"} {
			ask("PUT", host, "/"+raw, "body of "+raw).want(t, 200, "")
			for _, a := range []answer{
				ask("GET", host, "/"+raw, ""), ask("GET", host+":9000", "/"+raw, ""), ask("GET", host, "http://"+host+"/"+raw, ""),
				ask("GET", "s3.example.org", "/"+bucket+"/"+raw, ""), ask("GET", "127.0.0.1", "/"+bucket+"/"+raw, ""),
			} {
				if a.want(t, 200, ""); a.body != "body of "+raw {
					t.Errorf("%s of %s: %q", raw, bucket, a.body)
				}
			}
		}
		ask("GET", host, "/?list-type=2", "").want(t, 200, "")
		ask("HEAD", host, "/", "").want(t, 200, "")
		if a := ask("GET", host, "/none", "").want(t, 404, "NoSuchKey"); a.s3Error(t).Resource != "/"+bucket+"/none" {
			t.Errorf("resource %q", a.s3Error(t).Resource)
		}
	}
	if a := ask("GET", "s3.example.org", "/", "").want(t, 200, ""); !strings.Contains(a.body, "ListAllMyBucketsResult") {
		t.Error(a.body)
	}
	ask("GET", "nosuch.s3.example.org", "/k", "").want(t, 404, "NoSuchBucket")
	ask("GET", "x.s3.example.org", "/k", "").want(t, 400, "InvalidBucketName")
}
