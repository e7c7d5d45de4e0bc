package api

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// wirePage is a page of any of the listings.
type wirePage struct {
	XMLName                                  xml.Name
	Name, Bucket                             string
	Prefix                                   *string
	Delimiter, EncodingType                  string
	Marker, NextMarker                       *string
	StartAfter                               string
	ContinuationToken, NextContinuationToken *string
	KeyMarker, NextKeyMarker                 *string
	VersionIdMarker, NextVersionIdMarker     *string
	UploadIdMarker, NextUploadIdMarker       *string
	MaxKeys, MaxUploads, KeyCount            *int
	IsTruncated                              bool
	Contents, Version                        []wireObject
	Upload                                   []wireUpload
	CommonPrefixes                           []struct{ Prefix string }
	DeleteMarker                             []struct{}
}

type wireObject struct {
	Key, VersionId, LastModified, ETag, StorageClass string
	IsLatest                                         *bool
	Size                                             int64
	Owner                                            *struct{ ID, DisplayName string }
}

type wireUpload struct {
	Key, UploadId, StorageClass, Initiated string
	Initiator, Owner                       struct{ ID, DisplayName string }
}

// listForm is one of the forms that S3 lists a bucket in.
type listForm struct {
	name, root, size, after string // the query parameters for the page's size and its start
	query                   string // names the form
	// next gives the parameters that the next page is asked for with.
	next func(p wirePage, last string) url.Values
}

// markers gives what a client sends back: what it was not told it leaves out.
func markers(pairs ...any) url.Values {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		if s := pairs[i+1].(*string); s != nil {
			v.Set(pairs[i].(string), *s)
		}
	}
	return v
}

func listForms() []listForm {
	return []listForm{
		{name: "v1", root: "ListBucketResult", size: "max-keys", after: "marker", next: func(p wirePage, last string) url.Values {
			if p.NextMarker == nil {
				return markers("marker", &last)
			}
			return markers("marker", p.NextMarker)
		}},
		{name: "v2", root: "ListBucketResult", size: "max-keys", after: "start-after", query: "list-type=2", next: func(p wirePage, _ string) url.Values {
			return markers("continuation-token", p.NextContinuationToken)
		}},
		{name: "versions", root: "ListVersionsResult", size: "max-keys", after: "key-marker", query: "versions", next: func(p wirePage, _ string) url.Values {
			return markers("key-marker", p.NextKeyMarker, "version-id-marker", p.NextVersionIdMarker)
		}},
		{name: "uploads", root: "ListMultipartUploadsResult", size: "max-uploads", after: "key-marker", query: "uploads", next: func(p wirePage, _ string) url.Values {
			return markers("key-marker", p.NextKeyMarker, "upload-id-marker", p.NextUploadIdMarker)
		}},
	}
}

// listed is one entry of a listing: a key, an upload of a key, or a prefix.
type listed struct {
	name, id string
	prefix   bool
}

func compareListed(a, b listed) int {
	return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.id, b.id))
}

// ask asks for a page and decodes its names.
func (f listForm) ask(g *rig, query url.Values) wirePage {
	g.t.Helper()
	target := "/bkt?" + query.Encode()
	if f.query != "" {
		target += "&" + f.query
	}
	body := g.do("GET", target, "").want(g.t, 200, "").body
	var p wirePage
	if err := xml.Unmarshal([]byte(body), &p); err != nil {
		g.t.Fatalf("%v in %s", err, body)
	}
	if p.XMLName.Local != f.root || p.XMLName.Space != "http://s3.amazonaws.com/doc/2006-03-01/" {
		g.t.Fatalf("root %v", p.XMLName)
	}
	if p.EncodingType != query.Get("encoding-type") {
		g.t.Fatalf("encoding-type %q", p.EncodingType)
	}
	if p.EncodingType == "url" {
		names := []*string{p.Prefix, &p.Delimiter, p.Marker, p.NextMarker, p.KeyMarker, p.NextKeyMarker, &p.StartAfter}
		for i := range p.Contents {
			names = append(names, &p.Contents[i].Key)
		}
		for i := range p.Version {
			names = append(names, &p.Version[i].Key)
		}
		for i := range p.Upload {
			names = append(names, &p.Upload[i].Key)
		}
		for i := range p.CommonPrefixes {
			names = append(names, &p.CommonPrefixes[i].Prefix)
		}
		for _, name := range names {
			if name == nil {
				continue
			}
			plain, err := url.QueryUnescape(*name)
			if err != nil {
				g.t.Fatal(err)
			}
			*name = plain
		}
	}
	if *p.Prefix != query.Get("prefix") || p.Delimiter != query.Get("delimiter") {
		g.t.Fatalf("prefix %q and delimiter %q for %v", *p.Prefix, p.Delimiter, query)
	}
	return p
}

