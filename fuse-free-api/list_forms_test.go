package api

import (
	"net/url"
	"strings"
	"testing"
)

// The answers, letter by letter: clients differ in what they forgive.
func TestListAnswers(t *testing.T) {
	const (
		head    = xmlHead
		space   = ` xmlns="http://s3.amazonaws.com/doc/2006-03-01/"`
		who     = `<ID>holdfast</ID><DisplayName>holdfast</DisplayName>`
		details = `<LastModified>2026-03-04T05:06:07.891Z</LastModified><ETag>&quot;0cc175b9c0f1b6a831c399e269772661&quot;</ETag><Size>1</Size>`
		class   = `<StorageClass>STANDARD</StorageClass>`
		prefix  = `<CommonPrefixes><Prefix>b/</Prefix></CommonPrefixes>`
	)
	g := newRig(t)
	g.fill("a", "b/1", "c")
	g.do("PUT", "/bkt/a", "a").want(t, 200, "")
	for _, key := range []string{"a", "b/1", "c"} {
		if _, err := g.store.CreateUpload(t.Context(), "bkt", key, UploadRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	id := func(key string) string {
		for id, u := range g.store.buckets["bkt"].uploads {
			if u.info.Key == key {
				return id
			}
		}
		return ""
	}
	for _, c := range []struct{ name, query, want string }{
		{"v1", "max-keys=1&prefix=a",
			`<ListBucketResult` + space + `><Name>bkt</Name><Prefix>a</Prefix><Marker></Marker><MaxKeys>1</MaxKeys><IsTruncated>false</IsTruncated>` +
				`<Contents><Key>a</Key>` + details + `<Owner>` + who + `</Owner>` + class + `</Contents></ListBucketResult>`},
		{"v1 by delimiter", "max-keys=1&delimiter=/&marker=a&encoding-type=url",
			`<ListBucketResult` + space + `><Name>bkt</Name><Prefix></Prefix><Marker>a</Marker><NextMarker>b/</NextMarker><MaxKeys>1</MaxKeys>` +
				`<Delimiter>/</Delimiter><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>` + prefix + `</ListBucketResult>`},
		{"v2", "list-type=2&max-keys=1&prefix=a",
			`<ListBucketResult` + space + `><Name>bkt</Name><Prefix>a</Prefix><KeyCount>1</KeyCount><MaxKeys>1</MaxKeys><IsTruncated>false</IsTruncated>` +
				`<Contents><Key>a</Key>` + details + class + `</Contents></ListBucketResult>`},
		{"v2 by delimiter", "list-type=2&max-keys=1&delimiter=/&start-after=a",
			`<ListBucketResult` + space + `><Name>bkt</Name><Prefix></Prefix><StartAfter>a</StartAfter><NextContinuationToken>` + formatToken("b/") +
				`</NextContinuationToken><KeyCount>1</KeyCount><MaxKeys>1</MaxKeys><Delimiter>/</Delimiter><IsTruncated>true</IsTruncated>` + prefix + `</ListBucketResult>`},
		{"versions", "versions&max-keys=1",
			`<ListVersionsResult` + space + `><Name>bkt</Name><Prefix></Prefix><KeyMarker></KeyMarker><VersionIdMarker></VersionIdMarker><NextKeyMarker>a</NextKeyMarker>` +
				`<NextVersionIdMarker>null</NextVersionIdMarker><MaxKeys>1</MaxKeys><IsTruncated>true</IsTruncated><Version><Key>a</Key><VersionId>null</VersionId>` +
				`<IsLatest>true</IsLatest>` + details + `<Owner>` + who + `</Owner>` + class + `</Version></ListVersionsResult>`},
		{"versions by delimiter", "versions&max-keys=1&delimiter=/&key-marker=a&version-id-marker=null",
			`<ListVersionsResult` + space + `><Name>bkt</Name><Prefix></Prefix><KeyMarker>a</KeyMarker><VersionIdMarker>null</VersionIdMarker><NextKeyMarker>b/</NextKeyMarker>` +
				`<MaxKeys>1</MaxKeys><Delimiter>/</Delimiter><IsTruncated>true</IsTruncated>` + prefix + `</ListVersionsResult>`},
		{"uploads", "uploads&max-uploads=1",
			`<ListMultipartUploadsResult` + space + `><Bucket>bkt</Bucket><KeyMarker></KeyMarker><UploadIdMarker></UploadIdMarker><NextKeyMarker>a</NextKeyMarker>` +
				`<NextUploadIdMarker>` + id("a") + `</NextUploadIdMarker><Prefix></Prefix><MaxUploads>1</MaxUploads><IsTruncated>true</IsTruncated>` +
				`<Upload><Key>a</Key><UploadId>` + id("a") + `</UploadId><Initiator>` + who + `</Initiator><Owner>` + who + `</Owner>` + class +
				`<Initiated>2026-03-04T05:06:07.891Z</Initiated></Upload></ListMultipartUploadsResult>`},
		{"uploads by delimiter", "uploads&max-uploads=1&delimiter=/&key-marker=a&upload-id-marker=" + id("a"),
			`<ListMultipartUploadsResult` + space + `><Bucket>bkt</Bucket><KeyMarker>a</KeyMarker><UploadIdMarker>` + id("a") + `</UploadIdMarker><NextKeyMarker>b/</NextKeyMarker>` +
				`<Prefix></Prefix><MaxUploads>1</MaxUploads><Delimiter>/</Delimiter><IsTruncated>true</IsTruncated>` + prefix + `</ListMultipartUploadsResult>`},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := g.do("GET", "/bkt?"+c.query, "").want(t, 200, "")
			if a.body != head+c.want {
				t.Errorf("got\n%s\nwant\n%s", a.body, head+c.want)
			}
			if kind := a.header.Get("Content-Type"); kind != "application/xml" {
				t.Errorf("content type %q", kind)
			}
		})
	}
}

