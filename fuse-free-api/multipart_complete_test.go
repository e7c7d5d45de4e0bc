package api

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

func TestCompleteRefusals(t *testing.T) {
	g := newRig(t)
	big, small := fiveMiB(3), "small"
	id := g.begin("k")
	etag := func(body string) string { return md5Hex(body) }
	for i, body := range []string{big, small, "last"} {
		g.part("k", id, i+1, body).want(t, 200, "")
	}
	doc := func(parts string) string { return "<CompleteMultipartUpload>" + parts + "</CompleteMultipartUpload>" }
	part := func(n any, etag string) string {
		return fmt.Sprintf("<Part><PartNumber>%v</PartNumber><ETag>%s</ETag></Part>", n, etag)
	}
	good := doc(part(1, etag(big)) + part(2, etag(small)))
	var many strings.Builder
	for n := range maxParts + 1 {
		many.WriteString(part(n+1, etag(small)))
	}
	for _, c := range []struct {
		name, doc, header string
		status            int
		code              string
	}{
		{"empty", "", "", 400, "MalformedXML"},
		{"no XML", "{}", "", 400, "MalformedXML"},
		{"another document", "<Tagging/>", "", 400, "MalformedXML"},
		{"no part", doc(""), "", 400, "MalformedXML"},
		{"unknown element", doc("<Piece/>"), "", 400, "MalformedXML"},
		{"unknown element in a part", doc("<Part><PartNumber>1</PartNumber><Size>1</Size></Part>"), "", 400, "MalformedXML"},
		{"no number", doc("<Part><ETag>x</ETag></Part>"), "", 400, "MalformedXML"},
		{"two numbers", doc("<Part><PartNumber>1</PartNumber><PartNumber>1</PartNumber></Part>"), "", 400, "MalformedXML"},
		{"number is text", doc(part("one", etag(big))), "", 400, "MalformedXML"},
		{"number out of range", doc(part("99999999999999999999", etag(big))), "", 400, "MalformedXML"},
		{"number 0", doc(part(0, etag(big))), "", 400, "InvalidArgument"},
		{"more than 10000", doc(many.String()), "", 400, "MalformedXML"},
		{"entities", `<!DOCTYPE x [<!ENTITY a "1"><!ENTITY b "&a;&a;">]>` + doc(part("&b;", etag(big))), "", 400, "MalformedXML"},
		{"nested", strings.Repeat("<CompleteMultipartUpload><Part>", 50000), "", 400, "MalformedXML"},
		{"cut", good[:len(good)-3], "", 400, "MalformedXML"},
		{"descending", doc(part(2, etag(small)) + part(1, etag(big))), "", 400, "InvalidPartOrder"},
		{"twice", doc(part(1, etag(big)) + part(1, etag(big))), "", 400, "InvalidPartOrder"},
		{"not there", doc(part(1, etag(big)) + part(4, etag(small))), "", 400, "InvalidPart"},
		{"beyond all", doc(part(1, etag(big)) + part(10001, etag(small))), "", 400, "InvalidPart"},
		{"wrong ETag", doc(part(1, etag(small)) + part(2, etag(small))), "", 400, "InvalidPart"},
		{"no ETag", doc(part(1, "") + part(2, etag(small))), "", 400, "InvalidPart"},
		{"checksum that no part has", doc("<Part><PartNumber>1</PartNumber><ETag>" + etag(big) + "</ETag><ChecksumCRC32>AAAAAA==</ChecksumCRC32></Part>"), "", 400, "InvalidPart"},
		{"checksum that nobody knows", doc("<Part><PartNumber>1</PartNumber><ETag>" + etag(big) + "</ETag><ChecksumSHA3>x</ChecksumSHA3></Part>"), "", 501, "NotImplemented"},
		{"too small", doc(part(1, etag(big)) + part(2, etag(small)) + part(3, etag("last"))), "", 400, "EntityTooSmall"},
		{"wrong size", good, "x-amz-mp-object-size: 5", 400, "InvalidRequest"},
		{"size is text", good, "x-amz-mp-object-size: five", 400, "InvalidRequest"},
		{"checksum without algorithm", good, "x-amz-checksum-crc32: AAAAAA==", 400, "InvalidRequest"},
		{"type without algorithm", good, "x-amz-checksum-type: FULL_OBJECT", 400, "InvalidRequest"},
		{"If-Match", good, `If-Match: "x"`, 412, "PreconditionFailed"},
		{"If-None-Match", good, `If-None-Match: *`, 412, "PreconditionFailed"},
		{"unreadable condition", good, `If-Match: "x`, 400, "InvalidArgument"},
		{"document's own hash", good, "Content-MD5: AAAAAAAAAAAAAAAAAAAAAA==", 400, "BadDigest"},
		{"another header", good, "x-amz-made-up: 1", 501, "NotImplemented"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.status == 412 {
				g.do("PUT", "/bkt/k", "before").want(t, 200, "")
				defer func() { g.do("DELETE", "/bkt/k", "").want(t, 204, "") }()
			}
			var headers []string
			if c.header != "" {
				headers = []string{c.header}
			}
			a := g.complete("k", id, c.doc, headers...).want(t, c.status, c.code)
			if want := "<ProposedSize>5</ProposedSize><MinSizeAllowed>5242880</MinSizeAllowed><PartNumber>2</PartNumber><ETag>" + etag(small); c.code == "EntityTooSmall" && !strings.Contains(a.body, want) {
				t.Errorf("%s\nwant %s", a.body, want)
			}
		})
	}
	request := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: h\r\nAuthorization: %s\r\nContent-Length: %d\r\n\r\n", target("k", id), basic(testAccess, testSecret), maxCompleteBytes+1)
	send(t, g.objects, "POST", request).want(t, 400, "MaxMessageLengthExceeded")
	g.complete("other", id, good).want(t, 404, "NoSuchUpload")
	g.complete("k", "nosuch", good).want(t, 404, "NoSuchUpload")
	if keys := g.keys(); len(keys) != 0 {
		t.Errorf("keys %q", keys)
	}
	// And nothing was lost: the parts can still be made an object, with gaps.
	g.complete("k", id, doc(part(1, "&quot;"+etag(big)+"&quot;")+part(3, "\n"+etag("last")+" ")), "If-None-Match: *").want(t, 200, "")
	if a := g.do("GET", "/bkt/k", ""); a.body != big+"last" {
		t.Errorf("%d bytes", len(a.body))
	}
}

