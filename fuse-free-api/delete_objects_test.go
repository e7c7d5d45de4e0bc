package api

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"hash/crc32"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

type wireDeleted struct {
	XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ DeleteResult"`
	Deleted []struct{ Key, VersionId string }
	Error   []struct{ Key, VersionId, Code, Message string }
}

func contentMD5(body string) string {
	sum := md5.Sum([]byte(body))
	return "Content-MD5: " + base64.StdEncoding.EncodeToString(sum[:])
}

// deleteDocument names these keys.
func deleteDocument(keys ...string) string {
	var b strings.Builder
	b.WriteString(`<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">`)
	for _, key := range keys {
		b.WriteString("<Object><Key>")
		_ = xml.EscapeText(&b, []byte(key))
		b.WriteString("</Key></Object>")
	}
	return b.String() + "</Delete>"
}

func (g *rig) deleteObjects(doc string) wireDeleted {
	g.t.Helper()
	a := g.do("POST", "/bkt?delete", doc, contentMD5(doc)).want(g.t, 200, "")
	var d wireDeleted
	if err := xml.Unmarshal([]byte(a.body), &d); err != nil {
		g.t.Fatalf("%v in %s", err, a.body)
	}
	return d
}

func TestDeleteObjects(t *testing.T) {
	etag := md5Hex("x")
	for _, c := range []struct{ name, doc, want, left string }{
		{"two of three", `<Object><Key>a</Key></Object><Object><Key>c</Key></Object>`,
			"<Deleted><Key>a</Key></Deleted><Deleted><Key>c</Key></Deleted>", "b"},
		{"what is not there", `<Object><Key>z</Key></Object>`, "<Deleted><Key>z</Key></Deleted>", "a b c"},
		{"one twice", `<Object><Key>a</Key></Object><Object><Key>a</Key></Object>`, "<Deleted><Key>a</Key></Deleted><Deleted><Key>a</Key></Deleted>", "b c"},
		{"quietly", `<Quiet>true</Quiet><Object><Key>a</Key></Object>`, "", "b c"},
		{"quietly, said at the end", `<Object><Key>a</Key></Object><Quiet>true</Quiet>`, "", "b c"},
		{"not quietly", `<Quiet>false</Quiet><Object><Key>a</Key></Object>`, "<Deleted><Key>a</Key></Deleted>", "b c"},
		{"the null version", `<Object><Key>a</Key><VersionId>null</VersionId></Object>`, "<Deleted><Key>a</Key><VersionId>null</VersionId></Deleted>", "b c"},
		{"an empty version", `<Object><Key>a</Key><VersionId/></Object>`, "<Deleted><Key>a</Key></Deleted>", "b c"},
		{"another version", `<Object><Key>a</Key><VersionId>1</VersionId></Object><Object><Key>b</Key></Object>`,
			"<Error><Key>a</Key><VersionId>1</VersionId><Code>NoSuchVersion</Code>…</Error><Deleted><Key>b</Key></Deleted>", "a c"},
		{"errors, quietly", `<Quiet>true</Quiet><Object><Key>a</Key><VersionId>1</VersionId></Object><Object><Key>b</Key></Object>`,
			"<Error><Key>a</Key><VersionId>1</VersionId><Code>NoSuchVersion</Code>…</Error>", "a c"},
		{"on its ETag", `<Object><Key>a</Key><ETag>` + etag + `</ETag></Object><Object><Key>b</Key><ETag>&quot;` + etag + `&quot;</ETag></Object>`,
			"<Deleted><Key>a</Key></Deleted><Deleted><Key>b</Key></Deleted>", "c"},
		{"on another ETag", `<Object><Key>a</Key><ETag>` + md5Hex("y") + `</ETag></Object>`, "<Error><Key>a</Key><Code>PreconditionFailed</Code>…</Error>", "a b c"},
		{"on any ETag", `<Object><Key>a</Key><ETag>*</ETag></Object><Object><Key>z</Key><ETag>*</ETag></Object>`,
			"<Deleted><Key>a</Key></Deleted><Error><Key>z</Key><Code>PreconditionFailed</Code>…</Error>", "b c"},
		{"on its size", `<Object><Key>a</Key><Size>1</Size></Object>`, "<Error><Key>a</Key><Code>NotImplemented</Code>…</Error>", "a b c"},
		{"on its time", `<Object><Key>a</Key><LastModifiedTime>Wed, 04 Mar 2026 05:06:07 GMT</LastModifiedTime><ETag>` + etag + `</ETag></Object>`,
			"<Error><Key>a</Key><Code>NotImplemented</Code>…</Error>", "a b c"},
		{"too long", `<Object><Key>` + strings.Repeat("k", 1025) + `</Key></Object><Object><Key>a</Key></Object>`,
			"<Error><Key>" + strings.Repeat("k", 1025) + "</Key><Code>KeyTooLongError</Code>…</Error><Deleted><Key>a</Key></Deleted>", "b c"},
		{"names that XML changes", `<Object><Key> &amp;&lt;&#13;&#xA;&#9; </Key></Object><Object><Key><![CDATA[<&]]></Key></Object>`,
			"<Deleted><Key> &amp;&lt;&#xd;&#xa;&#x9; </Key></Deleted><Deleted><Key>&lt;&amp;</Key></Deleted>", "a b c"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newRig(t)
			for _, key := range []string{"a", "b", "c"} {
				g.do("PUT", "/bkt/"+key, "x").want(t, 200, "")
			}
			doc := `<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">` + c.doc + "</Delete>"
			body := g.do("POST", "/bkt?delete", doc, contentMD5(doc)).want(t, 200, "").body
			want := xmlHead + `<DeleteResult` + xmlNamespace + `>` + c.want + `</DeleteResult>`
			if got := withoutMessages(body); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			left := g.keys()
			slices.Sort(left)
			if got := strings.Join(left, " "); got != c.left {
				t.Errorf("%q is left, want %q", got, c.left)
			}
		})
	}
}

