package api

// listObjectsV2 is ListObjects in its second version, with tokens. A
// start-after beside a token is echoed and does not count.
func (c *call) listObjectsV2() error {
	if c.query.Get("list-type") != "2" {
		return fault(codeInvalidArgument, "list-type must be 2.")
	}
	l, err := c.listing("max-keys")
	if err != nil {
		return err
	}
	startAfter, err := c.nameParameter("start-after")
	if err != nil {
		return err
	}
	token, after, err := c.tokenParameter()
	if err != nil {
		return err
	}
	if token == "" {
		after = startAfter
	}
	owned := false
	switch c.query.Get("fetch-owner") {
	case "", "false":
	case "true":
		owned = true
	default:
		return fault(codeInvalidArgument, "fetch-owner must be true or false.")
	}
	page, err := c.objects(l, after)
	if err != nil {
		return err
	}
	x := c.beginList(l, "ListBucketResult")
	x.text("Name", c.bucket)
	x.name("Prefix", l.prefix)
	if startAfter != "" {
		x.name("StartAfter", startAfter)
	}
	if token != "" {
		x.text("ContinuationToken", token)
	}
	if page.Truncated {
		x.text("NextContinuationToken", formatToken(page.Next))
	}
	x.number("KeyCount", int64(len(page.Objects)+len(page.Prefixes)))
	x.number("MaxKeys", int64(l.max))
	x.asked()
	x.truth("IsTruncated", page.Truncated)
	for _, o := range page.Objects {
		x.start("Contents")
		x.name("Key", o.Key)
		x.object(o, owned)
		x.end("Contents")
	}
	x.prefixes(page.Prefixes)
	x.end("ListBucketResult")
	x.flush()
	return nil
}