// A client that got no answer asks again, and gets the one it missed; but
// only for the same parts, and as long as the object is still that one.
func TestCompleteAgain(t *testing.T) {
	g := newRig(t)
	one, two := fiveMiB(4), "two"
	id := g.begin("k")
	g.part("k", id, 1, one).want(t, 200, "")
	g.part("k", id, 2, two).want(t, 200, "")
	doc := completeDoc(md5Hex(one), md5Hex(two))
	first := g.complete("k", id, doc, "If-None-Match: *").want(t, 200, "")
	second := g.complete("k", id, doc, "If-None-Match: *").want(t, 200, "")
	if first.body != second.body {
		t.Errorf("%s\nand then %s", first.body, second.body)
	}
	g.do("PUT", "/bkt/k?tagging", taggingDoc("a", "b")).want(t, 200, "")
	g.complete("k", id, doc).want(t, 200, "")
	g.complete("k", id, completeDoc(md5Hex(one))).want(t, 404, "NoSuchUpload")
	g.complete("k", id, completeDoc(md5Hex(one), md5Hex(one))).want(t, 404, "NoSuchUpload")
	g.complete("other", id, doc).want(t, 404, "NoSuchUpload")
	// Nor is what else it says passed over because all is done.
	g.complete("k", id, doc, fmt.Sprint("x-amz-mp-object-size: ", len(one+two))).want(t, 200, "")
	g.complete("k", id, doc, "x-amz-mp-object-size: 5").want(t, 404, "NoSuchUpload")
	g.complete("k", id, doc, "x-amz-checksum-crc32: AAAAAA==").want(t, 404, "NoSuchUpload")
	g.complete("k", id, strings.ReplaceAll(doc, "</ETag>", "</ETag><ChecksumCRC32>AAAAAA==</ChecksumCRC32>")).want(t, 404, "NoSuchUpload")
	g.do("PUT", "/bkt/k", "new").want(t, 200, "")
	g.complete("k", id, doc).want(t, 404, "NoSuchUpload")
	g.do("DELETE", "/bkt/k", "").want(t, 204, "")
	g.complete("k", id, doc).want(t, 404, "NoSuchUpload")
}

func TestCompleteRaced(t *testing.T) {
	g := newRig(t)
	const clients = 8
	one := "only"
	id := g.begin("k")
	g.part("k", id, 1, one).want(t, 200, "")
	before := g.store.version
	var all sync.WaitGroup
	answers := make([]answer, clients)
	for i := range answers {
		all.Go(func() { answers[i] = g.complete("k", id, completeDoc(md5Hex(one)), "If-None-Match: *") })
	}
	all.Wait()
	for _, a := range answers {
		if a.want(t, 200, ""); a.body != answers[0].body {
			t.Errorf("%s, and %s", answers[0].body, a.body)
		}
	}
	if g.store.version != before+1 {
		t.Errorf("%d objects were made", g.store.version-before)
	}
}

func FuzzCompleteXML(f *testing.F) {
	f.Add(completeDoc("a", `&quot;b&quot;`))
	f.Add("<CompleteMultipartUpload><Part><PartNumber> 7 </PartNumber><ChecksumCRC32>AAAAAA==</ChecksumCRC32></Part></CompleteMultipartUpload>")
	f.Add("<CompleteMultipartUpload><Part><PartNumber>2</PartNumber></Part><Part><PartNumber>1</PartNumber></Part></CompleteMultipartUpload>")
	f.Add("<CompleteMultipartUpload><Part><Part></CompleteMultipartUpload>")
	f.Add(`<!DOCTYPE a [<!ENTITY b "c">]><CompleteMultipartUpload/>`)
	f.Fuzz(func(t *testing.T, doc string) {
		parts, err := parseComplete([]byte(doc))
		if err != nil {
			if status := storeFault(err).code.status; status != 400 && status != 501 {
				t.Fatal(err)
			}
			return
		}
		if len(parts) == 0 || len(parts) > maxParts {
			t.Fatalf("%d parts", len(parts))
		}
		for i, p := range parts {
			if p.number < 1 || i > 0 && p.number <= parts[i-1].number || (p.algorithm == 0) != (p.sum == "") {
				t.Fatalf("%+v", parts)
			}
		}
	})
}