// withoutMessages puts … in the place of errors' messages, which must be there.
func withoutMessages(body string) string {
	for {
		head, rest, found := strings.Cut(body, "<Message>")
		if !found {
			return body
		}
		message, rest, _ := strings.Cut(rest, "</Message>")
		if message == "" {
			return "an error without a message"
		}
		body = head + "…" + rest
	}
}

// Nothing is deleted by a document that is not understood to its end.
func TestDeleteObjectsMalformed(t *testing.T) {
	g := newRig(t)
	g.fill("a")
	object := `<Object><Key>a</Key></Object>`
	for _, c := range []struct{ name, doc string }{
		{"empty", ""},
		{"text", "a"},
		{"another document", "<Tagging>" + object + "</Tagging>"},
		{"no keys", "<Delete></Delete>"},
		{"no keys, quietly", "<Delete><Quiet>true</Quiet></Delete>"},
		{"no key", "<Delete>" + object + "<Object></Object></Delete>"},
		{"an empty key", "<Delete>" + object + "<Object><Key></Key></Object></Delete>"},
		{"two keys", "<Delete>" + object + "<Object><Key>a</Key><Key>b</Key></Object></Delete>"},
		{"an element in a key", "<Delete>" + object + "<Object><Key><b>a</b></Key></Object></Delete>"},
		{"an unknown element", "<Delete>" + object + "<Object><Key>a</Key><Made>up</Made></Object></Delete>"},
		{"an unknown element outside", "<Delete>" + object + "<Made>up</Made></Delete>"},
		{"half quiet", "<Delete><Quiet>perhaps</Quiet>" + object + "</Delete>"},
		{"quiet twice", "<Delete><Quiet>true</Quiet><Quiet>true</Quiet>" + object + "</Delete>"},
		{"a broken ETag", `<Delete><Object><Key>a</Key><ETag>"x</ETag></Object></Delete>`},
		{"an empty ETag", `<Delete><Object><Key>a</Key><ETag></ETag></Object></Delete>`},
		{"cut", "<Delete>" + object},
		{"more behind", "<Delete>" + object + "</Delete><Delete/>"},
		{"a document type", `<!DOCTYPE x [<!ENTITY a "aaaa">]><Delete><Object><Key>&a;</Key></Object></Delete>`},
		{"an entity", "<Delete><Object><Key>&a;</Key></Object></Delete>"},
		{"a character that XML lacks", "<Delete>" + object + "<Object><Key>\x01</Key></Object></Delete>"},
		{"its reference", "<Delete>" + object + "<Object><Key>&#x1;</Key></Object></Delete>"},
		{"not UTF-8", "<Delete>" + object + "<Object><Key>\xff</Key></Object></Delete>"},
		{"1001 keys", deleteDocument(slices.Repeat([]string{"a"}, 1001)...)},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := g.do("POST", "/bkt?delete", c.doc, contentMD5(c.doc)).want(t, 400, "MalformedXML")
			if strings.Contains(c.name, "XML lacks") && !strings.Contains(a.body, "names it in the URL") {
				t.Errorf("not said what to do: %s", a.body)
			}
		})
	}
	doc := deleteDocument("a")
	g.do("POST", "/bkt?delete", doc).want(t, 400, "InvalidRequest") // nothing promised
	g.do("POST", "/bkt?delete", doc, "x-amz-content-sha256: UNSIGNED-PAYLOAD").want(t, 400, "InvalidRequest")
	g.do("POST", "/bkt?delete", doc, contentMD5("another")).want(t, 400, "BadDigest")
	g.do("POST", "/bkt?delete", doc, "x-amz-content-sha256: "+strings.Repeat("0", 64)).want(t, 400, "XAmzContentSHA256Mismatch")
	send(t, g.objects, "POST", fmt.Sprintf("POST /bkt?delete HTTP/1.1\r\nHost: h\r\nAuthorization: %s\r\nContent-MD5: AAAAAAAAAAAAAAAAAAAAAA==\r\nContent-Length: %d\r\n\r\n",
		basic(testAccess, testSecret), maxDeleteBytes+1)).want(t, 400, "MaxMessageLengthExceeded")
	g.do("POST", "/nosuch?delete", doc, contentMD5(doc)).want(t, 404, "NoSuchBucket")
	g.do("POST", "/bkt?delete", doc, contentMD5(doc), "x-amz-mfa: 1 2").want(t, 501, "NotImplemented")
	if keys := g.keys(); len(keys) != 1 {
		t.Errorf("left: %q", keys)
	}
	g.do("POST", "/bkt?delete", "\uFEFF"+doc, contentMD5("\uFEFF"+doc), "x-amz-bypass-governance-retention: true").want(t, 200, "")
	g.wantNothing()
}

