package api

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"strings"
)

// maxConfigBytes bounds the XML document of a CreateBucket.
const maxConfigBytes = 16 << 10

// owner is who everything belongs to, as long as there is one key.
const owner = "holdfast"

func (c *call) listBuckets() error {
	buckets, err := c.s.opts.Store.Buckets(c.r.Context())
	if err != nil {
		return err
	}
	x := c.beginXML()
	x.root("ListAllMyBucketsResult")
	x.start("Owner")
	x.text("ID", owner)
	x.text("DisplayName", owner)
	x.end("Owner")
	x.start("Buckets")
	for _, b := range buckets {
		x.start("Bucket")
		x.text("Name", b.Name)
		x.time("CreationDate", b.Created)
		x.end("Bucket")
	}
	x.end("Buckets")
	x.end("ListAllMyBucketsResult")
	x.flush()
	return nil
}

func (c *call) beginXML() *xmlWriter {
	c.w.Header().Set("Content-Type", "application/xml")
	return newXML(c.w)
}

func (c *call) createBucket() error {
	if err := c.bucketConfiguration(); err != nil {
		return err
	}
	if err := c.s.opts.Store.CreateBucket(c.r.Context(), c.bucket); err != nil {
		return err
	}
	c.w.Header().Set("Location", "/"+c.bucket)
	c.w.WriteHeader(http.StatusOK)
	return nil
}

// bucketConfiguration reads the document that may come with a CreateBucket.
// The one thing it may say is the region, and that must be ours.
func (c *call) bucketConfiguration() error {
	doc, err := c.document(maxConfigBytes)
	if err != nil {
		return err
	}
	if len(strings.TrimSpace(string(doc))) == 0 {
		return nil
	}
	var config struct {
		XMLName            xml.Name
		LocationConstraint string     `xml:"LocationConstraint"`
		Rest               []struct{} `xml:",any"`
	}
	decoder := xml.NewDecoder(strings.NewReader(string(doc)))
	if err := decoder.Decode(&config); err != nil || config.XMLName.Local != "CreateBucketConfiguration" {
		return fault(codeMalformedXML, "The body is not a CreateBucketConfiguration document.")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return fault(codeMalformedXML, "Something follows the CreateBucketConfiguration document.")
	}
	if len(config.Rest) > 0 {
		return notImplemented("CreateBucketConfiguration may hold a LocationConstraint and nothing else.")
	}
	if region := config.LocationConstraint; region != "" && region != c.s.opts.Region {
		return fault(codeInvalidLocation, "The region here is %s.", c.s.opts.Region)
	}
	return nil
}

func (c *call) headBucket() error {
	if _, err := c.s.opts.Store.Bucket(c.r.Context(), c.bucket); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusOK)
	return nil
}

func (c *call) deleteBucket() error {
	if err := c.s.opts.Store.DeleteBucket(c.r.Context(), c.bucket); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// bucketLocation answers as S3 does: us-east-1 is the empty string.
func (c *call) bucketLocation() error {
	if _, err := c.s.opts.Store.Bucket(c.r.Context(), c.bucket); err != nil {
		return err
	}
	region := c.s.opts.Region
	if region == defaultRegion {
		region = ""
	}
	x := c.beginXML()
	x.root("LocationConstraint")
	x.escape(region)
	x.end("LocationConstraint")
	x.flush()
	return nil
}
