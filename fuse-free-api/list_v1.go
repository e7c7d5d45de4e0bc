package api

// listObjectsV1 is ListObjects in its first version. It tells where the next
// page starts only if there is a delimiter, as S3 does: without one it is the
// last key shown.
func (c *call) listObjectsV1() error {
	l, err := c.listing("max-keys")
	if err != nil {
		return err
	}
	marker, err := c.nameParameter("marker")
	if err != nil {
		return err
	}
	page, err := c.objects(l, marker)
	if err != nil {
		return err
	}
	x := c.beginList(l, "ListBucketResult")
	x.text("Name", c.bucket)
	x.name("Prefix", l.prefix)
	x.name("Marker", marker)
	if page.Truncated && l.delimiter != "" {
		x.name("NextMarker", page.Next)
	}
	x.number("MaxKeys", int64(l.max))
	x.asked()
	x.truth("IsTruncated", page.Truncated)
	for _, o := range page.Objects {
		x.start("Contents")
		x.name("Key", o.Key)
		x.object(o, true)
		x.end("Contents")
	}
	x.prefixes(page.Prefixes)
	x.end("ListBucketResult")
	x.flush()
	return nil
}
