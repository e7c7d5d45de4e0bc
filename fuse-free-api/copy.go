package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/holdfast-storage/holdfast/fuse-free-api/checksum"
)

// copyRequest is what a CopyObject asks for, beside its source.
type copyRequest struct {
	source           address
	replaceMeta      bool
	replaceTags      bool
	contentType      string // these three if they are replaced
	meta, kept       []Pair
	tags             []Pair
	algorithm        checksum.Algorithm // 0: the source's
	cond             Condition
	changesSomething bool // so that an object may be copied onto itself
}

func (c *call) copyRequest() (req copyRequest, err error) {
	h := c.r.Header
	if req.source, err = parseCopySource(h.Get("X-Amz-Copy-Source")); err != nil {
		return req, err
	}
	if req.replaceMeta, err = directive(h, "x-amz-metadata-directive"); err != nil {
		return req, err
	}
	if req.replaceTags, err = directive(h, "x-amz-tagging-directive"); err != nil {
		return req, err
	}
	if h.Get(taggingName) != "" && !req.replaceTags {
		return req, fault(codeInvalidArgument, "Tags are taken from the source unless x-amz-tagging-directive is REPLACE.").
			about("ArgumentName", taggingName)
	}
	var system []Pair
	if req.contentType, req.meta, system, err = attributes(h); err != nil {
		return req, err
	}
	req.kept, req.tags = withoutPairs(system, taggingName), onlyPairs(system, taggingName)
	if req.algorithm, err = wantedAlgorithm(h); err != nil {
		return req, err
	}
	if req.cond, err = writeCondition(h); err != nil {
		return req, err
	}
	req.changesSomething = req.replaceMeta || req.replaceTags || req.algorithm != 0 || h.Get("X-Amz-Storage-Class") != ""
	return req, nil
}

// directive tells whether something is to be replaced, and not copied.
func directive(h http.Header, name string) (replace bool, err error) {
	switch value := h.Get(name); value {
	case "", "COPY":
		return false, nil
	case "REPLACE":
		return true, nil
	default:
		return false, fault(codeInvalidArgument, "%s must be COPY or REPLACE.", name).about("ArgumentName", name).about("ArgumentValue", clip(value))
	}
}

// wantedAlgorithm reads x-amz-checksum-algorithm; 0 if it is not there.
func wantedAlgorithm(h http.Header) (checksum.Algorithm, error) {
	name := h.Get(algorithmName)
	if name == "" {
		return 0, nil
	}
	if a, ok := checksum.Parse(name); ok {
		return a, nil
	}
	return 0, fault(codeInvalidRequest, "Checksum algorithm provided is unsupported. Please try again with any of the valid types: %s.", checksumNames())
}

func (c *call) copyObject() error {
	req, err := c.copyRequest()
	if err != nil {
		return err
	}
	if req.source == c.address && !req.changesSomething {
		return fault(codeInvalidRequest, "This copy request is illegal because it is trying to copy an object to itself without changing "+
			"the object's metadata, storage class, website redirect location or encryption attributes.")
	}
	if err := c.noBody(); err != nil {
		return err
	}
	return c.slowly(func(ctx context.Context) (func(*xmlWriter), error) {
		info, err := c.copyFrom(ctx, req)
		if err != nil {
			return nil, err
		}
		return func(x *xmlWriter) { writeCopyResult(x, "CopyObjectResult", info.ETag, info.Modified, info.System) }, nil
	})
}

// noBody makes sure that no body comes. While one might, net/http does not
// notice a client that leaves.
func (c *call) noBody() error {
	_, err := c.document(0)
	var e *s3Error
	if errors.As(err, &e) && e.code == codeDocumentTooLong {
		refused := fault(codeInvalidRequest, "A copy has no body of its own.")
		refused.cut = e.cut
		return refused
	}
	return err
}

