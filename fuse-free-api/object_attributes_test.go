package api

import (
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-storage/holdfast/fuse-free-api/checksum"
)

const attributesRoot = `<GetObjectAttributesResponse xmlns="http://s3.amazonaws.com/doc/2006-03-01/">`

func TestObjectAttributes(t *testing.T) {
	g := newRig(t)
	body := "body"
	g.do("PUT", "/bkt/plain", body).want(t, 200, "")
	g.do("PUT", "/bkt/sum", body, "x-amz-checksum-crc32: "+sumText(checksum.CRC32, body)).want(t, 200, "")
	one := fiveMiB(7)
	for _, kind := range []checksum.Type{checksum.Composite, checksum.FullObject} {
		key := strings.ToLower(string(kind))
		id := g.begin(key, "x-amz-checksum-algorithm: CRC32", "x-amz-checksum-type: "+string(kind))
		g.part(key, id, 1, one).want(t, 200, "")
		g.part(key, id, 2, body).want(t, 200, "")
		g.complete(key, id, completeDoc(md5Hex(one), md5Hex(body))).want(t, 200, "")
	}
	crc := func(s string) string { return "<ChecksumCRC32>" + sumText(checksum.CRC32, s) + "</ChecksumCRC32>" }
	part := func(n int, s string) string {
		return fmt.Sprintf("<Part>%s<PartNumber>%d</PartNumber><Size>%d</Size></Part>", crc(s), n, len(s))
	}
	page := func(truncated bool, max, next, after int) string {
		return fmt.Sprintf("<IsTruncated>%t</IsTruncated><MaxParts>%d</MaxParts><NextPartNumberMarker>%d</NextPartNumberMarker><PartNumberMarker>%d</PartNumberMarker>",
			truncated, max, next, after)
	}
	parts := func(s string) string { return "<ObjectParts>" + s + "<PartsCount>2</PartsCount></ObjectParts>" }
	const all = "x-amz-object-attributes: ETag,Checksum,ObjectParts,StorageClass,ObjectSize"
	for _, c := range []struct {
		name, key string
		headers   []string
		want      string
	}{
		{"plain", "plain", []string{all}, "<ETag>" + md5Hex(body) + "</ETag><StorageClass>STANDARD</StorageClass><ObjectSize>4</ObjectSize>"},
		{"checksum", "sum", []string{all}, "<ETag>" + md5Hex(body) + "</ETag><Checksum>" + crc(body) +
			"<ChecksumType>FULL_OBJECT</ChecksumType></Checksum><StorageClass>STANDARD</StorageClass><ObjectSize>4</ObjectSize>"},
		{"one", "sum", []string{"x-amz-object-attributes: ObjectSize"}, "<ObjectSize>4</ObjectSize>"},
		{"two lines", "sum", []string{"x-amz-object-attributes: ObjectSize", "x-amz-object-attributes: ETag , StorageClass"},
			"<ETag>" + md5Hex(body) + "</ETag><StorageClass>STANDARD</StorageClass><ObjectSize>4</ObjectSize>"},
		{"ETag of parts", "composite", []string{"x-amz-object-attributes: ETag"}, "<ETag>" + etagOf(one, body) + "</ETag>"},
		{"parts, whole object's checksum", "full_object", []string{"x-amz-object-attributes: ObjectParts"}, parts("")},
		{"parts", "composite", []string{"x-amz-object-attributes: ObjectParts"}, parts(page(false, 1000, 2, 0) + part(1, one) + part(2, body))},
		{"first page", "composite", []string{"x-amz-object-attributes: ObjectParts", "x-amz-max-parts: 1"}, parts(page(true, 1, 1, 0) + part(1, one))},
		{"second page", "composite", []string{"x-amz-object-attributes: ObjectParts", "x-amz-max-parts: 1", "x-amz-part-number-marker: 1"},
			parts(page(false, 1, 2, 1) + part(2, body))},
		{"behind the last", "composite", []string{"x-amz-object-attributes: ObjectParts", "x-amz-part-number-marker: 2"}, parts(page(false, 1000, 2, 2))},
		{"page of none", "composite", []string{"x-amz-object-attributes: ObjectParts", "x-amz-max-parts: 0"}, parts(page(false, 0, 0, 0))},
		{"that match", "plain", []string{"x-amz-object-attributes: ObjectSize", `If-Match: "` + md5Hex(body) + `"`}, "<ObjectSize>4</ObjectSize>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := g.do("GET", "/bkt/"+c.key+"?attributes", "", c.headers...).want(t, 200, "")
			if want := xmlHead + attributesRoot + c.want + "</GetObjectAttributesResponse>"; a.body != want {
				t.Errorf("%s\nwant %s", a.body, want)
			}
			if a.header.Get("Last-Modified") != "Wed, 04 Mar 2026 05:06:07 GMT" {
				t.Errorf("%v", a.header)
			}
		})
	}
	const size = "x-amz-object-attributes: ObjectSize"
	for _, c := range []struct {
		target  string
		headers []string
		status  int
		code    string
	}{
		{"/bkt/plain?attributes", nil, 400, "InvalidRequest"},
		{"/bkt/plain?attributes", []string{"x-amz-object-attributes: Size"}, 400, "InvalidArgument"},
		{"/bkt/plain?attributes", []string{"x-amz-object-attributes: ETag,,ObjectSize"}, 400, "InvalidArgument"},
		{"/bkt/plain?attributes", []string{size, "x-amz-max-parts: -1"}, 400, "InvalidArgument"},
		{"/bkt/plain?attributes", []string{size, "x-amz-part-number-marker: x"}, 400, "InvalidArgument"},
		{"/bkt/plain?attributes", []string{size, `If-Match: "x"`}, 412, "PreconditionFailed"},
		{"/bkt/plain?attributes", []string{size, `If-None-Match: *`}, 304, ""},
		{"/bkt/plain?attributes&versionId=9", []string{size}, 404, "NoSuchVersion"},
		{"/bkt/plain?attributes&partNumber=1", []string{size}, 501, "NotImplemented"},
		{"/bkt/nosuch?attributes", []string{size}, 404, "NoSuchKey"},
		{"/nosuch/k?attributes", []string{size}, 404, "NoSuchBucket"},
	} {
		t.Log(c)
		g.do("GET", c.target, "", c.headers...).want(t, c.status, c.code)
	}
}
