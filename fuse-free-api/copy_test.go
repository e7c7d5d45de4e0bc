package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-storage/holdfast/fuse-free-api/checksum"
)

const fromK = "x-amz-copy-source: /bkt/k"

type wireCopy struct {
	LastModified, ETag, ChecksumCRC32, ChecksumSHA256, ChecksumType string
}

func TestCopy(t *testing.T) {
	g := newRig(t)
	g.do("PUT", "/bkt/k", "body", "Content-Type: text/plain", "Cache-Control: no-cache", "Expires: never", "x-amz-meta-a: 1",
		"x-amz-tagging: t=1", "x-amz-checksum-sha256: "+sumText(checksum.SHA256, "body")).want(t, 200, "")
	if err := g.store.CreateBucket(t.Context(), "second"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, target string
		headers      []string
		want         map[string]string // of a GET of the copy
	}{
		{"everything", "/bkt/copy", nil, map[string]string{"Content-Type": "text/plain", "Cache-Control": "no-cache", "Expires": "never",
			"X-Amz-Meta-A": "1", "X-Amz-Tagging-Count": "1"}},
		{"into another bucket", "/second/k", []string{"x-amz-metadata-directive: COPY", "x-amz-tagging-directive: COPY"},
			map[string]string{"Content-Type": "text/plain", "X-Amz-Meta-A": "1", "X-Amz-Tagging-Count": "1"}},
		{"metadata passed over", "/bkt/copy", []string{"x-amz-meta-a: 2", "Content-Type: text/html"},
			map[string]string{"Content-Type": "text/plain", "X-Amz-Meta-A": "1"}},
		{"metadata replaced", "/bkt/copy", []string{"x-amz-metadata-directive: REPLACE", "x-amz-meta-b: 2", "Content-Language: de"},
			map[string]string{"Content-Type": defaultContentType, "X-Amz-Meta-A": "", "X-Amz-Meta-B": "2", "Cache-Control": "", "Content-Language": "de", "X-Amz-Tagging-Count": "1"}},
		{"tags replaced", "/bkt/copy", []string{"x-amz-tagging-directive: REPLACE", "x-amz-tagging: x=1&y=2"},
			map[string]string{"Content-Type": "text/plain", "X-Amz-Meta-A": "1", "X-Amz-Tagging-Count": "2"}},
		{"tags removed", "/bkt/copy", []string{"x-amz-tagging-directive: REPLACE"}, map[string]string{"X-Amz-Meta-A": "1", "X-Amz-Tagging-Count": ""}},
		{"onto itself", "/bkt/k", []string{"x-amz-metadata-directive: REPLACE", "x-amz-meta-a: new"}, map[string]string{"X-Amz-Meta-A": "new", "X-Amz-Tagging-Count": "1"}},
		{"onto itself, tags", "/bkt/k", []string{"x-amz-tagging-directive: REPLACE"}, map[string]string{"X-Amz-Meta-A": "new", "X-Amz-Tagging-Count": ""}},
		{"onto itself, storage class", "/bkt/k", []string{"x-amz-storage-class: STANDARD"}, map[string]string{"X-Amz-Meta-A": "new"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := decode[wireCopy](t, g.do("PUT", c.target, "", append(c.headers, fromK)...).want(t, 200, ""))
			want := wireCopy{LastModified: "2026-03-04T05:06:07.891Z", ETag: `"` + md5Hex("body") + `"`, ChecksumSHA256: sumText(checksum.SHA256, "body"), ChecksumType: "FULL_OBJECT"}
			if a != want {
				t.Errorf("%+v, want %+v", a, want)
			}
			got := g.do("GET", c.target, "").want(t, 200, "")
			if got.body != "body" {
				t.Errorf("body %q", got.body)
			}
			for name, want := range c.want {
				if v := got.header.Get(name); v != want {
					t.Errorf("%s is %q, want %q", name, v, want)
				}
			}
		})
	}
	a := g.do("PUT", "/bkt/k", "", fromK).want(t, 400, "InvalidRequest")
	if want := "This copy request is illegal because it is trying to copy an object to itself without changing the object&apos;s metadata"; !strings.Contains(a.body, want) {
		t.Error(a.body)
	}
	g.do("PUT", "/bkt/k", "", "x-amz-copy-source: bkt%2Fk?versionId=null", "x-amz-metadata-directive: COPY").want(t, 400, "InvalidRequest")
}

