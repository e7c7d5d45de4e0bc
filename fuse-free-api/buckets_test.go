package api

import (
	"encoding/xml"
	"fmt"
	"strings"
	"testing"
)

func TestBuckets(t *testing.T) {
	g := newRig(t)
	if a := g.do("PUT", "/second", "").want(t, 200, ""); a.header.Get("Location") != "/second" {
		t.Errorf("Location %q", a.header.Get("Location"))
	}
	g.do("PUT", "/third/", "").want(t, 200, "")
	g.do("PUT", "/second", "").want(t, 409, "BucketAlreadyOwnedByYou")
	if a := g.do("HEAD", "/second", "").want(t, 200, ""); a.header.Get("X-Amz-Bucket-Region") != "us-east-1" {
		t.Error("no region")
	}
	g.do("HEAD", "/fourth", "").want(t, 404, "")
	var all struct {
		XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListAllMyBucketsResult"`
		Owner   struct{ ID string }
		Buckets struct {
			Bucket []struct{ Name, CreationDate string }
		}
	}
	if err := xml.Unmarshal([]byte(g.do("GET", "/", "").want(t, 200, "").body), &all); err != nil {
		t.Fatal(err)
	}
	if b := all.Buckets.Bucket; len(b) != 3 || b[0].Name != "bkt" || b[2].Name != "third" || b[0].CreationDate != "2026-03-04T05:06:07.891Z" || all.Owner.ID == "" {
		t.Errorf("%+v", all)
	}
	g.do("PUT", "/second/k", "x").want(t, 200, "")
	g.do("DELETE", "/second", "").want(t, 409, "BucketNotEmpty")
	g.do("DELETE", "/second/k", "").want(t, 204, "")
	g.do("DELETE", "/second", "").want(t, 204, "")
	g.do("DELETE", "/second", "").want(t, 404, "NoSuchBucket")
	for _, method := range []string{"PUT", "GET", "DELETE"} {
		g.do(method, "/second/k", "").want(t, 404, "NoSuchBucket")
	}
}

