package api

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-storage/holdfast/fuse-free-api/checksum"
)

// completion is a CompleteMultipartUpload: what it says of the object, to be
// held against the parts as they are stored.
type completion struct {
	id     string // of the upload
	parts  []namedPart
	upload UploadInfo
	size   int64 // x-amz-mp-object-size; -1: not said
	// The checksum of the whole object, if it was said.
	said checksum.Algorithm
	sum  string
}

func (c *call) completeUpload() error {
	cond, err := writeCondition(c.r.Header)
	if err != nil {
		return err
	}
	done := &completion{id: c.uploadID()}
	if err := done.readHeaders(c.r.Header); err != nil {
		return err
	}
	doc, err := c.document(maxCompleteBytes)
	if err != nil {
		return err
	}
	if done.parts, err = parseComplete(doc); err != nil {
		return err
	}
	return c.slowly(func(ctx context.Context) (func(*xmlWriter), error) {
		info, err := c.complete(ctx, done, cond)
		if err != nil {
			return nil, c.ofUpload(err)
		}
		return func(x *xmlWriter) {
			x.root("CompleteMultipartUploadResult")
			x.text("Location", c.location())
			x.text("Bucket", c.bucket)
			x.text("Key", c.key)
			x.text("ETag", `"`+info.ETag+`"`)
			writeChecksum(x, info.System)
			x.end("CompleteMultipartUploadResult")
		}, nil
	})
}

// location is the URL of the object, as the client addressed it.
func (c *call) location() string {
	scheme := "http"
	if c.r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + c.r.Host + strings.ToValidUTF8(rawPath(c.r), "\uFFFD")
}

// readHeaders takes what the headers say of the object.
func (done *completion) readHeaders(h http.Header) error {
	done.size = -1
	if text := h.Get("X-Amz-Mp-Object-Size"); text != "" {
		n, ok := digits(text)
		if !ok {
			return fault(codeInvalidRequest, "Value for x-amz-mp-object-size header is invalid.")
		}
		done.size = n
	}
	for _, a := range checksum.All() {
		text := h.Get(a.Header())
		if text == "" {
			continue
		}
		if done.said != 0 {
			return fault(codeInvalidRequest, "Expecting a single x-amz-checksum- header. Multiple checksum types are not allowed.")
		}
		sum, _, _ := checksum.CutComposite(text)
		if _, err := a.Sum(sum); err != nil {
			return fault(codeInvalidRequest, "Value for %s header is invalid.", a.Header())
		}
		done.said, done.sum = a, text
	}
	return nil
}

// complete makes the object, or finds it made by the same request before: a
// client that has not got its answer asks again.
func (c *call) complete(ctx context.Context, done *completion, cond Condition) (info ObjectInfo, err error) {
	done.upload, err = c.s.opts.Store.Upload(ctx, c.bucket, c.key, done.id)
	if err == nil {
		if err := done.checkType(c.r.Header.Get(checksum.TypeHeader)); err != nil {
			return ObjectInfo{}, err
		}
		info, err = c.s.opts.Store.CompleteUpload(ctx, c.bucket, c.key, done.id,
			CompleteRequest{Numbers: done.numbers(), If: cond, Finish: done.finish})
		err = c.gone(ctx, err, cond)
	}
	if !errors.Is(err, ErrNoSuchUpload) {
		return info, err
	}
	made, statErr := c.s.opts.Store.Stat(ctx, c.bucket, c.key)
	if statErr == nil && done.made(made) {
		return made, nil
	}
	return ObjectInfo{}, err
}

// checkType refuses a checksum other than what the upload was created with.
func (done *completion) checkType(asked string) error {
	algorithm, kind := uploadChecksum(done.upload)
	if asked != "" && checksum.Type(asked) != kind {
		return fault(codeInvalidRequest, "The upload was created using the %s checksum mode. The complete request must use the same checksum mode.",
			orNone(string(kind)))
	}
	if done.said != 0 && done.said != algorithm {
		return fault(codeInvalidRequest, "The upload was created using the %s checksum algorithm. The complete request has a checksum by %v.",
			orNone(algorithm.String()), done.said)
	}
	return nil
}

func orNone(name string) string {
	if name == "" {
		return "null"
	}
	return name
}

func (done *completion) numbers() []int {
	numbers := make([]int, len(done.parts))
	for i, part := range done.parts {
		numbers[i] = part.number
	}
	return numbers
}

// made tells whether info is the object that the request is for, and
// everything that the request says of it is so.
func (done *completion) made(info ObjectInfo) bool {
	if id, ok := findPair(info.System, uploadName); !ok || id != done.id {
		return false
	}
	kept, sum := keptChecksum(info.System)
	switch {
	case done.size >= 0 && done.size != info.Size:
		return false
	case done.said != 0 && (done.said != kept || !sameChecksum(done.sum, sum)):
		return false
	}
	return info.ETag == done.etag() && slices.EqualFunc(info.Parts, done.parts,
		func(stored PartInfo, named namedPart) bool {
			return stored.Number == named.number && named.summed(stored)
		})
}

