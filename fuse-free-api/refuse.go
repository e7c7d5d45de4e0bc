package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/holdfast-storage/holdfast/fuse-free-api/checksum"
)

// fixedHeader tells whether a header may have the value. Some may name only
// what is the case anyway.
func fixedHeader(name, value string) bool {
	switch name {
	case "x-amz-acl":
		return value == "private" || value == "bucket-owner-full-control"
	case "x-amz-bucket-object-lock-enabled":
		return value == "false"
	case "x-amz-checksum-mode":
		return value == "ENABLED"
	case "x-amz-object-ownership":
		return value == "BucketOwnerEnforced"
	case "x-amz-request-payer":
		return value == "requester"
	case "x-amz-storage-class":
		return value == "STANDARD"
	}
	return true
}

// asksNothing tells of a header, by its canonical name, whether refuseHeader
// lets it pass in every request: those that nearly all of them have.
func asksNothing(name string) bool {
	switch name {
	case "Authorization", "X-Amz-Date", "X-Amz-Content-Sha256", "User-Agent", "Content-Length", "Content-Type", "Accept", "Accept-Encoding",
		"Amz-Sdk-Invocation-Id", "Amz-Sdk-Request", "Connection", "Range":
		return true
	}
	return false
}

// refuseHeader answers 501 to a header that op does not honour. name is in
// lower case.
func (op *operation) refuseHeader(name string, values []string) error {
	unsupported := func() error { return notImplemented("The header %q, or its value, is not supported.", name) }
	lists := strings.HasPrefix(name, metaPrefix) || name == "x-amz-object-attributes"
	if len(values) > 1 && strings.HasPrefix(name, "x-amz-") && !lists {
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
	case strings.HasPrefix(name, "x-amz-"):
		if !op.honours(name) {
			return unsupported()
		}
		if !fixedHeader(name, values[0]) {
			return unsupported()
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

// honours tells whether op does what a header x-amz-* asks for. Those that
// sign, or ask for nothing here, are welcome everywhere.
func (op *operation) honours(name string) bool {
	switch name {
	case "x-amz-content-sha256", "x-amz-date", "x-amz-security-token", "x-amz-user-agent",
		"x-amz-expected-bucket-owner", "x-amz-request-payer":
		return true
	case "x-amz-decoded-content-length", "x-amz-sdk-checksum-algorithm", "x-amz-trailer":
		return op.upload || op.document
	}
	if _, ok := checksum.ByHeader(name); ok && (op.upload || op.document) {
		return true
	}
	return slices.Contains(op.amz, strings.TrimPrefix(name, "x-amz-"))
}

// checkOwner refuses a request that is meant for somebody else's bucket.
// Everything here has one owner.
func checkOwner(h http.Header) error {
	for _, name := range []string{"X-Amz-Expected-Bucket-Owner", "X-Amz-Source-Expected-Bucket-Owner"} {
		if values := h[name]; len(values) > 0 && values[0] != owner {
			return fault(codeAccessDenied, "The bucket's owner is %q, and not the one that %s names.", owner, strings.ToLower(name))
		}
	}
	return nil
}
