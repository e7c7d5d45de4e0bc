package api

import (
	"context"
	"encoding/xml"
	"fmt"
	"strings"
	"testing"
)

type wireTagging struct {
	XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ Tagging"`
	Tags    []struct {
		Key, Value string
	} `xml:"TagSet>Tag"`
}

// decode reads an answer's document.
func decode[T any](t testing.TB, a answer) T {
	t.Helper()
	var v T
	if err := xml.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("%v in %q", err, a.body)
	}
	return v
}

func taggingDoc(pairs ...string) string {
	var b strings.Builder
	b.WriteString(`<Tagging><TagSet>`)
	for i := 0; i < len(pairs); i += 2 {
		fmt.Fprintf(&b, "<Tag><Key>%s</Key><Value>%s</Value></Tag>", pairs[i], pairs[i+1])
	}
	return b.String() + `</TagSet></Tagging>`
}

func TestTaggingRoundTrip(t *testing.T) {
	g := newRig(t)
	g.do("PUT", "/bkt/k", "body", "Cache-Control: no-cache").want(t, 200, "")
	if got := decode[wireTagging](t, g.do("GET", "/bkt/k?tagging", "").want(t, 200, "")); len(got.Tags) != 0 {
		t.Errorf("tags %+v", got)
	}
	before, err := g.store.Stat(t.Context(), "bkt", "k")
	if err != nil {
		t.Fatal(err)
	}
	doc := `<?xml version="1.0" encoding="UTF-8"?>` + "\n<!-- two -->" +
		`<Tagging xmlns="http://s3.amazonaws.com/doc/2006-03-01/">` + "\n <TagSet><Tag><Value>1 &lt;&amp;+=%</Value><Key>Ünï/c</Key></Tag>\n" +
		`<Tag><Key>a b</Key><Value></Value></Tag></TagSet></Tagging>` + "\n"
	g.do("PUT", "/bkt/k?tagging", doc).want(t, 200, "")
	got := decode[wireTagging](t, g.do("GET", "/bkt/k?tagging&versionId=null", "").want(t, 200, ""))
	if s := fmt.Sprint(got.Tags); s != "[{a b } {Ünï/c 1 <&+=%}]" {
		t.Errorf("tags %s", s)
	}
	after, err := g.store.Stat(t.Context(), "bkt", "k")
	if err != nil {
		t.Fatal(err)
	}
	if after.Version != before.Version || tagCount(after.System) != 2 {
		t.Errorf("%+v became %+v", before, after)
	}
	if v, _ := findPair(after.System, "Cache-Control"); v != "no-cache" {
		t.Error("tagging lost a kept header")
	}
	g.do("DELETE", "/bkt/k?tagging", "").want(t, 204, "")
	g.do("DELETE", "/bkt/k?tagging", "").want(t, 204, "")
	if got := decode[wireTagging](t, g.do("GET", "/bkt/k?tagging", "").want(t, 200, "")); len(got.Tags) != 0 {
		t.Errorf("tags %+v", got)
	}
	g.do("PUT", "/bkt/k?tagging", taggingDoc()).want(t, 200, "")
}

func TestTagsByHeader(t *testing.T) {
	g := newRig(t)
	g.do("PUT", "/bkt/k", "body", "x-amz-tagging: b=2&a=1").want(t, 200, "")
	if got := decode[wireTagging](t, g.do("GET", "/bkt/k?tagging", "").want(t, 200, "")); fmt.Sprint(got.Tags) != "[{a 1} {b 2}]" {
		t.Errorf("tags %+v", got)
	}
	for _, method := range []string{"GET", "HEAD"} {
		a := g.do(method, "/bkt/k", "").want(t, 200, "")
		if a.header.Get("X-Amz-Tagging-Count") != "2" || a.header.Get("X-Amz-Tagging") != "" {
			t.Errorf("%s: %v", method, a.header)
		}
	}
	g.do("PUT", "/bkt/k", "new", "x-amz-tagging: a=1&a=2").want(t, 400, "InvalidArgument")
	g.do("PUT", "/bkt/k", "new", "x-amz-tagging: ").want(t, 200, "")
	if a := g.do("GET", "/bkt/k", "").want(t, 200, ""); a.header.Get("X-Amz-Tagging-Count") != "" {
		t.Errorf("%v", a.header)
	}
}

