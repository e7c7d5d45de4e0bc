package api

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/holdfast-storage/holdfast/fuse-free-api/checksum"
)

// fiveMiB is a body as large as a part that is not the last has to be.
func fiveMiB(seed byte) string {
	b := make([]byte, minPartBytes)
	for i := range b {
		b[i] = byte(i>>8) ^ byte(i) ^ seed
	}
	return string(b)
}

func sumOf(a checksum.Algorithm, body string) []byte {
	h := a.New()
	_, _ = io.WriteString(h, body)
	return h.Sum(nil)
}

// etagOf gives the ETag of an object made of these parts, as S3 does.
func etagOf(parts ...string) string {
	h := md5.New()
	for _, p := range parts {
		sum := md5.Sum([]byte(p))
		h.Write(sum[:])
	}
	return hex.EncodeToString(h.Sum(nil)) + "-" + strconv.Itoa(len(parts))
}

// begin begins an upload to /bkt/key and gives its id.
func (g *rig) begin(key string, headers ...string) string {
	g.t.Helper()
	return decode[struct {
		UploadID string `xml:"UploadId"`
	}](g.t, g.do("POST", "/bkt/"+key+"?uploads", "", headers...).want(g.t, 200, "")).UploadID
}

// target is the request target of an operation on an upload.
func target(key, id string, query ...string) string {
	return "/bkt/" + key + "?" + strings.Join(append(query, "uploadId="+url.QueryEscape(id)), "&")
}

func (g *rig) part(key, id string, n int, body string, headers ...string) answer {
	g.t.Helper()
	return g.do("PUT", target(key, id, fmt.Sprint("partNumber=", n)), body, headers...)
}

// completeDoc names parts by number and ETag; more, if any, is put into each.
func completeDoc(parts ...string) string {
	var b strings.Builder
	b.WriteString(`<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">`)
	for i, etag := range parts {
		fmt.Fprintf(&b, "<Part><ETag>%s</ETag><PartNumber>%d</PartNumber></Part>", etag, i+1)
	}
	return b.String() + "</CompleteMultipartUpload>"
}

func (g *rig) complete(key, id, doc string, headers ...string) answer {
	g.t.Helper()
	return g.do("POST", target(key, id), doc, headers...)
}

type wireComplete struct {
	Location, Bucket, Key, ETag                                                    string
	ChecksumCRC32, ChecksumCRC32C, ChecksumCRC64NVME, ChecksumSHA1, ChecksumSHA256 string
	ChecksumType                                                                   string
}

func TestMultipart(t *testing.T) {
	g := newRig(t)
	one, two := fiveMiB(1), "the end"
	id := g.begin("a%20b", "Content-Type: text/plain", "Cache-Control: no-cache", "x-amz-meta-who: me", "x-amz-tagging: b=2&a=1")
	for i, body := range []string{one, two} {
		a := g.part("a%20b", id, i+1, body).want(t, 200, "")
		if got := a.header.Get("ETag"); got != `"`+md5Hex(body)+`"` {
			t.Errorf("part %d has ETag %s", i+1, got)
		}
	}
	g.do("GET", "/bkt/a%20b", "").want(t, 404, "NoSuchKey")
	done := decode[wireComplete](t, g.complete("a%20b", id, completeDoc(`"`+md5Hex(one)+`"`, md5Hex(two)), fmt.Sprint("x-amz-mp-object-size: ", len(one)+len(two))).want(t, 200, ""))
	want := wireComplete{Location: "http://holdfast/bkt/a%20b", Bucket: "bkt", Key: "a b", ETag: `"` + etagOf(one, two) + `"`}
	if done != want {
		t.Errorf("%+v, want %+v", done, want)
	}
	a := g.do("GET", "/bkt/a%20b", "").want(t, 200, "")
	if a.body != one+two {
		t.Errorf("%d bytes", len(a.body))
	}
	for name, want := range map[string]string{"ETag": want.ETag, "Content-Type": "text/plain", "Cache-Control": "no-cache",
		"X-Amz-Meta-Who": "me", "X-Amz-Tagging-Count": "2", "X-Holdfast-Upload": "", "X-Amz-Checksum-Type": ""} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	g.do("GET", target("a%20b", id), "").want(t, 404, "NoSuchUpload")
	g.do("DELETE", target("a%20b", id), "").want(t, 404, "NoSuchUpload")
	g.part("a%20b", id, 1, "x").want(t, 404, "NoSuchUpload")
}

