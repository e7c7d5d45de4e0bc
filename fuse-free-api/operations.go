package api

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/holdfast-storage/holdfast/fuse-free-api/checksum"
)

// call is one request on its way through the object listener.
type call struct {
	address
	s     *Server
	w     *response
	r     *http.Request
	query url.Values
	id    string // request id
	auth  *identity
	op    *operation   // nil until it is known
	body  *countedBody // nil if the request has none
	code  string       // S3's, if the answer is an error

	answer    response // what w is at first
	counted   countedBody
	who       identity // what auth is, mostly
	up        upload   // of an object or a part, or a document
	idLine    [1]string
	etagLine  [1]string
	documents int64 // bytes that count in Server.documents
	over      bool  // the answer's headers were sent, and nobody has anything of the call any more but who serves it
}

// level is what an address names.
type level int

const (
	serviceLevel level = iota
	bucketLevel
	objectLevel
)

func (a address) level() level {
	switch {
	case a.bucket == "":
		return serviceLevel
	case a.key == "":
		return bucketLevel
	}
	return objectLevel
}

// operation is one of S3's, with everything beside method and address that it
// honours. What is not listed is refused with 501.
type operation struct {
	name   string // S3's
	run    func(*call) error
	level  level
	method string
	sub    []string // the query parameters that, all present, name it
	copies bool     // named by x-amz-copy-source, too

	query      []string // further parameters
	amz        []string // x-amz-* headers, behind the prefix, beside those that are always allowed
	conditions []string // If-* headers
	meta       bool     // x-amz-meta-*
	upload     bool     // takes an object's body, and a part of one is no substitute
	document   bool     // takes a document, and x-amz-checksum-* is of it
	body       bool     // does itself what is to be done about a body, of which x-amz-checksum-* is not
}

// operations is everything that the object listener does.
func operations() []*operation {
	reading := []string{"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range"}
	writing := []string{"If-Match", "If-None-Match"}
	overrides := []string{"partNumber", "versionId", "response-cache-control", "response-content-disposition",
		"response-content-encoding", "response-content-language", "response-content-type", "response-expires"}
	stored := []string{"acl", "storage-class", "tagging"}
	copied := []string{"source-expected-bucket-owner", "copy-source", "copy-source-if-match", "copy-source-if-none-match", "copy-source-if-modified-since",
		"copy-source-if-unmodified-since"}
	paging := []string{"prefix", "delimiter", "encoding-type"}
	all := []*operation{
		{name: "ListBuckets", level: serviceLevel, method: "GET", run: (*call).listBuckets,
			query: []string{"prefix", "max-buckets", "continuation-token", "bucket-region"}},

		{name: "ListObjects", level: bucketLevel, method: "GET", run: (*call).listObjectsV1,
			query: append([]string{"marker", "max-keys"}, paging...)},
		{name: "ListObjectsV2", level: bucketLevel, method: "GET", sub: []string{"list-type"}, run: (*call).listObjectsV2,
			query: append([]string{"start-after", "max-keys", "continuation-token", "fetch-owner"}, paging...)},
		{name: "ListObjectVersions", level: bucketLevel, method: "GET", sub: []string{"versions"}, run: (*call).listVersions,
			query: append([]string{"key-marker", "version-id-marker", "max-keys"}, paging...)},
		{name: "ListMultipartUploads", level: bucketLevel, method: "GET", sub: []string{"uploads"}, run: (*call).listUploads,
			query: append([]string{"key-marker", "upload-id-marker", "max-uploads"}, paging...)},
		{name: "GetBucketLocation", level: bucketLevel, method: "GET", sub: []string{"location"}, run: (*call).bucketLocation},
		{name: "HeadBucket", level: bucketLevel, method: "HEAD", run: (*call).headBucket},
		{name: "CreateBucket", level: bucketLevel, method: "PUT", run: (*call).createBucket, document: true,
			amz: []string{"acl", "object-ownership", "bucket-object-lock-enabled"}},
		{name: "DeleteBucket", level: bucketLevel, method: "DELETE", run: (*call).deleteBucket},
		{name: "DeleteObjects", level: bucketLevel, method: "POST", sub: []string{"delete"}, run: (*call).deleteObjects, document: true,
			amz: []string{"bypass-governance-retention"}},

		{name: "GetObject", level: objectLevel, method: "GET", run: (*call).getObject, conditions: reading,
			amz: []string{"checksum-mode"}, query: overrides},
		{name: "HeadObject", level: objectLevel, method: "HEAD", run: (*call).headObject, conditions: reading,
			amz: []string{"checksum-mode"}, query: overrides},
		{name: "GetObjectAttributes", level: objectLevel, method: "GET", sub: []string{"attributes"}, run: (*call).getObjectAttributes, conditions: reading[:4],
			amz: []string{"object-attributes", "max-parts", "part-number-marker"}, query: []string{"versionId"}},
		{name: "PutObject", level: objectLevel, method: "PUT", run: (*call).putObject, conditions: writing,
			amz: append([]string{"checksum-algorithm", "checksum-type"}, stored...), meta: true, upload: true},
		{name: "CopyObject", level: objectLevel, method: "PUT", copies: true, run: (*call).copyObject, conditions: writing,
			amz: append([]string{"metadata-directive", "tagging-directive", "checksum-algorithm"}, append(copied, stored...)...), meta: true},
		{name: "DeleteObject", level: objectLevel, method: "DELETE", run: (*call).deleteObject, conditions: writing,
			query: []string{"versionId"}},
		{name: "GetObjectTagging", level: objectLevel, method: "GET", sub: []string{"tagging"}, run: (*call).getTagging,
			query: []string{"versionId"}},
		{name: "PutObjectTagging", level: objectLevel, method: "PUT", sub: []string{"tagging"}, run: (*call).putTagging,
			document: true, query: []string{"versionId"}},
		{name: "DeleteObjectTagging", level: objectLevel, method: "DELETE", sub: []string{"tagging"}, run: (*call).deleteTagging,
			query: []string{"versionId"}},

		{name: "CreateMultipartUpload", level: objectLevel, method: "POST", sub: []string{"uploads"}, run: (*call).createUpload,
			amz: append([]string{"checksum-algorithm", "checksum-type"}, stored...), meta: true},
		{name: "UploadPart", level: objectLevel, method: "PUT", sub: []string{"partNumber", "uploadId"}, run: (*call).uploadPart,
			amz: []string{"checksum-algorithm", "checksum-type"}, upload: true},
		{name: "UploadPartCopy", level: objectLevel, method: "PUT", sub: []string{"partNumber", "uploadId"}, copies: true,
			run: (*call).uploadPartCopy, amz: append([]string{"copy-source-range"}, copied...)},
		{name: "CompleteMultipartUpload", level: objectLevel, method: "POST", sub: []string{"uploadId"}, run: (*call).completeUpload,
			body: true, conditions: writing, amz: append([]string{"checksum-type", "mp-object-size"}, checksumSuffixes()...)},
		{name: "AbortMultipartUpload", level: objectLevel, method: "DELETE", sub: []string{"uploadId"}, run: (*call).abortUpload},
		{name: "ListParts", level: objectLevel, method: "GET", sub: []string{"uploadId"}, run: (*call).listParts,
			query: []string{"max-parts", "part-number-marker", "encoding-type"}},
	}
	for _, s := range subresources() {
		all = append(all, s.operations()...)
	}
	return all
}