func TestCopySizes(t *testing.T) {
	g := newRig(t)
	for _, n := range []int{0, 1, 32 << 10, 20<<20 + 3} {
		body := strings.Repeat("0123456789abcdef", n/16+1)[:n]
		g.do("PUT", "/bkt/k", body).want(t, 200, "")
		g.do("PUT", "/bkt/copy", "", fromK).want(t, 200, "")
		if a := g.do("GET", "/bkt/copy", "").want(t, 200, ""); a.body != body || a.header.Get("ETag") != `"`+md5Hex(body)+`"` {
			t.Errorf("%d bytes of %d, %v", len(a.body), n, a.header)
		}
	}
	g.maxObjectBytes = 20 << 20
	g.do("PUT", "/bkt/other", "", fromK).want(t, 400, "InvalidRequest")
	id := g.begin("up")
	g.part("up", id, 1, "", fromK).want(t, 400, "InvalidRequest")
	g.part("up", id, 1, "", fromK, "x-amz-copy-source-range: bytes=0-9").want(t, 200, "")
}

func TestCopyRefusals(t *testing.T) {
	g := newRig(t)
	g.do("PUT", "/bkt/k", "body").want(t, 200, "")
	g.do("PUT", "/bkt/there", "before").want(t, 200, "")
	for _, c := range []struct {
		name    string
		headers []string
		status  int
		code    string
	}{
		{"no such key", []string{"x-amz-copy-source: /bkt/nosuch"}, 404, "NoSuchKey"},
		{"no such bucket", []string{"x-amz-copy-source: /nosuch/k"}, 404, "NoSuchBucket"},
		{"no key", []string{"x-amz-copy-source: /bkt"}, 400, "InvalidArgument"},
		{"empty key", []string{"x-amz-copy-source: /bkt/"}, 400, "InvalidArgument"},
		{"two slashes before the bucket", []string{"x-amz-copy-source: //bkt/k"}, 400, "InvalidArgument"},
		{"no bucket name", []string{"x-amz-copy-source: /Bkt/k"}, 400, "InvalidArgument"},
		{"ARN", []string{"x-amz-copy-source: arn:aws:s3:us-east-1:1:accesspoint/a/object/k"}, 400, "InvalidArgument"},
		{"broken encoding", []string{"x-amz-copy-source: /bkt/%zz"}, 400, "InvalidArgument"},
		{"not UTF-8", []string{"x-amz-copy-source: /bkt/%ff"}, 400, "InvalidArgument"},
		{"key too long", []string{"x-amz-copy-source: /bkt/" + strings.Repeat("k", maxKeyBytes+1)}, 400, "KeyTooLongError"},
		{"another version", []string{fromK + "?versionId=8"}, 404, "NoSuchVersion"},
		{"two sources", []string{fromK, fromK}, 400, "InvalidArgument"},
		{"metadata directive", []string{fromK, "x-amz-metadata-directive: MERGE"}, 400, "InvalidArgument"},
		{"tagging directive", []string{fromK, "x-amz-tagging-directive: replace"}, 400, "InvalidArgument"},
		{"tags without directive", []string{fromK, "x-amz-tagging: a=b"}, 400, "InvalidArgument"},
		{"bad tags", []string{fromK, "x-amz-tagging-directive: REPLACE", "x-amz-tagging: a&a"}, 400, "InvalidArgument"},
		{"algorithm", []string{fromK, "x-amz-checksum-algorithm: MD4"}, 400, "InvalidRequest"},
		{"If-None-Match", []string{fromK, "If-None-Match: *"}, 412, "PreconditionFailed"},
		{"If-Match", []string{fromK, `If-Match: "x"`}, 412, "PreconditionFailed"},
		{"If-Modified-Since", []string{fromK, "If-Modified-Since: Wed, 04 Mar 2026 05:06:07 GMT"}, 501, "NotImplemented"},
		{"range of a whole copy", []string{fromK, "x-amz-copy-source-range: bytes=0-1"}, 501, "NotImplemented"},
		{"encryption", []string{fromK, "x-amz-copy-source-server-side-encryption-customer-algorithm: AES256"}, 501, "NotImplemented"},
		{"a body of its own", []string{fromK, "Content-Length: 4"}, 400, "InvalidRequest"},
	} {
		t.Run(c.name, func(t *testing.T) {
			lines := append([]string{"PUT /bkt/there HTTP/1.1", "Host: h", "Authorization: " + basic(testAccess, testSecret)}, c.headers...)
			send(t, g.objects, "PUT", strings.Join(lines, "\r\n")+"\r\n\r\n").want(t, c.status, c.code)
		})
	}
	if a := g.do("GET", "/bkt/there", ""); a.body != "before" {
		t.Errorf("body %q", a.body)
	}
}