// Every checksum in both types that it has, said and left out in every place.
func TestMultipartChecksums(t *testing.T) {
	g := newRig(t)
	one, two := fiveMiB(2), "the end"
	for _, algorithm := range checksum.All() {
		for _, kind := range []checksum.Type{checksum.Composite, checksum.FullObject} {
			if !algorithm.Allows(kind) {
				continue
			}
			t.Run(algorithm.String()+" "+string(kind), func(t *testing.T) {
				headers := []string{"x-amz-checksum-algorithm: " + algorithm.String()}
				if kind != algorithm.DefaultType() || algorithm == checksum.SHA1 {
					headers = append(headers, "x-amz-checksum-type: "+string(kind))
				}
				created := g.do("POST", "/bkt/k?uploads", "", headers...).want(t, 200, "")
				if a, k := created.header.Get("x-amz-checksum-algorithm"), created.header.Get("x-amz-checksum-type"); a != algorithm.String() || k != string(kind) {
					t.Errorf("echoed %q and %q", a, k)
				}
				id := decode[struct {
					UploadID string `xml:"UploadId"`
				}](t, created).UploadID
				said := algorithm.Header() + ": " + sumText(algorithm, one)
				if got := g.part("k", id, 1, one, said).want(t, 200, "").header.Get(algorithm.Header()); got != sumText(algorithm, one) {
					t.Errorf("part 1 has %q", got)
				}
				if got := g.part("k", id, 2, two).want(t, 200, "").header.Get(algorithm.Header()); got != sumText(algorithm, two) {
					t.Errorf("part 2, whose checksum was not sent, has %q", got)
				}
				g.part("k", id, 2, two, "x-amz-checksum-algorithm: "+algorithm.String(), "x-amz-checksum-type: "+string(kind)).want(t, 200, "")
				g.part("k", id, 2, two, "x-amz-checksum-type: other").want(t, 400, "InvalidRequest")
				g.part("k", id, 2, "other", algorithm.Header()+": "+sumText(algorithm, two)).want(t, 400, "BadDigest")
				for _, other := range checksum.All() {
					if other != algorithm {
						g.part("k", id, 2, two, other.Header()+": "+sumText(other, two)).want(t, 400, "InvalidRequest")
						g.part("k", id, 2, two, "x-amz-checksum-algorithm: "+other.String()).want(t, 400, "InvalidRequest")
						break
					}
				}

				text := algorithm.Composite([][]byte{sumOf(algorithm, one), sumOf(algorithm, two)})
				bare := strings.TrimSuffix(text, "-2")
				if kind == checksum.FullObject {
					text = sumText(algorithm, one+two)
					bare = text
				}
				doc := func(sum1, sum2 string) string {
					element := func(sum string) string {
						return "<" + algorithm.Element() + ">" + sum + "</" + algorithm.Element() + "><ChecksumMD5></ChecksumMD5>"
					}
					return "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>" + md5Hex(one) + "</ETag>" + element(sum1) +
						"</Part><Part><PartNumber>2</PartNumber><ETag>" + md5Hex(two) + "</ETag>" + element(sum2) + "</Part></CompleteMultipartUpload>"
				}
				good := doc(sumText(algorithm, one), sumText(algorithm, two))
				g.complete("k", id, doc(sumText(algorithm, one), sumText(algorithm, one))).want(t, 400, "InvalidPart")
				g.complete("k", id, good, algorithm.Header()+": "+sumText(algorithm, "other")).want(t, 400, "BadDigest")
				g.complete("k", id, good, algorithm.Header()+": "+bare+"-3").want(t, 400, "BadDigest")
				g.complete("k", id, good, algorithm.Header()+": x").want(t, 400, "InvalidRequest")
				otherKind := map[checksum.Type]checksum.Type{checksum.Composite: checksum.FullObject, checksum.FullObject: checksum.Composite}[kind]
				g.complete("k", id, good, "x-amz-checksum-type: "+string(otherKind)).want(t, 400, "InvalidRequest")
				done := g.complete("k", id, good, algorithm.Header()+": "+bare, "x-amz-checksum-type: "+string(kind)).want(t, 200, "")
				again := g.complete("k", id, good, algorithm.Header()+": "+text).want(t, 200, "")
				g.complete("k", id, good, algorithm.Header()+": "+sumText(algorithm, "other")).want(t, 404, "NoSuchUpload")
				g.complete("k", id, doc(sumText(algorithm, one), sumText(algorithm, one))).want(t, 404, "NoSuchUpload")
				want := "<" + algorithm.Element() + ">" + text + "</" + algorithm.Element() + "><ChecksumType>" + string(kind) + "</ChecksumType>"
				if !strings.Contains(done.body, want) || again.body != done.body {
					t.Errorf("%s\nwant %s", done.body, want)
				}
				a := g.do("HEAD", "/bkt/k", "", "x-amz-checksum-mode: ENABLED").want(t, 200, "")
				if got := a.header.Get(algorithm.Header()); got != text || a.header.Get("x-amz-checksum-type") != string(kind) {
					t.Errorf("HEAD has %q", got)
				}
				attributes := g.do("GET", "/bkt/k?attributes", "", "x-amz-object-attributes: Checksum").want(t, 200, "")
				if want := "<Checksum>" + strings.Replace(want, text, bare, 1) + "</Checksum>"; !strings.Contains(attributes.body, want) {
					t.Errorf("%s\nwant %s", attributes.body, want)
				}
			})
		}
	}
}