func (c *call) copyFrom(ctx context.Context, req copyRequest) (info ObjectInfo, err error) {
	src, err := c.openSource(ctx, req.source)
	if err != nil {
		return ObjectInfo{}, err
	}
	defer src.Close()
	size := src.info.Size
	if size > c.s.maxObjectBytes {
		return ObjectInfo{}, sourceTooLarge(c.s.maxObjectBytes)
	}
	put := PutRequest{ContentType: src.info.ContentType, Meta: src.info.Meta, If: req.cond}
	kept := onlyPairs(src.info.System, keptHeaders()...)
	if req.replaceMeta {
		put.ContentType, put.Meta, kept = req.contentType, req.meta, req.kept
	}
	tags := onlyPairs(src.info.System, taggingName)
	if req.replaceTags {
		tags = req.tags
	}
	put.System = mergePairs(kept, tags)
	algorithm := req.algorithm
	if algorithm == 0 {
		algorithm, _ = keptChecksum(src.info.System)
	}
	put.Body = c.copyBody(src, 0, size, algorithm, Pair{Name: checksum.TypeHeader, Value: string(checksum.FullObject)})
	err = src.into(ctx, c, 0, size, func(ctx context.Context, body io.Reader) error {
		info, err = c.s.opts.Store.Put(ctx, c.bucket, c.key, body, put)
		return err
	})
	return info, err
}

func sourceTooLarge(max int64) error {
	return fault(codeInvalidRequest, "The specified copy source is larger than the maximum allowable size for a copy source: %d.", max)
}

// copyBody is how the n bytes of src from off are taken in: with an ETag, and,
// if algorithm is not 0, with a checksum and system. If the source has one of the same
// bytes, they must agree: that holds from end to end, whatever lies between.
func (c *call) copyBody(src *copySource, off, n int64, algorithm checksum.Algorithm, system ...Pair) Body {
	d := newDigests(c.s.md5s, c.s.opts.ETag == ETagMD5, false, algorithm)
	var want []byte
	if kept, sum := fullChecksum(src.info); kept == algorithm && off == 0 && n == src.info.Size {
		want = sum
	}
	body := Body{Size: n, Finish: func() (Finished, error) {
		if !d.idle() && d.n != n {
			return Finished{}, fmt.Errorf("the store had %d bytes of %d hashed", d.n, n)
		}
		var kept []Pair
		if algorithm != 0 {
			sum := d.checksum.Sum(nil)
			if want != nil && !bytes.Equal(sum, want) {
				return Finished{}, fmt.Errorf("copying %s/%s: its %v is %s, and was %s when it was stored: %w",
					src.name.bucket, src.name.key, algorithm, checksum.Text(sum), checksum.Text(want), ErrUnavailable)
			}
			kept = append([]Pair{{Name: algorithm.Header(), Value: checksum.Text(sum)}}, system...)
		}
		etag, err := c.s.etag(d)
		return Finished{ETag: etag, System: kept}, err
	}}
	if !d.idle() {
		body.Digest = d.write
	}
	return body
}

// keptChecksum gives the checksum among System pairs; 0 if there is none.
func keptChecksum(system []Pair) (checksum.Algorithm, string) {
	for _, p := range system {
		if a, ok := checksum.ByHeader(p.Name); ok {
			return a, p.Value
		}
	}
	return 0, ""
}

// fullChecksum gives the checksum of the object's bytes, if it has one.
func fullChecksum(info ObjectInfo) (checksum.Algorithm, []byte) {
	a, text := keptChecksum(info.System)
	kind, _ := findPair(info.System, checksum.TypeHeader)
	if a == 0 || checksum.Type(kind) != checksum.FullObject {
		return 0, nil
	}
	sum, err := a.Sum(text)
	if err != nil {
		return 0, nil
	}
	return a, sum
}

// onlyPairs gives the pairs of these names.
func onlyPairs(pairs []Pair, names ...string) []Pair {
	return slices.DeleteFunc(slices.Clone(pairs), func(p Pair) bool { return !slices.Contains(names, p.Name) })
}

// writeCopyResult writes what CopyObject and UploadPartCopy answer.
func writeCopyResult(x *xmlWriter, name, etag string, modified time.Time, system []Pair) {
	x.root(name)
	x.time("LastModified", modified)
	x.text("ETag", `"`+etag+`"`)
	writeChecksum(x, system)
	x.end(name)
}

// writeChecksum writes the checksum among System pairs as elements.
func writeChecksum(x *xmlWriter, system []Pair) {
	if a, text := keptChecksum(system); a != 0 {
		x.text(a.Element(), text)
	}
	if kind, ok := findPair(system, checksum.TypeHeader); ok {
		x.text("ChecksumType", kind)
	}
}