func TestCopySourceNames(t *testing.T) {
	for _, c := range []struct{ header, bucket, key string }{
		{"bkt/k", "bkt", "k"},
		{"/bkt/k", "bkt", "k"},
		{"%2Fbkt%2Fk", "bkt", "k"},
		{"bkt%2Fa%2Fb", "bkt", "a/b"},
		{"bkt/a%20b", "bkt", "a b"},
		{"bkt/a+b", "bkt", "a b"},
		{"bkt/a%2Bb", "bkt", "a+b"},
		{"bkt/%C3%BC", "bkt", "ü"},
		{"bkt/ü", "bkt", "ü"},
		{"bkt//k", "bkt", "/k"},
		{"bkt/k/", "bkt", "k/"},
		{"bkt/a/../b", "bkt", "a/../b"},
		{"bkt/a%25b", "bkt", "a%b"},
		{"bkt/a?b", "bkt", "a?b"},
		{"bkt/k?versionId=null", "bkt", "k"},
		{"bkt/k%3FversionId=7", "bkt", "k?versionId=7"},
	} {
		if a, err := parseCopySource(c.header); err != nil || a != (address{bucket: c.bucket, key: c.key}) {
			t.Errorf("%q: %+v, %v", c.header, a, err)
		}
	}
}

func FuzzCopySource(f *testing.F) {
	for _, s := range []string{"bkt/k", "/bkt/a%20b+c", "bkt%2Fk?versionId=null", "bkt/k?versionId=", "//", "bkt/%ff", "%", "arn:aws:s3:::b/k"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		a, err := parseCopySource(header)
		if err != nil {
			if status := storeFault(err).code.status; status != 400 && status != 404 {
				t.Fatal(err)
			}
			return
		}
		if CheckBucketName(a.bucket) != nil || CheckKey(a.key) != nil {
			t.Fatalf("%q: %+v", header, a)
		}
		if again, err := parseCopySource(a.bucket + "/" + encodeURL(a.key)); err != nil || again != a {
			t.Fatalf("%q: %+v, then %+v, %v", header, a, again, err)
		}
	})
}

func TestCopySourceConditions(t *testing.T) {
	g := newRig(t)
	g.do("PUT", "/bkt/k", "body").want(t, 200, "")
	const (
		tag    = `"841a2d689ad86bd1611447453c22c6fc"` // MD5 of "body"
		before = "Wed, 04 Mar 2026 05:06:06 GMT"
		after  = "Wed, 04 Mar 2026 05:06:08 GMT"
	)
	for _, c := range []struct {
		headers []string
		status  int
	}{
		{[]string{"match: " + tag}, 200},
		{[]string{"match: " + strings.Trim(tag, `"`)}, 200},
		{[]string{`match: "x"`}, 412},
		{[]string{"none-match: " + tag}, 412},
		{[]string{`none-match: "x"`}, 200},
		{[]string{"modified-since: " + before}, 200},
		{[]string{"modified-since: " + after}, 412},
		{[]string{"unmodified-since: " + after}, 200},
		{[]string{"unmodified-since: " + before}, 412},
		{[]string{"match: " + tag, "unmodified-since: " + before}, 200},
		{[]string{"none-match: " + tag, "modified-since: " + before}, 412},
		{[]string{`none-match: "x"`, "modified-since: " + after}, 200},
		{[]string{"match: " + tag, "none-match: " + tag}, 412},
		{[]string{"match: ,"}, 400},
	} {
		headers := []string{fromK}
		for _, h := range c.headers {
			headers = append(headers, "x-amz-copy-source-if-"+h)
		}
		code := map[int]string{412: "PreconditionFailed", 400: "InvalidArgument"}[c.status]
		t.Log(c.headers)
		g.do("PUT", "/bkt/copy", "", headers...).want(t, c.status, code)
		id := g.begin("up")
		g.part("up", id, 1, "", headers...).want(t, c.status, code)
	}
}