func TestCreateUploadRefusals(t *testing.T) {
	g := newRig(t)
	for _, c := range []struct {
		name    string
		target  string
		headers []string
		status  int
		code    string
	}{
		{"no bucket", "/nosuch/k?uploads", nil, 404, "NoSuchBucket"},
		{"type alone", "/bkt/k?uploads", []string{"x-amz-checksum-type: COMPOSITE"}, 400, "InvalidRequest"},
		{"unknown type", "/bkt/k?uploads", []string{"x-amz-checksum-algorithm: SHA1", "x-amz-checksum-type: WHOLE"}, 400, "InvalidRequest"},
		{"unknown algorithm", "/bkt/k?uploads", []string{"x-amz-checksum-algorithm: MD4"}, 400, "InvalidRequest"},
		{"SHA1 whole", "/bkt/k?uploads", []string{"x-amz-checksum-algorithm: SHA1", "x-amz-checksum-type: FULL_OBJECT"}, 400, "InvalidRequest"},
		{"SHA256 whole", "/bkt/k?uploads", []string{"x-amz-checksum-algorithm: SHA256", "x-amz-checksum-type: FULL_OBJECT"}, 400, "InvalidRequest"},
		{"CRC64NVME composite", "/bkt/k?uploads", []string{"x-amz-checksum-algorithm: CRC64NVME", "x-amz-checksum-type: COMPOSITE"}, 400, "InvalidRequest"},
		{"metadata too large", "/bkt/k?uploads", []string{"x-amz-meta-a: " + strings.Repeat("x", maxMetaBytes)}, 400, "MetadataTooLarge"},
		{"bad tags", "/bkt/k?uploads", []string{"x-amz-tagging: a=1&a=2"}, 400, "InvalidArgument"},
		{"encryption", "/bkt/k?uploads", []string{"x-amz-server-side-encryption: AES256"}, 501, "NotImplemented"},
	} {
		t.Run(c.name, func(t *testing.T) { g.do("POST", c.target, "", c.headers...).want(t, c.status, c.code) })
	}
	if n := len(g.store.buckets["bkt"].uploads); n != 0 {
		t.Errorf("%d uploads were begun", n)
	}
}