// checksumSuffixes are the headers x-amz-checksum-* behind x-amz-, for an
// operation to which they say something else than what its body is.
func checksumSuffixes() []string {
	var names []string
	for _, a := range checksum.All() {
		names = append(names, strings.TrimPrefix(a.Header(), "x-amz-"))
	}
	return names
}

// reads tells whether op sees to the request's body.
func (op *operation) reads() bool { return op.upload || op.document || op.copies || op.body }

// operationKind is what tells most operations apart.
type operationKind struct {
	method string
	level  level
	copies bool
}

// operationTable is all operations, and those of each kind.
type operationTable struct {
	all    []*operation
	byKind map[operationKind][]*operation
}

func newOperationTable(all []*operation) operationTable {
	t := operationTable{all, make(map[operationKind][]*operation)}
	for _, op := range all {
		kind := operationKind{op.method, op.level, op.copies}
		t.byKind[kind] = append(t.byKind[kind], op)
	}
	return t
}

// choose finds the operation that the method, the address and the request's
// parameters name: the one that names most of what is there.
func (t *operationTable) choose(r *http.Request, a address, query url.Values) (*operation, error) {
	var best *operation
	level, copies := a.level(), r.Method == http.MethodPut && first(r.Header, "X-Amz-Copy-Source") != ""
	for _, op := range t.byKind[operationKind{r.Method, level, copies}] {
		if best != nil && len(op.sub) <= len(best.sub) {
			continue
		}
		if len(op.sub) == 0 || !slices.ContainsFunc(op.sub, func(name string) bool { return !query.Has(name) }) {
			best = op
		}
	}
	switch {
	case best != nil:
		return best, nil
	case r.Method == http.MethodPost && a.level() == bucketLevel:
		return nil, notImplemented("Uploads by form (POST to a bucket) are not supported.")
	case r.Method == http.MethodPost && a.level() == objectLevel:
		return nil, notImplemented("This POST to an object (restore, select) is not supported.")
	}
	var methods []string
	for _, op := range t.all {
		if op.level == level && len(op.sub) == 0 && !slices.Contains(methods, op.method) {
			methods = append(methods, op.method)
		}
	}
	return nil, notAllowed(r.Method, methods...)
}

func notAllowed(method string, allowed ...string) error {
	return fault(codeMethodNotAllowed, "The method %q is not allowed here.", method).with("Allow", strings.Join(allowed, ", "))
}

// refuse answers 501 to whatever the request asks for that op does not do.
func (op *operation) refuse(r *http.Request, query url.Values) error {
	for name, values := range query {
		if name == "x-id" {
			continue // AWS's SDKs name the operation with x-id; it asks for nothing
		}
		if !slices.Contains(op.query, name) && !slices.Contains(op.sub, name) {
			return notImplemented("The query parameter %q is not supported.", name)
		}
		if len(values) > 1 {
			return fault(codeInvalidArgument, "The query parameter %q is given more than once.", name)
		}
	}
	for name, values := range r.Header {
		if len(values) == 1 && asksNothing(name) {
			continue
		}
		if err := op.refuseHeader(strings.ToLower(name), values); err != nil {
			return err
		}
	}
	if err := checkOwner(r.Header); err != nil {
		return err
	}
	for name := range r.Trailer {
		return notImplemented("The trailer %q is not supported.", name)
	}
	return nil
}