func TestCopyChecksums(t *testing.T) {
	g := newRig(t)
	one := fiveMiB(6)
	g.do("PUT", "/bkt/k", one).want(t, 200, "")
	id := g.begin("parts", "x-amz-checksum-algorithm: CRC32")
	g.part("parts", id, 1, "", fromK).want(t, 200, "")
	a := decode[wireCopy](t, g.part("parts", id, 2, "", fromK, "x-amz-copy-source-range: bytes=5-7").want(t, 200, ""))
	want := wireCopy{LastModified: a.LastModified, ETag: `"` + md5Hex(one[5:8]) + `"`, ChecksumCRC32: sumText(checksum.CRC32, one[5:8])}
	if a != want {
		t.Errorf("%+v, want %+v", a, want)
	}
	g.complete("parts", id, completeDoc(md5Hex(one), md5Hex(one[5:8]))).want(t, 200, "")
	whole := one + one[5:8]

	// The copy of an object with a composite checksum has that of its bytes.
	a = decode[wireCopy](t, g.do("PUT", "/bkt/copy", "", "x-amz-copy-source: bkt/parts").want(t, 200, ""))
	if a.ChecksumCRC32 != sumText(checksum.CRC32, whole) || a.ChecksumType != "FULL_OBJECT" || a.ETag != `"`+md5Hex(whole)+`"` {
		t.Errorf("%+v", a)
	}
	a = decode[wireCopy](t, g.do("PUT", "/bkt/copy", "", "x-amz-copy-source: bkt/copy", "x-amz-checksum-algorithm: SHA256").want(t, 200, ""))
	if a.ChecksumCRC32 != "" || a.ChecksumSHA256 != sumText(checksum.SHA256, whole) || a.ChecksumType != "FULL_OBJECT" {
		t.Errorf("%+v", a)
	}
	info, err := g.store.Stat(t.Context(), "bkt", "copy")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := findPair(info.System, uploadName); ok {
		t.Error("the copy passes for the upload's object")
	}
	// A source that is not what its checksum says is not copied.
	g.store.writeTo = func(w io.Writer, body []byte) (bool, error) {
		_, err := io.WriteString(w, strings.Repeat("x", len(body)))
		return true, err
	}
	g.do("PUT", "/bkt/third", "", "x-amz-copy-source: bkt/copy").want(t, 503, "ServiceUnavailable")
	g.do("GET", "/bkt/third", "").want(t, 404, "NoSuchKey")
}

func TestUploadPartCopyRanges(t *testing.T) {
	g := newRig(t)
	g.do("PUT", "/bkt/k", "0123456789").want(t, 200, "")
	id := g.begin("up")
	for _, c := range []struct{ text, want string }{
		{"bytes=0-9", "0123456789"},
		{"bytes=9-9", "9"},
		{"bytes=2-4", "234"},
		{"bytes=0-10", ""},
		{"bytes=10-10", ""},
		{"bytes=4-2", ""},
		{"bytes=4-", ""},
		{"bytes=-4", ""},
		{"bytes=0-1,3-4", ""},
		{"bytes= 0-1", ""},
		{"0-1", ""},
		{"items=0-1", ""},
		{"bytes=a-b", ""},
		{"bytes=0-99999999999999999999", ""},
	} {
		t.Run(c.text, func(t *testing.T) {
			status, code := 200, ""
			if c.want == "" {
				status, code = 400, "InvalidArgument"
			}
			a := g.part("up", id, 1, "", fromK, "x-amz-copy-source-range: "+c.text).want(t, status, code)
			if c.want != "" && decode[wireCopy](t, a).ETag != `"`+md5Hex(c.want)+`"` {
				t.Error(a.body)
			}
		})
	}
	g.part("up", "nosuch", 1, "", fromK).want(t, 404, "NoSuchUpload")
	g.part("up", id, 10001, "", fromK).want(t, 400, "InvalidArgument")
	g.part("up", id, 1, "", "x-amz-copy-source: bkt/nosuch").want(t, 404, "NoSuchKey")
	g.part("up", id, 1, "body", fromK).want(t, 400, "InvalidRequest")
}

