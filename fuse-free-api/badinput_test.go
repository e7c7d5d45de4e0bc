package api

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

func TestNamesOutsideTheRules(t *testing.T) {
	g := newRig(t)
	for _, c := range []struct {
		target string
		status int
		code   string
	}{
		{"/ab", 400, "InvalidBucketName"},
		{"/" + strings.Repeat("b", 64), 400, "InvalidBucketName"},
		{"/Bucket", 400, "InvalidBucketName"},
		{"/buck_et", 400, "InvalidBucketName"},
		{"/-bucket", 400, "InvalidBucketName"},
		{"/bucket.", 400, "InvalidBucketName"},
		{"/buc..ket", 400, "InvalidBucketName"},
		{"/192.168.0.1", 400, "InvalidBucketName"},
		{"/b%C3%BCcket", 400, "InvalidBucketName"},
		{"/..", 400, "InvalidBucketName"},
		{"/../etc/passwd", 400, "InvalidBucketName"},
		{"//bkt/key", 400, "InvalidBucketName"},
		{"/bkt%2Fkey", 400, "InvalidBucketName"},
		{"/bkt/" + strings.Repeat("k", maxKeyBytes+1), 400, "KeyTooLongError"},
		{"/bkt/" + strings.Repeat("%C3%BC", maxKeyBytes/2+1), 400, "KeyTooLongError"},
		{"/bkt/%FF", 400, "InvalidURI"},
		{"/bkt/%ED%A0%80", 400, "InvalidURI"}, // a surrogate
		{"/bkt/\xff\xfe", 400, "InvalidURI"},
	} {
		t.Run(strings.ToValidUTF8(c.target[:min(len(c.target), 40)], "?"), func(t *testing.T) {
			for _, method := range []string{"PUT", "GET", "DELETE"} {
				g.do(method, c.target, "").want(t, c.status, c.code)
			}
			g.do("HEAD", c.target, "").want(t, c.status, "")
		})
	}
	g.wantNothing()
	if n := len(g.store.buckets); n != 1 {
		t.Errorf("%d buckets", n)
	}
}

