package api

import (
	"encoding/xml"
	"flag"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

type wireList struct {
	XMLName               xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListBucketResult"`
	Name                  string
	Prefix                string
	Delimiter             string
	StartAfter            string
	EncodingType          string
	ContinuationToken     string
	NextContinuationToken string
	MaxKeys, KeyCount     int
	IsTruncated           bool
	Contents              []struct {
		Key          string
		LastModified time.Time
		ETag         string
		Size         int64
		StorageClass string
		Owner        *struct{ ID, DisplayName string }
	}
	CommonPrefixes []struct{ Prefix string }
}

// list asks for one page and checks what holds for every page.
func (g *rig) list(args ...string) wireList {
	g.t.Helper()
	query := url.Values{"list-type": {"2"}}
	for i := 0; i < len(args); i += 2 {
		query.Set(args[i], args[i+1])
	}
	a := g.do("GET", "/bkt?"+query.Encode(), "").want(g.t, 200, "")
	var l wireList
	if err := xml.Unmarshal([]byte(a.body), &l); err != nil {
		g.t.Fatalf("%v in %s", err, a.body)
	}
	if l.Name != "bkt" || l.KeyCount != len(l.Contents)+len(l.CommonPrefixes) || l.KeyCount > l.MaxKeys {
		g.t.Fatalf("%+v", l)
	}
	if l.IsTruncated != (l.NextContinuationToken != "") {
		g.t.Fatalf("truncated %v, token %q", l.IsTruncated, l.NextContinuationToken)
	}
	return l
}

// names gives keys and prefixes ("prefix/*") in the order of their names.
func (l wireList) names() []string {
	var all []string
	for _, c := range l.Contents {
		all = append(all, c.Key)
	}
	for _, p := range l.CommonPrefixes {
		all = append(all, p.Prefix+"*")
	}
	slices.Sort(all)
	return all
}

func (g *rig) fill(keys ...string) {
	g.t.Helper()
	for _, key := range keys {
		g.do("PUT", "/bkt/"+encodeAll(key), key).want(g.t, 200, "")
	}
}

func TestList(t *testing.T) {
	g := newRig(t)
	g.fill("a", "b/1", "b/2", "b/c/3", "d", "d/4")
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"all", nil, "a b/1 b/2 b/c/3 d d/4"},
		{"delimiter", []string{"delimiter", "/"}, "a b/* d d/*"},
		{"prefix", []string{"prefix", "b/"}, "b/1 b/2 b/c/3"},
		{"prefix and delimiter", []string{"prefix", "b/", "delimiter", "/"}, "b/1 b/2 b/c/*"},
		{"part of a name as prefix", []string{"prefix", "b", "delimiter", "/"}, "b/*"},
		{"delimiter of several bytes", []string{"delimiter", "/c/"}, "a b/1 b/2 b/c/* d d/4"},
		{"start after a key", []string{"start-after", "b/1"}, "b/2 b/c/3 d d/4"},
		{"start after no key", []string{"start-after", "bzz"}, "d d/4"},
		{"start after all", []string{"start-after", "z"}, ""},
		{"no such prefix", []string{"prefix", "x"}, ""},
		{"empty parameters", []string{"prefix", "", "delimiter", "", "start-after", "", "encoding-type", ""}, "a b/1 b/2 b/c/3 d d/4"},
		{"none", []string{"max-keys", "0"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := g.list(c.args...)
			if got := strings.Join(l.names(), " "); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			if l.IsTruncated {
				t.Error("truncated")
			}
			for i := 0; i < len(c.args); i += 2 {
				echo := map[string]string{"prefix": l.Prefix, "delimiter": l.Delimiter, "start-after": l.StartAfter, "max-keys": fmt.Sprint(l.MaxKeys), "encoding-type": l.EncodingType}
				if got := echo[c.args[i]]; got != c.args[i+1] {
					t.Errorf("%s is echoed as %q", c.args[i], got)
				}
			}
		})
	}
	l := g.list("prefix", "a", "fetch-owner", "true")
	if o := l.Contents[0]; o.ETag != `"`+md5Hex("a")+`"` || o.Size != 1 || o.StorageClass != "STANDARD" || o.Owner == nil || o.Owner.ID == "" ||
		!o.LastModified.Equal(g.store.now) {
		t.Errorf("%+v", o)
	}
	if l := g.list("prefix", "a"); l.Contents[0].Owner != nil || l.MaxKeys != 1000 {
		t.Errorf("%+v", l)
	}
	if l := g.list("max-keys", "2147483647"); l.MaxKeys != 1000 {
		t.Errorf("max-keys %d", l.MaxKeys)
	}
}