// One promise of what the document is suffices, and every one is kept.
func TestDeleteObjectsPromises(t *testing.T) {
	doc := deleteDocument("a")
	sum := sha256.Sum256([]byte(doc))
	crc := base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(doc))))
	for _, c := range []struct {
		name    string
		headers []string
		status  int
		code    string
	}{
		{"Content-MD5", []string{contentMD5(doc)}, 200, ""},
		{"Content-MD5 beside no payload hash", []string{contentMD5(doc), "x-amz-content-sha256: UNSIGNED-PAYLOAD"}, 200, ""},
		{"payload hash", []string{"x-amz-content-sha256: " + hex.EncodeToString(sum[:])}, 200, ""},
		{"SHA-256", []string{"x-amz-checksum-sha256: " + base64.StdEncoding.EncodeToString(sum[:])}, 200, ""},
		{"CRC-32, as today's SDKs", []string{"x-amz-sdk-checksum-algorithm: CRC32", "x-amz-checksum-crc32: " + crc}, 200, ""},
		{"another CRC-32", []string{"x-amz-checksum-crc32: AAAAAA=="}, 400, "BadDigest"},
		{"an algorithm alone", []string{"x-amz-sdk-checksum-algorithm: CRC32"}, 400, "InvalidRequest"},
		{"nothing", nil, 400, "InvalidRequest"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newRig(t)
			g.fill("a")
			g.do("POST", "/bkt?delete", doc, c.headers...).want(t, c.status, c.code)
			if gone := len(g.keys()) == 0; gone != (c.status == 200) {
				t.Errorf("gone: %v", gone)
			}
		})
	}
}

// A thousand of the longest keys, each byte of them escaped, fit.
func TestDeleteObjectsThousand(t *testing.T) {
	g := newRig(t)
	var keys []string
	for i := range 1000 {
		key := fmt.Sprintf("%04d", i) + strings.Repeat("\"", maxKeyBytes-4)
		keys = append(keys, key)
		g.store.buckets["bkt"].objects[key] = &fakeObject{s: g.store}
	}
	var atOnce, most atomic.Int64
	g.store.beforeDelete = func(string) error {
		n := atOnce.Add(1)
		defer atOnce.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		// All workers meet here once: none waits for another's delete to end.
		for deadline := time.Now().Add(30 * time.Second); most.Load() < deletesAtOnce && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		return nil
	}
	d := g.deleteObjects(deleteDocument(keys...))
	if len(d.Deleted) != 1000 || len(d.Error) != 0 {
		t.Fatalf("%d deleted, %d errors", len(d.Deleted), len(d.Error))
	}
	for i, gone := range d.Deleted {
		if gone.Key != keys[i] {
			t.Fatalf("%d: %.10s, in another order than asked", i, gone.Key)
		}
	}
	g.wantNothing()
	if n := most.Load(); n != deletesAtOnce {
		t.Errorf("%d at once, want %d", n, deletesAtOnce)
	}
}

