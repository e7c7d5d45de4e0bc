package api

import (
	"net/http"
	"strings"

	"github.com/holdfast-storage/holdfast/fuse-free-api/checksum"
)

// wantedAttributes reads x-amz-object-attributes: names parted by commas, on
// one line or on several.
func wantedAttributes(h http.Header) (map[string]bool, error) {
	all := map[string]bool{"ETag": true, "Checksum": true, "ObjectParts": true, "StorageClass": true, "ObjectSize": true}
	wanted := map[string]bool{}
	for _, line := range h.Values("X-Amz-Object-Attributes") {
		for name := range strings.SplitSeq(line, ",") {
			name = strings.TrimSpace(name)
			if !all[name] {
				return nil, fault(codeInvalidArgument, "Invalid attribute name specified.").
					about("ArgumentName", "x-amz-object-attributes").about("ArgumentValue", clip(name))
			}
			wanted[name] = true
		}
	}
	if len(wanted) == 0 {
		return nil, fault(codeInvalidRequest, "The x-amz-object-attributes header, which says what is wanted, is required and must not be empty.")
	}
	return wanted, nil
}

func (c *call) getObjectAttributes() error {
	if err := c.onlyVersion(); err != nil {
		return err
	}
	wanted, err := wantedAttributes(c.r.Header)
	if err != nil {
		return err
	}
	limit, err := pageLimit("x-amz-max-parts", c.r.Header.Get("X-Amz-Max-Parts"), maxPartsPage)
	if err != nil {
		return err
	}
	after, err := pageMarker("x-amz-part-number-marker", c.r.Header.Get("X-Amz-Part-Number-Marker"))
	if err != nil {
		return err
	}
	info, err := c.s.opts.Store.Stat(c.r.Context(), c.bucket, c.key)
	if err != nil {
		return err
	}
	switch status, err := readCondition(c.r.Header, info); {
	case err != nil:
		return err
	case status == http.StatusNotModified:
		setValidators(c.w.Header(), info)
		c.w.WriteHeader(status)
		return nil
	case status != 0:
		return ErrPrecondition
	}
	c.w.Header().Set("Last-Modified", info.Modified.UTC().Format(http.TimeFormat))
	x := c.beginXML()
	x.root("GetObjectAttributesResponse")
	if wanted["ETag"] {
		x.text("ETag", info.ETag)
	}
	algorithm, _ := keptChecksum(info.System)
	if wanted["Checksum"] && algorithm != 0 {
		x.start("Checksum")
		writeBareChecksum(x, info.System)
		x.end("Checksum")
	}
	if wanted["ObjectParts"] && len(info.Parts) > 0 {
		writeObjectParts(x, info, after, limit)
	}
	if wanted["StorageClass"] {
		x.text("StorageClass", "STANDARD")
	}
	if wanted["ObjectSize"] {
		x.number("ObjectSize", info.Size)
	}
	x.end("GetObjectAttributesResponse")
	x.flush()
	return nil
}

// writeBareChecksum writes the checksum as this operation does: without the
// number of parts behind a composite one.
func writeBareChecksum(x *xmlWriter, system []Pair) {
	a, text := keptChecksum(system)
	bare, _, _ := checksum.CutComposite(text)
	kind := onlyPairs(system, checksum.TypeHeader)
	writeChecksum(x, mergePairs([]Pair{{Name: a.Header(), Value: bare}}, kind))
}

// writeObjectParts writes how many parts the object has and, as S3 does only
// for those with a composite checksum, what they are.
func writeObjectParts(x *xmlWriter, info ObjectInfo, after, limit int) {
	x.start("ObjectParts")
	defer x.end("ObjectParts")
	kind, _ := findPair(info.System, checksum.TypeHeader)
	if checksum.Type(kind) != checksum.Composite {
		x.number("PartsCount", int64(len(info.Parts)))
		return
	}
	first := 0
	for first < len(info.Parts) && info.Parts[first].Number <= after {
		first++
	}
	page := info.Parts[first:]
	more := len(page) > limit && limit > 0
	page = page[:min(limit, len(page))]
	next := after
	if len(page) > 0 {
		next = page[len(page)-1].Number
	}
	x.truth("IsTruncated", more)
	x.number("MaxParts", int64(limit))
	x.number("NextPartNumberMarker", int64(next))
	x.number("PartNumberMarker", int64(after))
	for _, p := range page {
		x.start("Part")
		writeChecksum(x, p.System)
		x.number("PartNumber", int64(p.Number))
		x.number("Size", p.Size)
		x.end("Part")
	}
	x.number("PartsCount", int64(len(info.Parts)))
}
