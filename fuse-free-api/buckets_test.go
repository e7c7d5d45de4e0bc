package api

import (
	"encoding/xml"
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
