package api

import (
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/holdfast-storage/holdfast/fuse-free-api/checksum"
)

const (
	// maxDeleteKeys is S3's limit on one DeleteObjects.
	maxDeleteKeys = 1000
	// maxDeleteBytes has room for that many keys of 1024 bytes, each byte
	// written as a character reference of 6, and their tags.
	maxDeleteBytes = 8 << 20
	// deletesAtOnce is how many deletes of one request are under way
	// together, so that one commit takes many of them.
	deletesAtOnce = 64
)

// deletion is one Object of a DeleteObjects.
type deletion struct {
	key     string
	version string // as the client named it; "" if it did not
	cond    Condition
	unable  bool     // it asks for a condition that is not supported
	failure *s3Error // nil: it is gone
}

func (c *call) deleteObjects() error {
	if err := c.promisedDigest(); err != nil {
		return err
	}
	doc, err := c.document(maxDeleteBytes)
	if err != nil {
		return err
	}
	quiet, all, err := parseDelete(doc)
	if err != nil {
		return err
	}
	if err := c.bucketExists(); err != nil {
		return err
	}
	c.deleteAll(all)
	if err := c.r.Context().Err(); err != nil {
		return err
	}
	if err := failedWhole(all); err != nil {
		return err
	}
	c.writeDeleted(quiet, all)
	return nil
}

// promisedDigest makes sure that a document which was changed on its way is
// seen: deleting other keys than the ones meant cannot be undone. S3 demands
// Content-MD5 or a checksum; a payload hash, or signed chunks, say the same.
func (c *call) promisedDigest() error {
	h := c.r.Header
	switch c.payload() {
	case "", "UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER":
	default:
		return nil
	}
	if h.Get("Content-MD5") != "" {
		return nil
	}
	for _, a := range checksum.All() {
		if h.Get(a.Header()) != "" || strings.EqualFold(strings.TrimSpace(h.Get("X-Amz-Trailer")), a.Header()) {
			return nil
		}
	}
	return fault(codeInvalidRequest, "Missing required header for this request: Content-MD5, or x-amz-checksum-*, or a signed x-amz-content-sha256.")
}

// parseDelete reads a Delete document. A key with a character that XML lacks,
// such as U+0001, cannot be named in one, be it written as &#x1;: S3 answers
// MalformedXML, and so does this. Clients delete such a key by its URL.
func parseDelete(doc []byte) (quiet bool, all []*deletion, err error) {
	var said *string
	err = readXML(doc, "Delete", func(x *xmlReader, name string) error {
		switch name {
		case "Quiet":
			return x.once(name, &said)
		case "Object":
			if len(all) == maxDeleteKeys {
				return x.malformed("it names more than %d keys", maxDeleteKeys)
			}
			d, err := readDeletion(x)
			all = append(all, d)
			return err
		}
		return x.unknown(name)
	})
	switch {
	case err != nil && strings.Contains(err.Error(), "illegal character code"):
		return false, nil, fault(codeMalformedXML, "The body has a character that XML cannot hold: delete a key with one by a request of its own, which names it in the URL.")
	case err != nil:
		return false, nil, err
	case len(all) == 0:
		return false, nil, fault(codeMalformedXML, "The body is not a Delete document: it names no key.")
	case said == nil:
		return false, all, nil
	}
	switch strings.TrimSpace(*said) {
	case "true":
		return true, all, nil
	case "false", "":
		return false, all, nil
	}
	return false, nil, fault(codeMalformedXML, "The body is not a Delete document: Quiet is neither true nor false.")
}

func readDeletion(x *xmlReader) (*deletion, error) {
	var key, version, etag, modified, size *string
	err := x.children(func(x *xmlReader, name string) error {
		switch name {
		case "Key":
			return x.once(name, &key)
		case "VersionId":
			return x.once(name, &version)
		case "ETag":
			return x.once(name, &etag)
		case "LastModifiedTime":
			return x.once(name, &modified)
		case "Size":
			return x.once(name, &size)
		}
		return x.unknown(name)
	})
	switch {
	case err != nil:
		return nil, err
	case key == nil || *key == "":
		return nil, x.malformed("an Object has no Key")
	}
	d := &deletion{key: *key, unable: modified != nil || size != nil}
	if version != nil {
		d.version = *version
	}
	if etag != nil {
		// As in the header: with quotes or without, or "*" for any object.
		tags, err := parseETags(http.Header{"If-Match": {*etag}}, "If-Match")
		if err != nil {
			return nil, x.malformed("an ETag is no entity tag")
		}
		if d.cond.IfMatch = tags.tags; tags.any {
			d.cond.IfMatch = []string{"*"}
		}
	}
	return d, nil
}

// deleteAll tries all of them and notes how each ended. It returns when none
// is under way any more; if the client leaves, some may not have been tried.
func (c *call) deleteAll(all []*deletion) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(deletesAtOnce, len(all)) {
		workers.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(all) || c.r.Context().Err() != nil {
					return
				}
				if err := c.deleteOne(all[i]); err != nil {
					all[i].failure = storeFault(err)
				}
			}
		})
	}
	workers.Wait()
}

// deleteOne turns a panic into an error, as the request's own goroutine does:
// on this one nobody else would, and the process would end.
func (c *call) deleteOne(d *deletion) (err error) {
	defer func() {
		if v := recover(); v != nil {
			c.s.opts.Logger.Error("request panicked", slog.String("request", c.id), slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
			err = fault(codeInternal, "An internal error occurred; the log has it under the request id.")
		}
	}()
	switch {
	case d.unable:
		return notImplemented("Deleting on condition of LastModifiedTime or Size is not supported; on ETag it is.")
	case len(d.key) > maxKeyBytes:
		return fault(codeKeyTooLong, "The key is %d bytes long; the limit is %d.", len(d.key), maxKeyBytes)
	case d.version != "":
		if err := checkVersion(d.version); err != nil {
			return err
		}
	}
	_, err = c.s.opts.Store.Delete(c.r.Context(), c.bucket, d.key, d.cond)
	return err
}

// failedWhole gives the error of a request that did nothing because the store
// could do nothing: then the answer says so by its status, and clients that
// try again on 503 do.
func failedWhole(all []*deletion) error {
	for _, d := range all {
		if d.failure == nil || d.failure.code.status < 500 || d.failure.code == codeNotImplemented {
			return nil
		}
	}
	return all[0].failure
}

// writeDeleted answers in the order of the request. Quiet leaves out what
// went well.
func (c *call) writeDeleted(quiet bool, all []*deletion) {
	x := c.beginXML()
	x.root("DeleteResult")
	for _, d := range all {
		switch {
		case d.failure != nil:
			x.start("Error")
			x.text("Key", d.key)
			if d.version != "" {
				x.text("VersionId", d.version)
			}
			x.text("Code", d.failure.code.name)
			x.text("Message", d.failure.message)
			x.end("Error")
		case !quiet:
			x.start("Deleted")
			x.text("Key", d.key)
			if d.version != "" {
				x.text("VersionId", d.version)
			}
			x.end("Deleted")
		}
	}
	x.end("DeleteResult")
	x.flush()
}
