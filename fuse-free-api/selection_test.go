package api

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-storage/holdfast/fuse-free-api/checksum"
)

// multipart puts an object of three parts, 1, 2 and 5, into the store.
func (g *rig) multipart(key string) (body string, parts []string) {
	g.t.Helper()
	parts = []string{"first, ", "second, ", "fifth"}
	body = strings.Join(parts, "")
	info := ObjectInfo{Bucket: "bkt", Key: key, Size: int64(len(body)), ETag: md5Hex("x") + "-3", Modified: g.store.now,
		System: []Pair{{checksum.CRC32.Header(), "AAAAAA==-3"}, {checksum.TypeHeader, "COMPOSITE"}}}
	for i, number := range []int{1, 2, 5} {
		info.Parts = append(info.Parts, PartInfo{Number: number, Size: int64(len(parts[i])),
			System: []Pair{{checksum.CRC32.Header(), sumText(checksum.CRC32, parts[i])}}})
	}
	g.store.mu.Lock()
	defer g.store.mu.Unlock()
	g.store.buckets["bkt"].objects[key] = &fakeObject{info: info, body: []byte(body), s: g.store}
	return body, parts
}

func TestPartNumbers(t *testing.T) {
	g := newRig(t)
	multi, parts := g.multipart("multi")
	g.do("PUT", "/bkt/whole", "whole").want(t, 200, "")
	g.do("PUT", "/bkt/empty", "").want(t, 200, "")
	for _, c := range []struct {
		target, body, contentRange, count, sum string
		status                                 int
		code                                   string
	}{
		{"/bkt/multi?partNumber=1", parts[0], "bytes 0-6/20", "3", sumText(checksum.CRC32, parts[0]), 206, ""},
		{"/bkt/multi?partNumber=2", parts[1], "bytes 7-14/20", "3", sumText(checksum.CRC32, parts[1]), 206, ""},
		{"/bkt/multi?partNumber=5", parts[2], "bytes 15-19/20", "3", sumText(checksum.CRC32, parts[2]), 206, ""},
		{"/bkt/multi", multi, "", "", "AAAAAA==-3", 200, ""},
		{"/bkt/multi?partNumber=3", "", "", "", "", 416, "InvalidPartNumber"},
		{"/bkt/multi?partNumber=6", "", "", "", "", 416, "InvalidPartNumber"},
		{"/bkt/multi?partNumber=10000", "", "", "", "", 416, "InvalidPartNumber"},
		{"/bkt/multi?partNumber=10001", "", "", "", "", 400, "InvalidArgument"},
		{"/bkt/multi?partNumber=0", "", "", "", "", 400, "InvalidArgument"},
		{"/bkt/multi?partNumber=-1", "", "", "", "", 400, "InvalidArgument"},
		{"/bkt/multi?partNumber=+1", "", "", "", "", 400, "InvalidArgument"},
		{"/bkt/multi?partNumber=", "", "", "", "", 400, "InvalidArgument"},
		{"/bkt/multi?partNumber=99999999999999999999", "", "", "", "", 400, "InvalidArgument"},
		{"/bkt/multi?partNumber=1&partNumber=2", "", "", "", "", 400, "InvalidArgument"},
		{"/bkt/whole?partNumber=1", "whole", "bytes 0-4/5", "", "", 206, ""},
		{"/bkt/whole?partNumber=2", "", "", "", "", 416, "InvalidPartNumber"},
		{"/bkt/empty?partNumber=1", "", "", "", "", 200, ""},
	} {
		t.Run(c.target, func(t *testing.T) {
			for _, method := range []string{"GET", "HEAD"} {
				code, body := c.code, c.body
				if method == "HEAD" {
					code, body = "", ""
				}
				a := g.do(method, c.target, "", "x-amz-checksum-mode: ENABLED").want(t, c.status, code)
				if c.status >= 400 {
					continue
				}
				if a.body != body || a.header.Get("Content-Length") != fmt.Sprint(len(c.body)) {
					t.Errorf("%s: %q, Content-Length %s", method, a.body, a.header.Get("Content-Length"))
				}
				for name, want := range map[string]string{"Content-Range": c.contentRange, "X-Amz-Mp-Parts-Count": c.count, "X-Amz-Checksum-Crc32": c.sum} {
					if got := a.header.Get(name); got != want {
						t.Errorf("%s: %s is %q, want %q", method, name, got, want)
					}
				}
				if want := c.sum != ""; (a.header.Get("X-Amz-Checksum-Type") == "COMPOSITE") != want {
					t.Errorf("%s: type %q", method, a.header.Get("X-Amz-Checksum-Type"))
				}
			}
		})
	}
	g.do("GET", "/bkt/multi?partNumber=1", "", "Range: bytes=0-1").want(t, 400, "InvalidRequest")
	g.do("GET", "/bkt/multi?partNumber=9", "", "If-None-Match: *").want(t, 304, "")
	g.do("GET", "/bkt/multi?partNumber=9", "", "If-Match: other").want(t, 412, "PreconditionFailed")
	// A range is of the object, whatever its parts.
	if a := g.do("GET", "/bkt/multi", "", "Range: bytes=5-8", "x-amz-checksum-mode: ENABLED").want(t, 206, ""); a.body != multi[5:9] || a.header.Get("X-Amz-Checksum-Crc32") != "" {
		t.Errorf("%q, checksum %q", a.body, a.header.Get("X-Amz-Checksum-Crc32"))
	}
}