func (done *completion) etag() string {
	etags := make([]string, len(done.parts))
	for i, part := range done.parts {
		etags[i] = part.etag
	}
	return multipartETag(etags)
}

// finish is CompleteUpload's Finish: it holds what was said against the
// parts, and gives what is kept with the object.
func (done *completion) finish(stored []PartInfo) (Finished, error) {
	if len(stored) != len(done.parts) {
		return Finished{}, fmt.Errorf("the store has %d parts for %d that were named", len(stored), len(done.parts))
	}
	var size int64
	for i, part := range stored {
		if err := done.parts[i].check(part, done.id); err != nil {
			return Finished{}, err
		}
		size += part.Size
	}
	for _, part := range stored[:len(stored)-1] {
		if part.Size < minPartBytes {
			return Finished{}, fault(codeEntityTooSmall, "Your proposed upload is smaller than the minimum allowed size: all parts but the last have at least %d bytes.", minPartBytes).
				about("ProposedSize", strconv.FormatInt(part.Size, 10)).about("MinSizeAllowed", strconv.Itoa(minPartBytes)).
				about("PartNumber", strconv.Itoa(part.Number)).about("ETag", part.ETag)
		}
	}
	if size > maxMultipartBytes {
		return Finished{}, fault(codeEntityTooLarge, "Your proposed upload exceeds the maximum allowed size.").
			about("ProposedSize", strconv.FormatInt(size, 10)).about("MaxSizeAllowed", strconv.FormatInt(maxMultipartBytes, 10))
	}
	if done.size >= 0 && done.size != size {
		return Finished{}, fault(codeInvalidRequest, "The provided 'x-amz-mp-object-size' header does not match what was computed: %d and not %d.", size, done.size)
	}
	sums, err := done.checksum(stored)
	if err != nil {
		return Finished{}, err
	}
	system := withoutPairs(done.upload.System, algorithmName, checksum.TypeHeader)
	return Finished{ETag: done.etag(), System: mergePairs(system, sums, []Pair{{Name: uploadName, Value: done.id}})}, nil
}

// check holds a part, as the request names it, against the stored one.
func (part namedPart) check(stored PartInfo, uploadID string) error {
	if stored.Number == part.number && stored.ETag == part.etag && part.summed(stored) {
		return nil
	}
	return fault(codeInvalidPart, "One or more of the specified parts could not be found. The part may not have been uploaded, "+
		"or the specified entity tag or checksum may not match the part's.").
		about("UploadId", uploadID).about("PartNumber", strconv.Itoa(part.number)).about("ETag", clip(part.etag))
}

// summed tells whether the stored part has the checksum that the request
// names, if it names one.
func (part namedPart) summed(stored PartInfo) bool {
	kept, text := keptChecksum(stored.System)
	return part.algorithm == 0 || kept == part.algorithm && subtle.ConstantTimeCompare([]byte(text), []byte(part.sum)) == 1
}

// checksum combines the parts' checksums into the object's, and holds it
// against what was said. It is nil if the upload asked for none.
func (done *completion) checksum(stored []PartInfo) ([]Pair, error) {
	algorithm, kind := uploadChecksum(done.upload)
	if algorithm == 0 {
		return nil, nil
	}
	parts := make([]checksum.Part, len(stored))
	sums := make([][]byte, len(stored))
	for i, p := range stored {
		kept, text := keptChecksum(p.System)
		sum, err := algorithm.Sum(text)
		if kept != algorithm || err != nil {
			return nil, fmt.Errorf("part %d was stored without the %v that its upload asked for", p.Number, algorithm)
		}
		parts[i], sums[i] = checksum.Part{Sum: sum, Size: p.Size}, sum
	}
	text := algorithm.Composite(sums)
	if kind == checksum.FullObject {
		sum, err := algorithm.Combine(parts)
		if err != nil {
			return nil, err
		}
		text = checksum.Text(sum)
	}
	if done.said != 0 && !sameChecksum(done.sum, text) {
		return nil, fault(codeBadDigest, "The %v you specified did not match the calculated checksum.", algorithm)
	}
	return []Pair{{Name: algorithm.Header(), Value: text}, {Name: checksum.TypeHeader, Value: string(kind)}}, nil
}

// sameChecksum compares what was said of an object with what it is. The
// number of parts behind a composite checksum may be left out, as minio-go does.
func sameChecksum(said, is string) bool {
	if rest, _, composite := checksum.CutComposite(is); composite && !strings.Contains(said, "-") {
		is = rest
	}
	return subtle.ConstantTimeCompare([]byte(said), []byte(is)) == 1
}
