package api

func (c *call) listParts() error {
	limit, err := pageLimit("max-parts", c.query.Get("max-parts"), maxPartsPage)
	if err != nil {
		return err
	}
	after, err := pageMarker("part-number-marker", c.query.Get("part-number-marker"))
	if err != nil {
		return err
	}
	key := c.key
	encoding := c.query.Get("encoding-type")
	switch encoding {
	case "":
	case "url":
		key = encodeURL(key)
	default:
		return fault(codeInvalidArgument, "The only encoding-type is url.")
	}
	info, err := c.findUpload(c.r.Context())
	if err != nil {
		return err
	}
	var parts []PartInfo
	var more bool
	if limit > 0 {
		parts, more, err = c.s.opts.Store.Parts(c.r.Context(), c.bucket, c.key, c.uploadID(), after, limit)
		if err != nil {
			return c.ofUpload(err)
		}
	}
	x := c.beginXML()
	x.root("ListPartsResult")
	x.text("Bucket", c.bucket)
	x.text("Key", key)
	if encoding != "" {
		x.text("EncodingType", encoding)
	}
	x.text("UploadId", info.ID)
	for _, who := range []string{"Initiator", "Owner"} {
		x.start(who)
		x.text("ID", owner)
		x.text("DisplayName", owner)
		x.end(who)
	}
	x.text("StorageClass", "STANDARD")
	if algorithm, kind := uploadChecksum(info); algorithm != 0 {
		x.text("ChecksumAlgorithm", algorithm.String())
		x.text("ChecksumType", string(kind))
	}
	x.number("PartNumberMarker", int64(after))
	if more { // or AWS's SDK for JavaScript, which goes by this alone, asks for one more page for ever
		x.number("NextPartNumberMarker", int64(parts[len(parts)-1].Number))
	}
	x.number("MaxParts", int64(limit))
	x.truth("IsTruncated", more)
	for _, p := range parts {
		x.start("Part")
		x.number("PartNumber", int64(p.Number))
		x.time("LastModified", p.Modified)
		x.text("ETag", `"`+p.ETag+`"`)
		x.number("Size", p.Size)
		writeChecksum(x, p.System)
		x.end("Part")
	}
	x.end("ListPartsResult")
	x.flush()
	return nil
}
