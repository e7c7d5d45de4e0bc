package sigv4

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-storage/holdfast/fuse-free-api/sigv4/sigv4test"
)

// request makes one without a parser that would refuse most of it.
func request(method, target string, h http.Header) (*http.Request, string) {
	path, query, _ := strings.Cut(target, "?")
	return &http.Request{Method: method, Host: exampleHost, Header: h, URL: &url.URL{RawQuery: query}, ProtoMajor: 1}, path
}

// decodes tells whether a target's path and query are validly encoded.
func decodes(target string) bool {
	path, query, _ := strings.Cut(target, "?")
	_, err := url.PathUnescape(path)
	_, err2 := url.QueryUnescape(query)
	return err == nil && err2 == nil
}

// plainHeader tells whether both sides mean the same by a header's value: of
// white space, only spaces are.
func plainHeader(value string) bool {
	return !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' })
}

// FuzzAuthorization: what is signed is accepted, whatever it is, and nothing
// is accepted that is not signed.
func FuzzAuthorization(f *testing.F) {
	lines := exampleSigner().Lines("GET", "/test.txt?a=b", exampleHost, "", "X-Amz-Meta-A: v")
	authorization := strings.TrimPrefix(lines[3], "Authorization: ")
	f.Add(authorization, exampleStamp, "/test.txt?a=b", "v")
	f.Add(strings.ReplaceAll(authorization, ", ", ","), exampleStamp, "/test.txt?a=b&", "  v ")
	f.Add(strings.Replace(authorization, "host;", "host;host;", 1), exampleStamp, "/test.txt?a=b", "v")
	f.Add(strings.Replace(authorization, "us-east-1", "eu-west-1", 1), exampleStamp, "/test.txt?a=b", "v")
	f.Add("AWS4-HMAC-SHA256 Credential=////,SignedHeaders=;,Signature="+strings.Repeat("0", 64), exampleStamp, "/%7e//../a+b", "")
	f.Add("AWS4-HMAC-SHA256", "20130524T000000.5Z", "/?a;b&=&==&%3d=%26", "a  b")
	f.Add("AWS4-ECDSA-P256-SHA256 Credential=a", "", "/%", "\xff")
	v := exampleVerifier(0)
	f.Fuzz(func(t *testing.T, authorization, date, target, meta string) {
		h := http.Header{"Authorization": {authorization}, "X-Amz-Date": {date}, "X-Amz-Content-Sha256": {sigv4test.Empty}, "X-Amz-Meta-A": {meta}}
		r, path := request("GET", target, h)
		verified, err := v.Verify(r, path)
		if _, ok := err.(*Error); !ok && err != nil {
			t.Fatalf("not an *Error: %v", err)
		}
		if (verified == nil) == (err == nil) {
			t.Fatal(verified, err)
		}
		if err == nil && plainHeader(meta) {
			_, list, _ := strings.Cut(authorization, "SignedHeaders=")
			list, _, _ = strings.Cut(list, ",")
			names := strings.Split(strings.Trim(list, " \t"), ";")
			m := sigv4test.Message{Method: "GET", Target: target, Host: exampleHost, Header: h, Payload: sigv4test.Empty}
			want := exampleSigner().Signature(&m, names, date)
			if m.Path = path; !containsFold(authorization, want) && !containsFold(authorization, exampleSigner().Signature(&m, names, date)) {
				t.Fatalf("%q was accepted, the signature is %s", authorization, want)
			}
			if !slices.Contains(names, "host") || !slices.Contains(names, "x-amz-date") || !slices.Contains(names, "x-amz-meta-a") {
				t.Fatalf("%q was accepted", names)
			}
		}

		m := sigv4test.Message{Method: "PUT", Target: target, Host: exampleHost, Header: http.Header{"X-Amz-Meta-A": {meta}}, Payload: Unsigned}
		exampleSigner().SignMessage(&m)
		r, path = request("PUT", target, m.Header)
		_, query, _ := strings.Cut(target, "?")
		if _, err := v.Verify(r, path); plainHeader(meta) && !Presigned(query) && (err == nil) != decodes(target) {
			t.Fatalf("signed %q, meta %q: %v", target, meta, err)
		}
		r.Method = "GET"
		if _, err := v.Verify(r, path); err == nil {
			t.Fatal("another method was accepted")
		}
	})
}

func containsFold(s, hex string) bool { return strings.Contains(strings.ToLower(s), hex) }

// FuzzPresigned is the same of signatures in the query.
func FuzzPresigned(f *testing.F) {
	signed := exampleSigner().Presign("GET", "/test.txt", exampleHost, time.Hour, nil)
	f.Add(signed)
	f.Add(exampleSigner().Presign("GET", "/a%20b?partNumber=1&uploadId=x%2By", exampleHost, time.Hour, nil))
	f.Add(strings.Replace(signed, "X-Amz-Expires=3600", "X-Amz-Expires=604801", 1))
	f.Add(strings.Replace(signed, "X-Amz-Date", "x-amz-date", 1))
	f.Add(signed + "&X-Amz-Signature=0")
	f.Add(signed + "&X-Amz-Content-Sha256=" + sigv4test.Empty)
	f.Add(signed + "&X-Amz-Security-Token=t")
	f.Add("/?X%2DAmz-Algorithm=AWS4-HMAC-SHA256&&X-Amz-Credential=%2f%2F/")
	v := exampleVerifier(0)
	f.Fuzz(func(t *testing.T, target string) {
		r, path := request("GET", target, http.Header{})
		verified, err := v.Verify(r, path)
		if _, ok := err.(*Error); !ok && err != nil {
			t.Fatalf("not an *Error: %v", err)
		}
		if (verified == nil) == (err == nil) {
			t.Fatal(verified, err)
		}
		_, query, _ := strings.Cut(target, "?")
		if err == nil {
			if !Presigned(query) || !verified.Presigned {
				t.Fatal("accepted, and not presigned")
			}
			var rest []string
			signature := ""
			for _, part := range strings.Split(query, "&") {
				name, value, _ := strings.Cut(part, "=")
				if name, _ = url.QueryUnescape(name); name == "X-Amz-Signature" {
					signature, _ = url.QueryUnescape(value)
				} else if part != "" {
					rest = append(rest, part)
				}
			}
			m := sigv4test.Message{Method: "GET", Target: path + "?" + strings.Join(rest, "&"), Host: exampleHost, Header: http.Header{}, Payload: verified.Payload}
			want := exampleSigner().Signature(&m, []string{"host"}, exampleStamp)
			if m.Path = path; !strings.EqualFold(signature, want) && !strings.EqualFold(signature, exampleSigner().Signature(&m, []string{"host"}, exampleStamp)) {
				t.Fatalf("accepted, the signature is %s", want)
			}
		}
		for part := range strings.SplitSeq(query, "&") {
			name, _, _ := strings.Cut(part, "=")
			if name, _ = url.QueryUnescape(name); Parameter(name) {
				return // signing it again would make it twice
			}
		}
		again := exampleSigner().Presign("GET", target, exampleHost, time.Hour, nil)
		r, path = request("GET", again, http.Header{})
		if _, err := v.Verify(r, path); (err == nil) != decodes(target) {
			t.Fatalf("presigned %q: %v", target, err)
		}
	})
}
