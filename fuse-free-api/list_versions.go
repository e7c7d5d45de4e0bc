package api

// listVersions is ListObjectVersions of a bucket that never had versioning:
// every object is one version.
func (c *call) listVersions() error {
	l, err := c.listing("max-keys")
	if err != nil {
		return err
	}
	marker, err := c.nameParameter("key-marker")
	if err != nil {
		return err
	}
	// Behind a key, and behind the only version of a key, is the same place.
	version := c.query.Get("version-id-marker")
	switch {
	case version != "" && marker == "":
		return fault(codeInvalidArgument, "A version-id marker cannot be specified without a key marker.")
	case version != "" && version != nullVersion:
		return fault(codeInvalidArgument, "The version-id-marker is invalid: the only version of any object is %q.", nullVersion)
	}
	page, err := c.objects(l, marker)
	if err != nil {
		return err
	}
	x := c.beginList(l, "ListVersionsResult")
	x.text("Name", c.bucket)
	x.name("Prefix", l.prefix)
	x.name("KeyMarker", marker)
	x.text("VersionIdMarker", version)
	if page.Truncated {
		x.name("NextKeyMarker", page.Next)
		// A common prefix has no version. An empty element would come back
		// from some clients as an empty parameter.
		if n := len(page.Prefixes); n == 0 || page.Prefixes[n-1] != page.Next {
			x.text("NextVersionIdMarker", nullVersion)
		}
	}
	x.number("MaxKeys", int64(l.max))
	x.asked()
	x.truth("IsTruncated", page.Truncated)
	for _, o := range page.Objects {
		x.start("Version")
		x.name("Key", o.Key)
		x.text("VersionId", nullVersion)
		x.truth("IsLatest", true)
		x.object(o, true)
		x.end("Version")
	}
	x.prefixes(page.Prefixes)
	x.end("ListVersionsResult")
	x.flush()
	return nil
}