func TestTaggingRefusals(t *testing.T) {
	g := newRig(t)
	g.do("PUT", "/bkt/k", "body").want(t, 200, "")
	g.do("PUT", "/bkt/k?tagging", taggingDoc("kept", "1")).want(t, 200, "")
	var eleven []string
	for i := range 11 {
		eleven = append(eleven, fmt.Sprint("k", i), "v")
	}
	bomb := `<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>`
	for _, c := range []struct {
		name, target, doc string
		status            int
		code              string
	}{
		{"no bucket", "/nosuch/k?tagging", taggingDoc("a", "b"), 404, "NoSuchBucket"},
		{"no key", "/bkt/nosuch?tagging", taggingDoc("a", "b"), 404, "NoSuchKey"},
		{"another version", "/bkt/k?tagging&versionId=7", taggingDoc("a", "b"), 404, "NoSuchVersion"},
		{"empty version", "/bkt/k?tagging&versionId=", taggingDoc("a", "b"), 400, "InvalidArgument"},
		{"eleven", "/bkt/k?tagging", taggingDoc(eleven...), 400, "BadRequest"},
		{"twice", "/bkt/k?tagging", taggingDoc("a", "b", "a", "c"), 400, "InvalidTag"},
		{"empty key", "/bkt/k?tagging", taggingDoc("", "b"), 400, "InvalidTag"},
		{"long key", "/bkt/k?tagging", taggingDoc(strings.Repeat("k", 129), "b"), 400, "InvalidTag"},
		{"long key in UTF-16", "/bkt/k?tagging", taggingDoc(strings.Repeat("😀", 64)+"k", "b"), 400, "InvalidTag"},
		{"long value", "/bkt/k?tagging", taggingDoc("a", strings.Repeat("ü", 257)), 400, "InvalidTag"},
		{"reserved key", "/bkt/k?tagging", taggingDoc("aws:x", "b"), 400, "InvalidTag"},
		{"empty", "/bkt/k?tagging", "", 400, "MalformedXML"},
		{"no XML", "/bkt/k?tagging", "tags", 400, "MalformedXML"},
		{"another document", "/bkt/k?tagging", "<Delete/>", 400, "MalformedXML"},
		{"no set", "/bkt/k?tagging", "<Tagging/>", 400, "MalformedXML"},
		{"two sets", "/bkt/k?tagging", "<Tagging><TagSet/><TagSet/></Tagging>", 400, "MalformedXML"},
		{"no value", "/bkt/k?tagging", "<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>", 400, "MalformedXML"},
		{"two keys", "/bkt/k?tagging", "<Tagging><TagSet><Tag><Key>a</Key><Key>a</Key><Value/></Tag></TagSet></Tagging>", 400, "MalformedXML"},
		{"element in text", "/bkt/k?tagging", taggingDoc("<b>a</b>", "b"), 400, "MalformedXML"},
		{"text between", "/bkt/k?tagging", "<Tagging>x<TagSet/></Tagging>", 400, "MalformedXML"},
		{"cut", "/bkt/k?tagging", "<Tagging><TagSet>", 400, "MalformedXML"},
		{"more behind", "/bkt/k?tagging", taggingDoc() + "<x/>", 400, "MalformedXML"},
		{"text behind", "/bkt/k?tagging", taggingDoc() + "x", 400, "MalformedXML"},
		{"entities", "/bkt/k?tagging", bomb + taggingDoc("&b;", ""), 400, "MalformedXML"},
		{"unknown entity", "/bkt/k?tagging", taggingDoc("&b;", ""), 400, "MalformedXML"},
		{"not UTF-8", "/bkt/k?tagging", taggingDoc("\xff", ""), 400, "MalformedXML"},
		{"nested", "/bkt/k?tagging", strings.Repeat("<Tagging>", 9000), 400, "MalformedXML"},
		{"too long", "/bkt/k?tagging", taggingDoc("k", strings.Repeat(" ", maxTaggingBytes)), 400, "MaxMessageLengthExceeded"},
	} {
		t.Run(c.name, func(t *testing.T) { g.do("PUT", c.target, c.doc).want(t, c.status, c.code) })
	}
	for _, method := range []string{"GET", "DELETE"} {
		g.do(method, "/bkt/nosuch?tagging", "").want(t, 404, "NoSuchKey")
		g.do(method, "/bkt/k?tagging&versionId=7", "").want(t, 404, "NoSuchVersion")
	}
	if got := decode[wireTagging](t, g.do("GET", "/bkt/k?tagging", "").want(t, 200, "")); fmt.Sprint(got.Tags) != "[{kept 1}]" {
		t.Errorf("tags %+v", got)
	}
}