func TestListPages(t *testing.T) {
	g := newRig(t)
	g.fill("a", "b/1", "b/2", "c", "d/1", "d/2", "e")
	var got []string
	token := ""
	for page := 0; ; page++ {
		args := []string{"delimiter", "/", "max-keys", "2"}
		if token != "" {
			// A start-after beside a token is echoed and does not count.
			args = append(args, "continuation-token", token, "start-after", "z")
		}
		l := g.list(args...)
		if l.ContinuationToken != token {
			t.Errorf("token echoed as %q", l.ContinuationToken)
		}
		got = append(got, l.names()...)
		if !l.IsTruncated {
			if page != 2 {
				t.Errorf("%d pages", page+1)
			}
			break
		}
		if l.KeyCount != 2 {
			t.Errorf("page %d has %d", page, l.KeyCount)
		}
		token = l.NextContinuationToken
	}
	if want := "a b/* c d/* e"; strings.Join(got, " ") != want {
		t.Errorf("%s, want %s", strings.Join(got, " "), want)
	}
}

func TestListBadInput(t *testing.T) {
	g := newRig(t)
	for _, query := range []string{
		"max-keys=-1", "max-keys=x", "max-keys=", "max-keys=2147483648", "max-keys=1.0", "continuation-token=", "continuation-token=abc",
		"continuation-token=" + formatToken("a") + "A", "continuation-token=" + strings.Repeat("A", 5000), "encoding-type=base64",
		"prefix=%ff", "start-after=%ff", "delimiter=%ff", "fetch-owner=yes", "prefix=" + strings.Repeat("a", maxKeyBytes+1),
	} {
		g.do("GET", "/bkt?list-type=2&"+query, "").want(t, 400, "InvalidArgument")
	}
	g.do("GET", "/bkt?list-type=1", "").want(t, 400, "InvalidArgument")
	g.do("GET", "/nosuch?list-type=2", "").want(t, 404, "NoSuchBucket")
	g.do("GET", "/nosuch?list-type=2&max-keys=0", "").want(t, 404, "NoSuchBucket")
}

// Keys that XML or a URL would mangle come back as they are with
// encoding-type=url, and without it wherever XML can hold them.
func TestListOddKeys(t *testing.T) {
	g := newRig(t)
	odd := []string{"a b", "a+b", "a%2Fb", "<&>\"'", "ü/€😀", "tab\there", "cr\rlf\n", "\u2028", "]]>"}
	g.fill(odd...)
	slices.Sort(odd)
	for _, encoding := range []string{"", "url"} {
		l := g.list("encoding-type", encoding)
		var got []string
		for _, c := range l.Contents {
			key := c.Key
			if encoding != "" {
				for _, decode := range []func(string) (string, error){url.PathUnescape, url.QueryUnescape} {
					var err error
					if key, err = decode(c.Key); err != nil {
						t.Fatal(err)
					}
					if !slices.Contains(odd, key) {
						t.Errorf("%q is %q", c.Key, key)
					}
				}
			}
			got = append(got, key)
		}
		if !slices.Equal(got, odd) {
			t.Errorf("%q, want %q", got, odd)
		}
	}
	if l := g.list("encoding-type", "url", "prefix", "ü/", "delimiter", "€", "start-after", "a b"); l.Prefix != "%C3%BC/" || l.Delimiter != "%E2%82%AC" ||
		l.StartAfter != "a%20b" || len(l.CommonPrefixes) != 1 || l.CommonPrefixes[0].Prefix != "%C3%BC/%E2%82%AC" {
		t.Errorf("%+v", l)
	}
	g.fill("bell\a")
	a := g.do("GET", "/bkt?list-type=2&prefix=bell", "").want(t, 200, "")
	if !strings.Contains(a.body, "<Key>bell&#x7;</Key>") {
		t.Errorf("a character that XML lacks is changed: %s", a.body)
	}
	if l := g.list("prefix", "bell", "encoding-type", "url"); l.Contents[0].Key != "bell%07" {
		t.Errorf("%+v", l.Contents)
	}
}

var seedFlag = flag.Uint64("seed", 0, "seed of random tests; 0: a new one")

func FuzzParseToken(f *testing.F) {
	for _, s := range []string{"", "AQ", formatToken("a"), formatToken("ü/€"), strings.Repeat("A", 2000)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if after, ok := parseToken(s); ok && (len(after) > maxKeyBytes || after == "" || formatToken(after) != s) {
			t.Fatalf("%q gives %q", s, after)
		}
		// Any name that a page may end with goes through.
		if name := strings.ToValidUTF8(s, "?"); name != "" && len(name) <= maxKeyBytes {
			if after, ok := parseToken(formatToken(name)); !ok || after != name {
				t.Fatalf("%q becomes %q, %v", name, after, ok)
			}
		}
	})
}

func FuzzEncodeURL(f *testing.F) {
	f.Add("a b/ü+%~")
	f.Fuzz(func(t *testing.T, s string) {
		for _, decode := range []func(string) (string, error){url.PathUnescape, url.QueryUnescape} {
			if got, err := decode(encodeURL(s)); err != nil || got != s {
				t.Fatalf("%q becomes %q, %v", s, got, err)
			}
		}
	})
}
