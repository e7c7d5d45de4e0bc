package api

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// call is one request on its way through the object listener.
type call struct {
	*address
	s     *Server
	w     *response
	r     *http.Request
	query url.Values
	id    string // request id
}

// operation is one of S3's, with everything beside method and address that it
// honours. What is not listed is refused with 501.
type operation struct {
	run        func(*call) error
	query      []string // parameters
	amz        []string // x-amz-* headers, behind the prefix, beside those that are always allowed
	conditions []string // If-* headers
	meta       bool     // x-amz-meta-*
	upload     bool     // takes an object's body, and a part of one is no substitute
}

// choose finds the operation that the method and the address name.
func choose(method string, a address, query url.Values) (*operation, error) {
	switch {
	case a.bucket == "":
		if method == http.MethodGet {
			return &operation{run: (*call).listBuckets}, nil
		}
		return nil, notAllowed(method, http.MethodGet)
	case a.key == "":
		return chooseBucket(method, query)
	default:
		return chooseObject(method)
	}
}

func chooseBucket(method string, query url.Values) (*operation, error) {
	switch method {
	case http.MethodGet:
		if query.Has("location") {
			return &operation{run: (*call).bucketLocation, query: []string{"location"}}, nil
		}
		return &operation{run: (*call).listObjects, query: []string{"list-type", "prefix", "delimiter",
			"start-after", "max-keys", "continuation-token", "encoding-type", "fetch-owner"}}, nil
	case http.MethodHead:
		return &operation{run: (*call).headBucket}, nil
	case http.MethodPut:
		return &operation{run: (*call).createBucket, amz: []string{"acl"}}, nil
	case http.MethodDelete:
		return &operation{run: (*call).deleteBucket}, nil
	case http.MethodPost:
		return nil, notImplemented("POST to a bucket (DeleteObjects, form uploads) is not supported yet.")
	}
	return nil, notAllowed(method, http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete)
}

func chooseObject(method string) (*operation, error) {
	reading := []string{"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range"}
	writing := []string{"If-Match", "If-None-Match"}
	switch method {
	case http.MethodGet:
		return &operation{run: (*call).getObject, conditions: reading, amz: []string{"checksum-mode"}}, nil
	case http.MethodHead:
		return &operation{run: (*call).headObject, conditions: reading, amz: []string{"checksum-mode"}}, nil
	case http.MethodPut:
		return &operation{run: (*call).putObject, conditions: writing, amz: []string{"acl", "storage-class"}, meta: true, upload: true}, nil
	case http.MethodDelete:
		return &operation{run: (*call).deleteObject, conditions: writing}, nil
	case http.MethodPost:
		return nil, notImplemented("POST to an object (multipart uploads, restore, select) is not supported yet.")
	}
	return nil, notAllowed(method, http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete)
}

func notAllowed(method string, allowed ...string) error {
	return fault(codeMethodNotAllowed, "The method %q is not allowed here.", method).with("Allow", strings.Join(allowed, ", "))
}

// refuse answers 501 to whatever the request asks for that op does not do.
func (op *operation) refuse(r *http.Request, query url.Values) error {
	for name, values := range query {
		if name == "x-id" {
			continue // AWS's SDKs name the operation with it; it asks for nothing
		}
		if !slices.Contains(op.query, name) {
			return notImplemented("The query parameter %q is not supported.", name)
		}
		if len(values) > 1 {
			return fault(codeInvalidArgument, "The query parameter %q is given more than once.", name)
		}
	}
	for name, values := range r.Header {
		if err := op.refuseHeader(strings.ToLower(name), values); err != nil {
			return err
		}
	}
	for name := range r.Trailer {
		return notImplemented("The trailer %q is not supported.", name)
	}
	return nil
}

func (op *operation) refuseHeader(name string, values []string) error {
	unsupported := func() error { return notImplemented("The header %q, or its value, is not supported.", name) }
	value := values[0]
	if len(values) > 1 && strings.HasPrefix(name, "x-amz-") && !strings.HasPrefix(name, metaPrefix) {
		return fault(codeInvalidArgument, "The header %q is given more than once.", name)
	}
	switch {
	case name == "if" || strings.HasPrefix(name, "if-"):
		if !slices.ContainsFunc(op.conditions, func(c string) bool { return strings.EqualFold(c, name) }) {
			return unsupported()
		}
	case strings.HasPrefix(name, metaPrefix):
		if !op.meta {
			return unsupported()
		}
	case name == "x-amz-content-sha256":
		if strings.HasPrefix(value, "STREAMING-") {
			return notImplemented("Bodies in aws-chunked framing (%s) are not supported yet.", value)
		}
	case name == "x-amz-date", name == "x-amz-user-agent":
	case strings.HasPrefix(name, "x-amz-"):
		if !slices.Contains(op.amz, name[len("x-amz-"):]) {
			return unsupported()
		}
		// These name what is the case anyway, or nothing is said.
		only := map[string]string{"x-amz-acl": "private", "x-amz-storage-class": "STANDARD", "x-amz-checksum-mode": "ENABLED"}[name]
		if value != only {
			return unsupported()
		}
	case name == "content-encoding":
		for _, line := range values {
			for token := range strings.SplitSeq(line, ",") {
				if op.upload && strings.EqualFold(strings.TrimSpace(token), "aws-chunked") {
					return notImplemented("Bodies in aws-chunked framing are not supported yet.")
				}
			}
		}
	case name == "content-range":
		if op.upload {
			return notImplemented("Replacing a part of an object is not supported.")
		}
	case name == "content-md5":
		if len(values) > 1 {
			return fault(codeInvalidDigest, "The Content-MD5 header is given more than once.")
		}
	}
	return nil
}