// What holds for every form: the same limits, the same words.
func TestListFormsBadInput(t *testing.T) {
	g := newRig(t)
	g.fill("a")
	for _, form := range listForms() {
		t.Run(form.name, func(t *testing.T) {
			for _, query := range []string{
				form.size + "=-1", form.size + "=x", form.size + "=", form.size + "=2147483648", form.size + "=1.0", "encoding-type=base64",
				"prefix=%ff", "delimiter=%ff", form.after + "=%ff", "prefix=" + strings.Repeat("a", maxKeyBytes+1), form.after + "=" + strings.Repeat("a", maxKeyBytes+1),
			} {
				g.do("GET", "/bkt?"+query+"&"+form.query, "").want(t, 400, "InvalidArgument")
			}
			g.do("GET", "/bkt?made-up=1&"+form.query, "").want(t, 501, "NotImplemented")
			g.do("GET", "/nosuch?"+form.query, "").want(t, 404, "NoSuchBucket")
			g.do("GET", "/nosuch?"+form.size+"=0&"+form.query, "").want(t, 404, "NoSuchBucket")
			p := form.ask(g, url.Values{form.size: {"0"}})
			if p.IsTruncated || len(p.entries(t)) != 0 {
				t.Errorf("%+v", p)
			}
			p = form.ask(g, url.Values{form.size: {"2000000"}})
			for _, n := range []*int{p.MaxKeys, p.MaxUploads} {
				if n != nil && *n != 1000 {
					t.Errorf("a page of %d", *n)
				}
			}
		})
	}
	for _, query := range []string{"versions&version-id-marker=null", "versions&key-marker=a&version-id-marker=2", "uploads&key-marker=a&upload-id-marker=2"} {
		g.do("GET", "/bkt?"+query, "").want(t, 400, "InvalidArgument")
	}
	// As empty elements come back from some clients.
	g.do("GET", "/bkt?versions&key-marker=&version-id-marker=", "").want(t, 200, "")
	g.do("GET", "/bkt?uploads&key-marker=&upload-id-marker=x", "").want(t, 200, "")
}

// Any query is answered, with a listing or with what is wrong with it.
func FuzzListQuery(f *testing.F) {
	for _, query := range []string{
		"", "list-type=2", "versions", "uploads", "list-type=2&continuation-token=" + formatToken("ü/€"), "list-type=2&continuation-token=%41%51",
		"prefix=a&delimiter=%2F&max-keys=1", "marker=b%2F&delimiter=/&encoding-type=url", "versions&key-marker=a&version-id-marker=null",
		"uploads&key-marker=a&upload-id-marker=0000&max-uploads=1", "list-type=2&start-after=%ff", "max-keys=0", "list-type=3", "max-keys=1&max-keys=2",
		"list-type=2&fetch-owner=true&prefix=%00", "delimiter=" + strings.Repeat("a", 1100),
	} {
		f.Add(query)
	}
	store := newFakeStore()
	if err := store.CreateBucket(f.Context(), "bkt"); err != nil {
		f.Fatal(err)
	}
	for _, key := range []string{"a", "a/b", "a/c", "b//", "/", "ü/€", "\x01", "z"} {
		store.buckets["bkt"].objects[key] = &fakeObject{s: store, info: ObjectInfo{Key: key}}
		if _, err := store.CreateUpload(f.Context(), "bkt", key, UploadRequest{}); err != nil {
			f.Fatal(err)
		}
	}
	handle := fuzzHandler(f, store)
	f.Fuzz(func(t *testing.T, query string) {
		a := handle(t, "GET", "/bkt?"+query, "")
		switch a.status {
		case 200, 400, 404, 501:
		default:
			t.Fatalf("status %d: %s", a.status, a.body)
		}
	})
}
