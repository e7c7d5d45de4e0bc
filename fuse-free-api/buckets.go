package api

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
)

// maxConfigBytes bounds the XML document of a CreateBucket.
const maxConfigBytes = 16 << 10

// owner is who everything belongs to, as long as there is one key.
const owner = "holdfast"

// maxListBuckets is the most that one page of buckets shows.
const maxListBuckets = 10000

// listBuckets shows all buckets at once, unless a page is asked for.
func (c *call) listBuckets() error {
	prefix, err := c.nameParameter("prefix")
	if err != nil {
		return err
	}
	max, err := c.countParameter("max-buckets", 1, maxListBuckets)
	if err != nil {
		return err
	}
	_, after, err := c.tokenParameter()
	if err != nil {
		return err
	}
	paged := len(c.query) > 0 && !(len(c.query) == 1 && c.query.Has("x-id"))
	all, err := c.s.opts.Store.Buckets(c.r.Context())
	if err != nil {
		return err
	}
	region := c.query.Get("bucket-region")
	all = slices.DeleteFunc(slices.Clone(all), func(b BucketInfo) bool {
		return b.Name <= after || !strings.HasPrefix(b.Name, prefix) || region != "" && region != c.s.opts.Region
	})
	next := ""
	if paged && len(all) > max {
		all = all[:max]
		next = all[max-1].Name
	}
	x := c.beginXML()
	x.root("ListAllMyBucketsResult")
	x.owner("Owner")
	x.start("Buckets")
	for _, b := range all {
		x.start("Bucket")
		x.text("Name", b.Name)
		x.time("CreationDate", b.Created)
		if paged {
			x.text("BucketRegion", c.s.opts.Region)
		}
		x.end("Bucket")
	}
	x.end("Buckets")
	if next != "" {
		x.text("ContinuationToken", formatToken(next))
	}
	if prefix != "" {
		x.text("Prefix", prefix)
	}
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
	if len(bytes.TrimSpace(doc)) == 0 {
		return nil
	}
	var region *string
	err = readXML(doc, "CreateBucketConfiguration", func(x *xmlReader, name string) error {
		if name != "LocationConstraint" {
			return notImplemented("CreateBucketConfiguration may hold a LocationConstraint and nothing else; %.40q is not supported.", name)
		}
		return x.once(name, &region)
	})
	if err != nil {
		return err
	}
	if region != nil && *region != "" && *region != c.s.opts.Region {
		return fault(codeInvalidLocation, "The region here is %s.", c.s.opts.Region)
	}
	return nil
}

func (c *call) headBucket() error {
	if err := c.bucketExists(); err != nil {
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
	if err := c.bucketExists(); err != nil {
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