// overwriting is a store whose object is overwritten before each SetSystem,
// as often as told.
type overwriting struct {
	*fakeStore
	times int
}

func (o *overwriting) SetSystem(ctx context.Context, bucket, key string, version uint64, system []Pair) error {
	if o.times > 0 {
		o.times--
		_, err := o.Put(ctx, bucket, key, strings.NewReader("new"), PutRequest{Body: Body{Size: 3, Finish: func() (Finished, error) {
			return Finished{ETag: fmt.Sprint("tag", o.times)}, nil
		}}})
		if err != nil {
			return err
		}
	}
	return o.fakeStore.SetSystem(ctx, bucket, key, version, system)
}

func TestTaggingWhileOverwritten(t *testing.T) {
	o := &overwriting{}
	g := newRig(t, func(opts *Options) {
		o.fakeStore = opts.Store.(*fakeStore)
		opts.Store = o
	})
	g.do("PUT", "/bkt/k", "body").want(t, 200, "")
	o.times = taggingTries - 1
	g.do("PUT", "/bkt/k?tagging", taggingDoc("a", "b")).want(t, 200, "")
	if got := decode[wireTagging](t, g.do("GET", "/bkt/k?tagging", "").want(t, 200, "")); len(got.Tags) != 1 {
		t.Errorf("tags %+v", got)
	}
	o.times = taggingTries
	g.do("PUT", "/bkt/k?tagging", taggingDoc("c", "d")).want(t, 409, "OperationAborted")
}

func TestParseTags(t *testing.T) {
	for _, c := range []struct{ query, want, code string }{
		{"", "", ""},
		{"b=2&a=1", "a=1&b=2", ""},
		{"a", "a=", ""},
		{"a=b=c", "a=b%3Dc", ""},
		{"a+b=%20c%2B", "a+b=+c%2B", ""},
		{"a;b=c", "a%3Bb=c", ""},
		{strings.Repeat("k", 128) + "=" + strings.Repeat("v", 256), strings.Repeat("k", 128) + "=" + strings.Repeat("v", 256), ""},
		{"a=1&a=2", "", "InvalidArgument"},
		{"a=%zz", "", "InvalidArgument"},
		{"a=%ff", "", "InvalidArgument"},
		{"a=1&", "", "InvalidTag"},
		{"=1", "", "InvalidTag"},
		{strings.Repeat("k", 129), "", "InvalidTag"},
		{"aws:a=1", "", "InvalidTag"},
		{"a&b&c&d&e&f&g&h&i&j", "a=&b=&c=&d=&e=&f=&g=&h=&i=&j=", ""},
		{"a&b&c&d&e&f&g&h&i&j&k", "", "BadRequest"},
	} {
		tags, err := parseTags(c.query)
		if code := faultCode(err); code != c.code || tags.encode() != c.want {
			t.Errorf("%q: %q, %v; want %q, %s", c.query, tags.encode(), err, c.want, c.code)
		}
		if n := tagCount(tags.pairs()); n != len(tags) {
			t.Errorf("%q: %d tags, counted %d", c.query, len(tags), n)
		}
	}
}

// faultCode is the code that err is answered with.
func faultCode(err error) string {
	if err == nil {
		return ""
	}
	return storeFault(err).code.name
}

func FuzzTaggingXML(f *testing.F) {
	f.Add(taggingDoc("a", "b", "c", "&amp;&#x41;"))
	f.Add(taggingDoc())
	f.Add(`<?xml version="1.0"?><Tagging xmlns="x"><!-- --><TagSet><Tag><Key><![CDATA[a]]></Key><Value/></Tag></TagSet></Tagging> `)
	f.Add(`<!DOCTYPE a [<!ENTITY b "c">]><Tagging/>`)
	f.Fuzz(func(t *testing.T, doc string) {
		tags, err := parseTagging([]byte(doc))
		if err != nil {
			if s := storeFault(err); s.code.status != 400 {
				t.Fatal(err)
			}
			return
		}
		// What is kept reads the same again.
		again, err := parseTags(tags.encode())
		if err != nil || again.encode() != tags.encode() || len(again) != len(tags) {
			t.Fatalf("%+v, then %+v, %v", tags, again, err)
		}
	})
}