func TestDeleteObjectsStoreFails(t *testing.T) {
	g := newRig(t)
	fails := map[string]error{}
	g.store.beforeDelete = func(key string) error {
		if key == "panic" {
			panic("the fake store panics")
		}
		return fails[key]
	}
	g.fill("a", "b")
	fails["b"] = fmt.Errorf("drive 3: %w", ErrUnavailable)
	d := g.deleteObjects(deleteDocument("a", "b", "panic"))
	if len(d.Deleted) != 1 || d.Deleted[0].Key != "a" || len(d.Error) != 2 || d.Error[0].Code != "ServiceUnavailable" || d.Error[1].Code != "InternalError" {
		t.Errorf("%+v", d)
	}
	// If nothing could be done, the status says so, and clients try again.
	g.fill("a")
	fails["a"] = ErrReadOnly
	doc := deleteDocument("a", "b")
	if a := g.do("POST", "/bkt?delete", doc, contentMD5(doc)).want(t, 503, "ServiceUnavailable"); a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	fails["a"], fails["b"] = ErrBusy, ErrBusy
	g.do("POST", "/bkt?delete", doc, contentMD5(doc)).want(t, 503, "SlowDown")
	fails["a"], fails["b"] = errors.New("never seen"), ErrNoSuchBucket
	d = g.deleteObjects(doc)
	if len(d.Error) != 2 || d.Error[0].Code != "InternalError" || d.Error[1].Code != "NoSuchBucket" {
		t.Errorf("%+v", d)
	}
}

// What is read of a Delete document is within its bounds and can be written
// again; the rest is MalformedXML.
func FuzzDeleteXML(f *testing.F) {
	for _, doc := range []string{
		"", "<Delete/>", deleteDocument("a", "b/ü", " ", "\r\n"), "<Delete><Quiet>true</Quiet><Object><Key>a</Key><VersionId>null</VersionId><ETag>*</ETag></Object></Delete>",
		"<Delete><Object><Key>&#x1;</Key></Object></Delete>", "<Delete><Object><Key><![CDATA[a]]>b</Key><Size>1</Size></Object></Delete>",
		`<?xml version="1.0" encoding="UTF-8"?><Delete xmlns="x"><!-- a --><Object><Key>a</Key></Object></Delete> `, "\uFEFF<Delete>",
		`<!DOCTYPE x [<!ENTITY a "aaaa">]><Delete><Object><Key>&a;</Key></Object></Delete>`, strings.Repeat("<Delete>", 1000), strings.Repeat("<Delete><Object>", 10),
	} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		quiet, all, err := parseDelete(doc)
		if err != nil {
			var e *s3Error
			if !errors.As(err, &e) || e.code != codeMalformedXML {
				t.Fatal(err)
			}
			return
		}
		if len(all) == 0 || len(all) > maxDeleteKeys {
			t.Fatalf("%d keys", len(all))
		}
		var keys []string
		for _, d := range all {
			if d.key == "" || d.failure != nil {
				t.Fatalf("%+v", d)
			}
			keys = append(keys, d.key)
		}
		again, same, err := parseDelete([]byte(deleteDocument(keys...)))
		if err != nil || again && !quiet || len(same) != len(all) {
			t.Fatalf("%q: %v", keys, err)
		}
		for i, d := range same {
			if d.key != keys[i] {
				t.Fatalf("%q becomes %q", keys[i], d.key)
			}
		}
	})
}

// A document takes little more than its own length to be read, whatever is in it.
func TestXMLThatWouldTakeMuchMemory(t *testing.T) {
	wrap := func(inside string) string { return "<Delete><Object><Key>" + inside + "</Key></Object></Delete>" }
	for _, c := range []struct{ name, doc string }{
		{"attributes", "<Delete " + strings.Repeat(`a=">" `, 1<<20) + "/>"},
		{"a tag", "<" + strings.Repeat("D", 1<<20) + "/>"},
		{"a text", wrap(strings.Repeat("x", 1<<20))},
		{"a comment", wrap("<!--" + strings.Repeat("x", 1<<20) + "-->")},
	} {
		t.Run(c.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, _, err := parseDelete([]byte(c.doc))
			runtime.ReadMemStats(&after)
			if err == nil || storeFault(err).code != codeMalformedXML {
				t.Errorf("%v", err)
			}
			if took := after.TotalAlloc - before.TotalAlloc; took > uint64(2*len(c.doc)) {
				t.Errorf("%d bytes took %d", len(c.doc), took)
			}
		})
	}
	key := strings.Repeat("&#x0000041;", maxKeyBytes)
	if _, all, err := parseDelete([]byte(wrap(key))); err != nil || all[0].key != strings.Repeat("A", maxKeyBytes) {
		t.Errorf("%v", err)
	}
}
