package api

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-storage/holdfast/fuse-free-api/checksum"
)

const (
	metaPrefix          = "x-amz-meta-"
	maxMetaBytes        = 2 << 10 // S3's limit on names and values of user metadata together
	maxSystemBytes      = 8 << 10 // on the kept headers, Content-Type included; S3's limit on all headers
	maxContentTypeBytes = 4 << 10 // what a store has to take
	defaultContentType  = "binary/octet-stream"
)

// keptHeaders are stored with an object and sent with it, beside
// Content-Type, in the order of their names.
func keptHeaders() []string {
	return []string{"Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Expires"}
}

// attributes takes from a PUT's headers what is kept with the object.
func attributes(h http.Header) (contentType string, meta, system []Pair, err error) {
	contentType = h.Get("Content-Type")
	if len(contentType) > maxContentTypeBytes {
		return "", nil, nil, fault(codeMetadataTooLarge, "The Content-Type has %d bytes; the limit is %d.", len(contentType), maxContentTypeBytes)
	}
	size := len(contentType)
	for _, name := range keptHeaders() {
		if values := h.Values(name); len(values) > 0 {
			p := Pair{Name: name, Value: strings.Join(values, ", ")}
			if name == "Content-Encoding" {
				var framed bool
				if p.Value, framed = cutChunkedToken(p.Value); framed && p.Value == "" {
					continue
				}
			}
			size += len(p.Name) + len(p.Value)
			system = append(system, p)
		}
	}
	if size > maxSystemBytes {
		return "", nil, nil, fault(codeMetadataTooLarge, "The headers to be kept with the object have %d bytes; the limit is %d.", size, maxSystemBytes)
	}
	size = 0
	for header, values := range h {
		if len(header) < len(metaPrefix) || !strings.EqualFold(header[:len(metaPrefix)], metaPrefix) {
			continue
		}
		name := strings.ToLower(header[len(metaPrefix):])
		if name == "" {
			return "", nil, nil, fault(codeInvalidArgument, "A header %s has no name behind the prefix.", metaPrefix)
		}
		p := Pair{Name: name, Value: strings.Join(values, ",")}
		size += len(p.Name) + len(p.Value)
		meta = append(meta, p)
	}
	if size > maxMetaBytes {
		return "", nil, nil, fault(codeMetadataTooLarge, "Your metadata headers have %d bytes; the limit is %d.", size, maxMetaBytes)
	}
	tags, err := headerTags(h)
	if err != nil {
		return "", nil, nil, err
	}
	system = append(system, tags.pairs()...) // its name sorts behind those of the kept headers
	slices.SortFunc(meta, func(a, b Pair) int { return strings.Compare(a.Name, b.Name) })
	return contentType, meta, system, nil
}

// setValidators sends what a 304 carries too.
func setValidators(h http.Header, info ObjectInfo) {
	lines := &[...]string{`"` + info.ETag + `"`, info.Modified.UTC().Format(http.TimeFormat)}
	h["ETag"], h["Last-Modified"] = lines[0:1:1], lines[1:2:2]
	for _, p := range info.System {
		if p.Name == "Cache-Control" || p.Name == "Expires" {
			h.Set(p.Name, p.Value)
		}
	}
}

// setChecksums sends the checksum among an object's System pairs, and its
// type.
func setChecksums(h http.Header, system []Pair) {
	for _, p := range system {
		if _, ok := checksum.ByHeader(p.Name); ok || p.Name == checksum.TypeHeader {
			h[p.Name] = []string{p.Value}
		}
	}
}

// setAttributes sends all that is known of an object but its length. Names
// of metadata stay in lower case: they are put into the map as they are.
func setAttributes(h http.Header, info ObjectInfo) {
	setValidators(h, info)
	contentType := info.ContentType
	if contentType == "" {
		contentType = defaultContentType
	}
	lines := &[...]string{contentType, "bytes"}
	h["Content-Type"], h["Accept-Ranges"] = lines[0:1:1], lines[1:2:2]
	for _, p := range info.System {
		if slices.Contains(keptHeaders(), p.Name) {
			h.Set(p.Name, p.Value)
		}
	}
	if n := tagCount(info.System); n > 0 {
		h["x-amz-tagging-count"] = []string{strconv.Itoa(n)}
	}
	for _, p := range info.Meta {
		h[metaPrefix+p.Name] = []string{p.Value}
	}
}