func TestUploadPartRefusals(t *testing.T) {
	g := newRig(t)
	id := g.begin("k")
	for _, c := range []struct {
		name, target string
		status       int
		code         string
	}{
		{"number 0", target("k", id, "partNumber=0"), 400, "InvalidArgument"},
		{"number 10001", target("k", id, "partNumber=10001"), 400, "InvalidArgument"},
		{"negative number", target("k", id, "partNumber=-1"), 400, "InvalidArgument"},
		{"no number", target("k", id, "partNumber="), 400, "InvalidArgument"},
		{"number twice", target("k", id, "partNumber=1", "partNumber=2"), 400, "InvalidArgument"},
		{"another key", target("other", id, "partNumber=1"), 404, "NoSuchUpload"},
		{"another id", target("k", "nosuch", "partNumber=1"), 404, "NoSuchUpload"},
		{"empty id", target("k", "", "partNumber=1"), 404, "NoSuchUpload"},
		{"another bucket", "/nosuch/k?partNumber=1&uploadId=" + id, 404, "NoSuchBucket"},
	} {
		t.Run(c.name, func(t *testing.T) { g.do("PUT", c.target, "body").want(t, c.status, c.code) })
	}
	e := g.part("k", "nosuch&x", 1, "x").want(t, 404, "NoSuchUpload")
	if !strings.Contains(e.body, "<UploadId>nosuch&amp;x</UploadId>") {
		t.Error(e.body)
	}
	request := "PUT " + target("k", id, "partNumber=1") + " HTTP/1.1\r\nHost: h\r\nAuthorization: " + basic(testAccess, testSecret) + "\r\n\r\n"
	send(t, g.objects, "PUT", request).want(t, 411, "MissingContentLength")
	g.part("k", id, 1, "body", "Content-MD5: AAAAAAAAAAAAAAAAAAAAAA==").want(t, 400, "BadDigest")
	g.maxObjectBytes = 10
	g.part("k", id, 1, "12345678901").want(t, 400, "EntityTooLarge")
	if n := len(g.store.buckets["bkt"].uploads[id].parts); n != 0 {
		t.Errorf("%d parts were stored", n)
	}
	g.part("k", id, 10000, "").want(t, 200, "")
}

// An upload that is aborted while a part comes: the part is void.
func TestAbortWhileUploading(t *testing.T) {
	g := newRig(t)
	id := g.begin("k")
	conn := dial(t, g.objects)
	defer conn.Close()
	fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: h\r\nAuthorization: %s\r\nContent-Length: 4\r\n\r\nbo", target("k", id, "partNumber=1"), basic(testAccess, testSecret))
	g.do("DELETE", target("k", id), "").want(t, 204, "")
	if _, err := io.WriteString(conn, "dy"); err != nil {
		t.Fatal(err)
	}
	receive(t, conn, "PUT").want(t, 404, "NoSuchUpload")
	g.do("DELETE", target("k", id), "").want(t, 404, "NoSuchUpload")
	g.complete("k", id, completeDoc(md5Hex("body"))).want(t, 404, "NoSuchUpload")
}

func TestMultipartWithFastETags(t *testing.T) {
	g := newRig(t, func(o *Options) { o.ETag = ETagFast })
	one := fiveMiB(5)
	id := g.begin("k")
	var tags []string
	for i, body := range []string{one, "two"} {
		tag := g.part("k", id, i+1, body).want(t, 200, "").header.Get("ETag")
		if strings.Trim(tag, `"`) == md5Hex(body) {
			t.Errorf("part %d has the ETag %s", i+1, tag)
		}
		tags = append(tags, tag)
	}
	first := g.complete("k", id, completeDoc(tags...)).want(t, 200, "")
	if etag := decode[wireComplete](t, first).ETag; !strings.HasSuffix(etag, `-2"`) {
		t.Errorf("ETag %s", etag)
	}
	if again := g.complete("k", id, completeDoc(tags...)).want(t, 200, ""); again.body != first.body {
		t.Error(again.body)
	}
	copied := decode[wireCopy](t, g.do("PUT", "/bkt/copy", "", fromK).want(t, 200, ""))
	if !strings.HasSuffix(copied.ETag, fastSuffix+`"`) {
		t.Errorf("the copy has the ETag %s", copied.ETag)
	}
}