// Who signs may choose what the answer says of the object; nobody else may.
func TestOverrides(t *testing.T) {
	g := newRig(t)
	g.do("PUT", "/bkt/k", "body", "Content-Type: text/plain", "Cache-Control: no-store", "Content-Encoding: gzip").want(t, 200, "")
	const target = "/bkt/k?response-cache-control=max-age%3D1&response-content-disposition=attachment%3B%20filename%3D%22a.txt%22" +
		"&response-content-encoding=identity&response-content-language=de&response-content-type=text%2Fhtml&response-expires=0"
	want := map[string]string{"Cache-Control": "max-age=1", "Content-Disposition": `attachment; filename="a.txt"`, "Content-Encoding": "identity",
		"Content-Language": "de", "Content-Type": "text/html", "Expires": "0", "Etag": `"` + md5Hex("body") + `"`}
	for _, method := range []string{"GET", "HEAD"} {
		presigned := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\n\r\n", method, testSigner().Presign(method, target, testHost, time.Minute, nil), testHost)
		for name, request := range map[string]string{"signed": signed(method, target, ""), "presigned": presigned} {
			a := send(t, g.objects, method, request).want(t, 200, "")
			for header, value := range want {
				if got := a.header.Values(header); len(got) != 1 || got[0] != value {
					t.Errorf("%s %s: %s is %q, want %q", name, method, header, got, value)
				}
			}
		}
	}
	a := g.do("GET", target, "").want(t, 400, "InvalidRequest")
	if a.header.Get("Content-Language") != "" {
		t.Error("an override shows in an error")
	}
	send(t, g.objects, "GET", signed("GET", "/bkt/k?response-content-type=a%0D%0Ax-evil%3A1", "")).want(t, 400, "InvalidArgument")
	send(t, g.objects, "GET", signed("GET", "/bkt/k?response-made-up=1", "")).want(t, 501, "NotImplemented")
	send(t, g.objects, "GET", signed("GET", "/bkt/nosuch?response-content-type=text%2Fhtml", "")).want(t, 404, "NoSuchKey")
	if a := send(t, g.objects, "GET", signed("GET", "/bkt/k?response-content-type=text%2Fhtml", "", "Range: bytes=9-")).want(t, 416, "InvalidRange"); a.header.Get("Content-Type") != "application/xml" {
		t.Errorf("an error of type %q", a.header.Get("Content-Type"))
	}
}

func TestTheOneVersion(t *testing.T) {
	g := newRig(t)
	g.do("PUT", "/bkt/k", "body").want(t, 200, "")
	for _, method := range []string{"GET", "HEAD"} {
		if a := g.do(method, "/bkt/k?versionId=null", "").want(t, 200, ""); a.header.Get("X-Amz-Version-Id") != "null" {
			t.Errorf("version %q", a.header.Get("X-Amz-Version-Id"))
		}
		if a := g.do(method, "/bkt/k", "").want(t, 200, ""); a.header.Get("X-Amz-Version-Id") != "" {
			t.Errorf("version %q, unasked", a.header.Get("X-Amz-Version-Id"))
		}
	}
	for _, method := range []string{"GET", "DELETE"} {
		g.do(method, "/bkt/k?versionId=3HL4kqtJlcpXroDTDmJ", "").want(t, 404, "NoSuchVersion")
		g.do(method, "/bkt/k?versionId=", "").want(t, 400, "InvalidArgument")
	}
	g.do("PUT", "/bkt/k?versionId=null", "x").want(t, 501, "NotImplemented")
	g.do("DELETE", "/bkt/k?versionId=null", "").want(t, 204, "")
	g.wantNothing()
}