func TestBodiesThatAreNotWhole(t *testing.T) {
	auth := "Host: h\r\nAuthorization: " + basic(testAccess, testSecret) + "\r\n"
	for _, c := range []struct {
		name, request string
		close         bool // the client ends its side
		status        int
		code          string
	}{
		{"no length", "PUT /bkt/k HTTP/1.1\r\n" + auth + "\r\n", false, 411, "MissingContentLength"},
		{"no length in HTTP/1.0", "PUT /bkt/k HTTP/1.0\r\n" + auth + "\r\nbody", true, 411, "MissingContentLength"},
		{"truncated", "PUT /bkt/k HTTP/1.1\r\n" + auth + "Content-Length: 10\r\n\r\nbody", true, 400, "IncompleteBody"},
		{"none of it", "PUT /bkt/k HTTP/1.1\r\n" + auth + "Content-Length: 10\r\n\r\n", true, 400, "IncompleteBody"},
		{"stalled", "PUT /bkt/k HTTP/1.1\r\n" + auth + "Content-Length: 10\r\n\r\nbody", false, 400, "RequestTimeout"},
		{"stalled and refused", "PUT /Bkt/k HTTP/1.1\r\n" + auth + "Content-Length: 10\r\n\r\nbody", false, 400, "InvalidBucketName"},
		{"stalled bucket configuration", "PUT /other HTTP/1.1\r\n" + auth + "Content-Length: 10\r\n\r\nbody", false, 400, "RequestTimeout"},
		{"chunked, stalled", "PUT /bkt/k HTTP/1.1\r\n" + auth + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", false, 400, "RequestTimeout"},
		{"chunked, truncated", "PUT /bkt/k HTTP/1.1\r\n" + auth + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", true, 400, "IncompleteBody"},
		{"chunked, truncated in a chunk", "PUT /bkt/k HTTP/1.1\r\n" + auth + "Transfer-Encoding: chunked\r\n\r\n5\r\nhel", true, 400, "IncompleteBody"},
		{"chunked, garbage", "PUT /bkt/k HTTP/1.1\r\n" + auth + "Transfer-Encoding: chunked\r\n\r\nxyz\r\nhello\r\n0\r\n\r\n", true, 400, "IncompleteBody"},
		{"over 5 GiB", fmt.Sprintf("PUT /bkt/k HTTP/1.1\r\n"+auth+"Content-Length: %d\r\n\r\nbody", maxObjectBytes+1), false, 400, "EntityTooLarge"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newRig(t, func(o *Options) {
				if !c.close {
					o.StallTimeout = 150 * time.Millisecond
				}
			})
			conn := dial(t, g.objects)
			defer conn.Close()
			if _, err := io.WriteString(conn, c.request); err != nil {
				t.Fatal(err)
			}
			if c.close {
				if err := conn.CloseWrite(); err != nil {
					t.Fatal(err)
				}
			}
			receive(t, conn, "PUT").want(t, c.status, c.code)
			g.wantNothing()
			if len(g.store.buckets) != 1 {
				t.Error("a bucket was made")
			}
		})
	}
}

// Chunked bodies have no length to refuse beforehand.
func TestChunkedBodyTooLarge(t *testing.T) {
	g := newRig(t)
	g.maxObjectBytes = 1000
	request := "PUT /bkt/k HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nAuthorization: " + basic(testAccess, testSecret) + "\r\n\r\n"
	chunk := func(n int) string { return fmt.Sprintf("%x\r\n%s\r\n", n, strings.Repeat("x", n)) }
	send(t, g.objects, "PUT", request+chunk(900)+chunk(101)+"0\r\n\r\n").want(t, 400, "EntityTooLarge")
	g.wantNothing()
	send(t, g.objects, "PUT", request+chunk(900)+chunk(100)+"0\r\n\r\n").want(t, 200, "")
}

// A client that sends slowly is not one that stalls.
func TestSlowBodyIsTaken(t *testing.T) {
	unhurried(t, 300*time.Millisecond, func(t testing.TB, d time.Duration) {
		g := newRig(t, func(o *Options) { o.StallTimeout = d })
		conn := dial(t, g.objects)
		defer conn.Close()
		const n = 12
		fmt.Fprintf(conn, "PUT /bkt/k HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\nAuthorization: %s\r\n\r\n", n, basic(testAccess, testSecret))
		for range n {
			time.Sleep(d / 5)
			if _, err := io.WriteString(conn, "x"); err != nil {
				t.Fatal(err)
			}
		}
		receive(t, conn, "PUT").want(t, 200, "")
	})
}

func TestMetadataLimits(t *testing.T) {
	g := newRig(t)
	value := strings.Repeat("v", maxMetaBytes-len("name"))
	g.do("PUT", "/bkt/fits", "x", "x-amz-meta-name: "+value).want(t, 200, "")
	g.do("PUT", "/bkt/toolarge", "x", "x-amz-meta-name: "+value+"v").want(t, 400, "MetadataTooLarge")
	g.do("PUT", "/bkt/toolarge", "x", "x-amz-meta-: v").want(t, 400, "InvalidArgument")
	g.do("PUT", "/bkt/toolarge", "x", "Cache-Control: "+strings.Repeat("v", maxSystemBytes)).want(t, 400, "MetadataTooLarge")
	g.do("PUT", "/bkt/toolarge", "x", "Content-Type: "+strings.Repeat("v", maxContentTypeBytes+1)).want(t, 400, "MetadataTooLarge")
	if keys := g.keys(); len(keys) != 1 {
		t.Errorf("keys %q", keys)
	}
}

// Nothing that is asked for is passed over.
func TestWhatIsNotHonouredIsRefused(t *testing.T) {
	g := newRig(t)
	g.do("PUT", "/bkt/there", "before").want(t, 200, "")
	for _, c := range []struct{ method, target, header string }{
		{"PUT", "/bkt/there?made-up", ""},
		{"PUT", "/bkt/there", "x-amz-server-side-encryption: AES256"},
		{"PUT", "/bkt/there", "x-amz-object-lock-mode: GOVERNANCE"},
		{"PUT", "/bkt/there", "x-amz-storage-class: GLACIER"},
		{"PUT", "/bkt/there", "x-amz-acl: public-read"},
		{"PUT", "/bkt/there", "x-amz-made-up: 1"},
		{"PUT", "/bkt/there", "x-amz-checksum-sha512: AAAAAA=="},
		{"GET", "/bkt/there", "x-amz-checksum-crc32: AAAAAA=="},
		{"GET", "/bkt/there", "x-amz-request-payer: me"},
		{"DELETE", "/bkt/there", "x-amz-sdk-checksum-algorithm: CRC32"},
		{"DELETE", "/bkt/there", "x-amz-decoded-content-length: 5"},
		{"PUT", "/bkt/there", "x-amz-content-sha256: STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"},
		{"PUT", "/bkt/there", "Content-Range: bytes 0-3/10"},
		{"PUT", "/bkt/there", "If-Unmodified-Since: Wed, 04 Mar 2026 05:06:07 GMT"},
		{"PUT", "/bkt/there", "If-Modified-Since: Wed, 04 Mar 2026 05:06:07 GMT"},
		{"PUT", "/bkt/there", "If-Made-Up: x"},
		{"PUT", "/bkt/there", "If: x"},
		{"DELETE", "/bkt/there", "If-Unmodified-Since: Wed, 04 Mar 2026 05:06:07 GMT"},
		{"DELETE", "/bkt/there", "x-amz-if-match-size: 6"},
		{"DELETE", "/bkt/there", "x-amz-mfa: 1 2"},
		{"GET", "/bkt/there", "x-amz-server-side-encryption-customer-algorithm: AES256"},
		{"GET", "/bkt?list-type=2&made-up=1", ""},
		{"GET", "/bkt?list-type=2", "If-None-Match: x"},
		{"GET", "/bkt?list-type=2", "x-amz-optional-object-attributes: RestoreStatus"},
		{"PUT", "/bkt2", "x-amz-bucket-object-lock-enabled: true"},
		{"PUT", "/bkt2", "If-None-Match: *"},
		{"PUT", "/bkt?versioning", ""},
		{"PUT", "/bkt?policy", ""},
		{"DELETE", "/bkt?acl", ""},
		{"PUT", "/bkt/there?retention", ""},
		{"PUT", "/bkt/there?acl", "x-amz-acl: public-read"},
		{"PUT", "/bkt/there?acl", "x-amz-grant-read: id=1"},
		{"PUT", "/bkt2", "x-amz-object-ownership: ObjectWriter"},
		{"PUT", "/bkt2", "x-amz-acl: public-read"},
		{"GET", "/bkt?acl&policy", ""},
		{"GET", "/?made-up=1", ""},
		{"POST", "/bkt/there?uploads", "x-amz-server-side-encryption: AES256"},
	} {
		t.Run(c.method+" "+c.target+" "+c.header, func(t *testing.T) {
			var headers []string
			if c.header != "" {
				headers = append(headers, c.header)
			}
			code := "NotImplemented"
			if c.method == "HEAD" {
				code = ""
			}
			body := ""
			if c.method == "PUT" && strings.Contains(c.target, "there") {
				body = "behind"
			}
			g.do(c.method, c.target, body, headers...).want(t, 501, code)
		})
	}
	request := "PUT /bkt/there HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: x-amz-checksum-crc32\r\nAuthorization: " +
		basic(testAccess, testSecret) + "\r\n\r\n1\r\nx\r\n0\r\nx-amz-checksum-crc32: AAAAAA==\r\n\r\n"
	send(t, g.objects, "PUT", request).want(t, 501, "NotImplemented")
	if a := g.do("GET", "/bkt/there", "").want(t, 200, ""); a.body != "before" {
		t.Errorf("the object is %q now", a.body)
	}
	if len(g.store.buckets) != 1 {
		t.Error("a bucket was made")
	}
	// What asks for nothing, or for what is done anyway, is welcome.
	g.do("PUT", "/bkt/there?x-id=PutObject", "after", "x-amz-acl: private", "x-amz-storage-class: STANDARD", "x-amz-date: 20260304T050607Z").want(t, 200, "")
	g.do("GET", "/bkt/there", "", "x-amz-checksum-mode: ENABLED").want(t, 200, "")
}

func TestMethods(t *testing.T) {
	g := newRig(t)
	for _, c := range []struct{ method, target string }{
		{"PATCH", "/bkt/k"}, {"OPTIONS", "/bkt"}, {"TRACE", "/bkt/k"}, {"MADEUP", "/bkt/k"}, {"PUT", "/"}, {"POST", "/"}, {"DELETE", "/"},
	} {
		if a := g.do(c.method, c.target, "").want(t, 405, "MethodNotAllowed"); a.header.Get("Allow") == "" {
			t.Errorf("%s %s: no Allow", c.method, c.target)
		}
	}
	g.do("HEAD", "/", "").want(t, 405, "")
	g.do("OPTIONS", "*", "").want(t, 400, "InvalidURI")
	g.do("GET", "/bkt?list-type=2&prefix=%zz", "").want(t, 400, "InvalidURI")
	g.do("GET", "/bkt?list-type=2&prefix=a;b", "").want(t, 400, "InvalidURI")
	g.do("GET", "/bkt?list-type=2&prefix=a&prefix=b", "").want(t, 400, "InvalidArgument")
}

// Whatever a client sends, the error that repeats it can be read.
func TestErrorsAreXML(t *testing.T) {
	g := newRig(t)
	g.do("PUT", "/bkt/k", "body").want(t, 200, "")
	g.do("GET", "/bkt/k?partNumber=%01%EF%BF%BE%FF", "").want(t, 400, "InvalidArgument")
	g.do("GET", "/bkt/k%01?uploadId=%00", "").want(t, 404, "NoSuchUpload")
	g.do("PUT", "/bkt/k", "body", "x-amz-tagging: aws%3A%01=b").want(t, 400, "InvalidTag")
	g.do("PUT", "/bkt/l", "", "x-amz-copy-source: %01\xff").want(t, 400, "InvalidArgument")
}