// Whatever fails on either side, nothing appears and nothing is left running
// (TestMain looks for goroutines).
func TestCopyFailures(t *testing.T) {
	g := newRig(t)
	g.do("PUT", "/bkt/k", strings.Repeat("body", 100)).want(t, 200, "")
	half := func(err error) func(io.Writer, []byte) (bool, error) {
		return func(w io.Writer, body []byte) (bool, error) {
			_, _ = w.Write(body[:len(body)/2])
			return true, err
		}
	}
	lost := fmt.Errorf("stripe 7: %w", ErrUnavailable)
	for _, c := range []struct {
		name    string
		writeTo func(io.Writer, []byte) (bool, error)
		status  int
		code    string
	}{
		{"damaged", half(lost), 503, "ServiceUnavailable"},
		{"damaged behind the last byte", func(w io.Writer, body []byte) (bool, error) {
			_, _ = w.Write(body)
			return true, lost
		}, 503, "ServiceUnavailable"},
		{"short", half(nil), 500, "InternalError"},
		{"long", func(w io.Writer, body []byte) (bool, error) {
			_, err := w.Write(append(body[:len(body):len(body)], 'x'))
			return true, err
		}, 500, "InternalError"},
		{"panics", func(io.Writer, []byte) (bool, error) { panic("the store panics") }, 500, "InternalError"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g.store.writeTo = c.writeTo
			defer func() { g.store.writeTo = nil }()
			g.do("PUT", "/bkt/copy", "", fromK).want(t, c.status, c.code)
			g.do("GET", "/bkt/copy", "").want(t, 404, "NoSuchKey")
		})
	}
	t.Run("refused by the store", func(t *testing.T) {
		// It does not read the body at all, and the source waits to be read.
		r := newRig(t, func(o *Options) { o.Store = &refusing{o.Store.(*fakeStore)} })
		if _, err := r.store.Put(t.Context(), "bkt", "k", strings.NewReader("body"), PutRequest{Body: Body{Size: 4, Finish: func() (Finished, error) { return Finished{ETag: "e"}, nil }}}); err != nil {
			t.Fatal(err)
		}
		r.do("PUT", "/bkt/copy", "", fromK).want(t, 507, "InsufficientStorage")
	})
}

type refusing struct{ *fakeStore }

func (*refusing) Put(context.Context, string, string, io.Reader, PutRequest) (ObjectInfo, error) {
	return ObjectInfo{}, ErrNoSpace
}

// A client that leaves ends both sides of its copy.
func TestCopyWithoutClient(t *testing.T) {
	g := newRig(t)
	g.do("PUT", "/bkt/k", "body").want(t, 200, "")
	began, ended := make(chan struct{}), make(chan error, 1)
	g.store.writeTo = func(w io.Writer, body []byte) (bool, error) {
		close(began)
		for {
			// One byte, and then nothing until the other side has gone.
			if _, err := w.Write(body[:0]); err != nil {
				ended <- err
				return true, err
			}
			time.Sleep(time.Millisecond)
		}
	}
	conn := dial(t, g.objects)
	fmt.Fprintf(conn, "PUT /bkt/copy HTTP/1.1\r\nHost: h\r\nAuthorization: %s\r\n%s\r\nContent-Length: 0\r\n\r\n", basic(testAccess, testSecret), fromK)
	<-began
	conn.Close()
	select {
	case err := <-ended:
		if !errors.Is(err, io.ErrClosedPipe) && !errors.Is(err, context.Canceled) {
			t.Errorf("the source saw %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the copy goes on without its client")
	}
	g.store.writeTo = nil
	g.do("GET", "/bkt/copy", "").want(t, 404, "NoSuchKey")
}