type wireParts struct {
	Bucket, Key, UploadID, EncodingType, ChecksumAlgorithm, ChecksumType, StorageClass string
	Initiator, Owner                                                                   struct{ ID, DisplayName string }
	PartNumberMarker, NextPartNumberMarker, MaxParts                                   int
	IsTruncated                                                                        bool
	Part                                                                               []struct {
		PartNumber, Size   int
		ETag, LastModified string
		ChecksumSHA256     string
	}
}

func TestListParts(t *testing.T) {
	g := newRig(t)
	id := g.begin("a+b", "x-amz-checksum-algorithm: SHA256")
	list := func(query ...string) wireParts {
		t.Helper()
		return decode[wireParts](t, g.do("GET", target("a+b", id, query...), "").want(t, 200, ""))
	}
	if p := list(); len(p.Part) != 0 || p.IsTruncated || p.MaxParts != 1000 || p.NextPartNumberMarker != 0 {
		t.Errorf("%+v", p)
	}
	numbers := []int{1, 2, 5, 9, 10000}
	for _, n := range numbers {
		g.part("a+b", id, n, fmt.Sprint("part ", n)).want(t, 200, "")
	}
	p := list()
	if p.Bucket != "bkt" || p.Key != "a+b" || p.ChecksumAlgorithm != "SHA256" || p.ChecksumType != "COMPOSITE" ||
		p.StorageClass != "STANDARD" || p.Owner.ID != owner || p.Initiator.DisplayName != owner {
		t.Errorf("%+v", p)
	}
	if len(p.Part) != len(numbers) || p.IsTruncated {
		t.Fatalf("%+v", p)
	}
	if got := p.Part[2]; got.PartNumber != 5 || got.Size != 6 || got.ETag != `"`+md5Hex("part 5")+`"` ||
		got.ChecksumSHA256 != sumText(checksum.SHA256, "part 5") || got.LastModified != "2026-03-04T05:06:07.891Z" {
		t.Errorf("%+v", got)
	}
	var walked []int
	after := 0
	for pages := 0; ; pages++ {
		p := list("max-parts=2", fmt.Sprint("part-number-marker=", after))
		for _, part := range p.Part {
			walked = append(walked, part.PartNumber)
		}
		if p.PartNumberMarker != after || p.MaxParts != 2 || pages > 3 {
			t.Fatalf("%+v", p)
		}
		if !p.IsTruncated {
			break
		}
		after = p.NextPartNumberMarker
	}
	if fmt.Sprint(walked) != fmt.Sprint(numbers) {
		t.Errorf("%v", walked)
	}
	if p := list("max-parts=0"); len(p.Part) != 0 || p.IsTruncated || p.MaxParts != 0 {
		t.Errorf("%+v", p)
	}
	if p := list("max-parts=5000", "part-number-marker=10000"); len(p.Part) != 0 || p.MaxParts != 1000 {
		t.Errorf("%+v", p)
	}
	if p := list("encoding-type=url"); p.Key != "a%2Bb" || p.EncodingType != "url" {
		t.Errorf("%+v", p)
	}
	for _, query := range []string{"max-parts=-1", "max-parts=x", "max-parts=2147483648", "part-number-marker=-1", "part-number-marker=x", "encoding-type=base64"} {
		g.do("GET", target("a+b", id, query), "").want(t, 400, "InvalidArgument")
	}
	g.do("GET", target("a+b", "nosuch"), "").want(t, 404, "NoSuchUpload")
	g.do("GET", target("other", id), "").want(t, 404, "NoSuchUpload")
}