func TestDeleteBucketWithUploads(t *testing.T) {
	g := newRig(t)
	id, err := g.store.CreateUpload(t.Context(), "bkt", "k", UploadRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if e := g.do("DELETE", "/bkt", "").want(t, 409, "BucketNotEmpty").s3Error(t); !strings.Contains(e.Message, "abort") {
		t.Errorf("%q does not say what to do", e.Message)
	}
	if err := g.store.AbortUpload(t.Context(), "bkt", "k", id); err != nil {
		t.Fatal(err)
	}
	g.do("DELETE", "/bkt", "").want(t, 204, "")
}

type wireBuckets struct {
	XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListAllMyBucketsResult"`
	Buckets struct {
		Bucket []struct{ Name, CreationDate, BucketRegion string }
	}
	Prefix, ContinuationToken string
}

func (g *rig) listBuckets(query string) (all []string, w wireBuckets) {
	g.t.Helper()
	if err := xml.Unmarshal([]byte(g.do("GET", "/?"+query, "").want(g.t, 200, "").body), &w); err != nil {
		g.t.Fatal(err)
	}
	for _, b := range w.Buckets.Bucket {
		all = append(all, b.Name)
	}
	return all, w
}

func TestListBuckets(t *testing.T) {
	g := newRig(t)
	for _, name := range []string{"a-1", "a-2", "a-3", "a-4", "zoo"} {
		g.do("PUT", "/"+name, "").want(t, 200, "")
	}
	for _, c := range []struct{ query, want string }{
		{"", "a-1 a-2 a-3 a-4 bkt zoo"},
		{"x-id=ListBuckets", "a-1 a-2 a-3 a-4 bkt zoo"},
		{"prefix=a-", "a-1 a-2 a-3 a-4"},
		{"prefix=x", ""},
		{"max-buckets=2", "a-1 a-2 +"},
		{"max-buckets=6", "a-1 a-2 a-3 a-4 bkt zoo"},
		{"max-buckets=2147483647", "a-1 a-2 a-3 a-4 bkt zoo"},
		{"prefix=a-&max-buckets=4", "a-1 a-2 a-3 a-4"},
		{"prefix=a-&max-buckets=3", "a-1 a-2 a-3 +"},
		{"bucket-region=us-east-1", "a-1 a-2 a-3 a-4 bkt zoo"},
		{"bucket-region=eu-north-1", ""},
		{"continuation-token=" + formatToken("a-3"), "a-4 bkt zoo"},
	} {
		all, w := g.listBuckets(c.query)
		if w.ContinuationToken != "" {
			all = append(all, "+")
		}
		if got := strings.Join(all, " "); got != c.want {
			t.Errorf("%s: %s, want %s", c.query, got, c.want)
		}
		for _, b := range w.Buckets.Bucket {
			if asked := c.query != "" && !strings.HasPrefix(c.query, "x-id"); asked != (b.BucketRegion == "us-east-1") {
				t.Errorf("%s: region %q", c.query, b.BucketRegion)
			}
		}
	}
	for size := 1; size < 8; size++ {
		var got []string
		for token := ""; ; {
			query := fmt.Sprintf("max-buckets=%d", size)
			if token != "" {
				query += "&continuation-token=" + token
			}
			page, w := g.listBuckets(query)
			got = append(got, page...)
			if token = w.ContinuationToken; token == "" {
				break
			}
		}
		if s := strings.Join(got, " "); s != "a-1 a-2 a-3 a-4 bkt zoo" {
			t.Errorf("by %d: %s", size, s)
		}
	}
	for _, query := range []string{"max-buckets=0", "max-buckets=x", "max-buckets=", "continuation-token=a", "prefix=%ff"} {
		g.do("GET", "/?"+query, "").want(t, 400, "InvalidArgument")
	}
}

// What is the case for every bucket may be asked for.
func TestCreateBucketHeaders(t *testing.T) {
	g := newRig(t)
	g.do("PUT", "/new", "", "x-amz-acl: private", "x-amz-object-ownership: BucketOwnerEnforced", "x-amz-bucket-object-lock-enabled: false").want(t, 200, "")
	for _, header := range []string{"x-amz-acl: public-read", "x-amz-object-ownership: ObjectWriter", "x-amz-object-ownership: BucketOwnerPreferred",
		"x-amz-bucket-object-lock-enabled: true", "x-amz-grant-read: id=1"} {
		g.do("PUT", "/other", "", header).want(t, 501, "NotImplemented")
	}
	if g.store.buckets["other"] != nil {
		t.Error("a bucket was made")
	}
}

func TestBucketRegion(t *testing.T) {
	document := func(region string) string {
		return `<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>` + region + `</LocationConstraint></CreateBucketConfiguration>`
	}
	for _, c := range []struct {
		name, region, body string
		status             int
		code               string
	}{
		{"none", "", "", 200, ""},
		{"empty", "", document(""), 200, ""},
		{"ours", "", document("us-east-1"), 200, ""},
		{"ours, another", "eu-north-1", document("eu-north-1"), 200, ""},
		{"not ours", "", document("eu-north-1"), 400, "InvalidLocationConstraint"},
		{"not XML", "", "location", 400, "MalformedXML"},
		{"cut", "", document("")[:60], 400, "MalformedXML"},
		{"another document", "", "<Tagging/>", 400, "MalformedXML"},
		{"two documents", "", document("") + document(""), 400, "MalformedXML"},
		{"more asked for", "", "<CreateBucketConfiguration><Bucket><Type>Directory</Type></Bucket></CreateBucketConfiguration>", 501, "NotImplemented"},
		{"an entity bomb", "", `<!DOCTYPE x [<!ENTITY a "aaaa">]><CreateBucketConfiguration><LocationConstraint>&a;</LocationConstraint></CreateBucketConfiguration>`, 400, "MalformedXML"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newRig(t, func(o *Options) { o.Region = c.region })
			g.do("PUT", "/new", c.body).want(t, c.status, c.code)
			if made := g.store.buckets["new"] != nil; made != (c.status == 200) {
				t.Errorf("made: %v", made)
			}
			if c.status != 200 {
				return
			}
			var location struct {
				XMLName xml.Name `xml:"LocationConstraint"`
				Region  string   `xml:",chardata"`
			}
			if err := xml.Unmarshal([]byte(g.do("GET", "/new?location", "").want(t, 200, "").body), &location); err != nil || location.Region != c.region {
				t.Errorf("location %q, %v", location.Region, err)
			}
		})
	}
	g := newRig(t)
	g.do("GET", "/nosuch?location", "").want(t, 404, "NoSuchBucket")
	g.do("PUT", "/new", string(make([]byte, maxConfigBytes+1))).want(t, 400, "MaxMessageLengthExceeded")
}