// entries gives what the page shows, in order; each list in it must be so.
func (p wirePage) entries(t testing.TB) []listed {
	t.Helper()
	var names, prefixes []listed
	for _, o := range slices.Concat(p.Contents, p.Version) {
		names = append(names, listed{name: o.Key})
	}
	for _, u := range p.Upload {
		names = append(names, listed{name: u.Key, id: u.UploadId})
	}
	for _, c := range p.CommonPrefixes {
		prefixes = append(prefixes, listed{name: c.Prefix, prefix: true})
	}
	if !slices.IsSortedFunc(names, compareListed) || !slices.IsSortedFunc(prefixes, compareListed) {
		t.Fatalf("not in order: %+v %+v", names, prefixes)
	}
	all := slices.Concat(names, prefixes)
	slices.SortFunc(all, compareListed)
	return all
}

// listModel is the listing of everything behind after, as one reads it in
// S3's documentation.
func listModel(all []listed, prefix, delimiter, after string) []listed {
	var out []listed
	for _, e := range all {
		if !strings.HasPrefix(e.name, prefix) || after != "" && e.name <= after {
			continue
		}
		if delimiter != "" {
			if head, _, ok := strings.Cut(e.name[len(prefix):], delimiter); ok {
				e = listed{name: prefix + head + delimiter, prefix: true}
			}
		}
		if e.prefix && e.name == after {
			continue
		}
		out = append(out, e)
	}
	slices.SortFunc(out, compareListed)
	return slices.Compact(out)
}

// Whatever the page's size, prefix, delimiter and start: the pages put
// together are the listing, in order, nothing twice and nothing missing.
func TestListPagesTogether(t *testing.T) {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	word := func(alphabet []string, most int) string {
		var b strings.Builder
		for range rng.IntN(most + 1) {
			b.WriteString(alphabet[rng.IntN(len(alphabet))])
		}
		return b.String()
	}
	plain := []string{"a", "b", "/", "//", "ü", "€😀", " ", "+", "%2F", "&", "<", "\n", "."}
	odd := append([]string{"\x01", "\x00", "\x7f", "\uffff"}, plain...)
	for _, form := range listForms() {
		for _, encoding := range []string{"", "url"} {
			t.Run(form.name+" "+encoding, func(t *testing.T) {
				g := newRig(t)
				alphabet := plain // what XML can hold
				if encoding == "url" {
					alphabet = odd
				}
				keys := []string{strings.Repeat("a", maxKeyBytes), strings.Repeat("a/", maxKeyBytes/2), strings.Repeat("ü", maxKeyBytes/2), "/", "//", "a", "a/", "a//"}
				for range 50 {
					if key := word(alphabet, 6); key != "" {
						keys = append(keys, key)
					}
				}
				var all []listed
				for _, key := range keys {
					if form.name != "uploads" {
						g.store.buckets["bkt"].objects[key] = &fakeObject{s: g.store, info: ObjectInfo{Key: key}}
						all = append(all, listed{name: key})
						continue
					}
					for range 1 + rng.IntN(3) {
						id, err := g.store.CreateUpload(t.Context(), "bkt", key, UploadRequest{})
						if err != nil {
							t.Fatal(err)
						}
						all = append(all, listed{name: key, id: id})
					}
				}
				for range 12 {
					ask := url.Values{"prefix": {word(alphabet, 2)}, "delimiter": {[]string{"", "/", "/", "a", "//", "ü"}[rng.IntN(6)]},
						"encoding-type": {encoding}, form.size: {fmt.Sprint(1 + rng.IntN(9))}}
					start := ""
					if rng.IntN(3) == 0 {
						start = word(alphabet, 4)
						ask.Set(form.after, start)
					}
					want := listModel(all, ask.Get("prefix"), ask.Get("delimiter"), start)
					got := form.all(g, ask)
					if !slices.Equal(got, want) {
						t.Fatalf("%q\ngot  %+v\nwant %+v", ask, got, want)
					}
				}
			})
		}
	}
}

// all puts the pages together.
func (f listForm) all(g *rig, ask url.Values) (all []listed) {
	g.t.Helper()
	for page := ask; ; {
		p := f.ask(g, page)
		shown := p.entries(g.t)
		all = append(all, shown...)
		if size := page.Get(f.size); p.IsTruncated && fmt.Sprint(len(shown)) != size {
			g.t.Fatalf("a page of %d is truncated at %s", len(shown), size)
		}
		for _, next := range []*string{p.NextMarker, p.NextContinuationToken, p.NextKeyMarker, p.NextVersionIdMarker, p.NextUploadIdMarker} {
			if next != nil && !p.IsTruncated {
				g.t.Fatalf("%+v is not truncated, and says what follows", p)
			}
		}
		if !p.IsTruncated {
			return all
		}
		if told := p.NextMarker != nil; f.name == "v1" && told != (ask.Get("delimiter") != "") {
			g.t.Fatalf("NextMarker is there: %v", told)
		}
		page = url.Values{}
		for name, values := range ask {
			page[name] = values
		}
		for name, values := range f.next(p, shown[len(shown)-1].name) {
			page[name] = values
		}
	}
}
